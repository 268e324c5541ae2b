"""
Recorded traffic: what tiers answered to inputs, one task a line of JSON.

`router trail export` writes it; diff, backtest and calibrate read it. A line holds what a case of a policy holds, with
what the replies cost and, where it is known, whether they were right:

    {"id": "t1", "input": {"text": "..."}, "expected": "refund",
     "replies": {"mini": {"output": "refund", "confidence": 0.93, "cost_usd": "0.000021", "latency_ms": 640},
                 "large": [{"output": "refund", "cost_usd": "0.00040", "correct": true}]}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from ..call import FinishReason, Reply, Usage
from ..cases.case import Recorded
from ..checks.base import MISSING, value_at
from ..checks.sameness import compared, differing
from ..cost import nusd
from ..jsontext import DEPTH_MAX
from ..output import Output
from ..policyfile.validated import lines_of
from ..problem import Problem
from ..reading import Reading, read
from ..values import Json, Value
from ..verdict import Finding

Usd: TypeAlias = Annotated[Decimal, Field(ge=0), PlainSerializer("{:f}".format, when_used="json")]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0)]


class Consulted(Value):
    """What a check's own call took, beside the call that it was about."""

    cost_usd: Usd | None = None
    doubt_usd: Usd | None = None
    latency_ms: Milliseconds = 0

    @cached_property
    def cost_nusd(self) -> int | None:
        return nusd(self.cost_usd) if self.cost_usd is not None else None

    @cached_property
    def doubt_nusd(self) -> int:
        return nusd(self.doubt_usd) if self.doubt_usd is not None else 0


class LoggedReply(Recorded):
    """
    What a tier answered. `correct` is a grader's word, which counts more than a comparison with what was `expected`.

    `cost_usd` and `latency_ms` are those of the reply alone, `doubt_usd` is what a call of unknown outcome may have
    cost at most. `sample` is what the same tier answered when it was asked again; `findings` are those of the checks
    that ask a model, which nobody can judge again without asking, and `consulted` is what they took, by check.
    `not_sent` names the limit for which no call was made: of its time and its version, whatever a later one says.
    """

    cost_usd: Usd | None = None
    doubt_usd: Usd | None = None
    latency_ms: Milliseconds = 0
    model: str | None = None
    deployment: str | None = None
    correct: bool | None = None
    sample: Json = None
    findings: tuple[Finding, ...] = ()
    consulted: dict[str, Consulted] = Field(default_factory=dict)
    not_sent: Literal["cost", "budget", "breaker"] | None = None

    @cached_property
    def cost_nusd(self) -> int | None:
        return nusd(self.cost_usd) if self.cost_usd is not None else None

    @cached_property
    def doubt_nusd(self) -> int:
        return nusd(self.doubt_usd) if self.doubt_usd is not None else 0

    def reading(self, output: Output) -> Reading:
        """The reply as the policy reads it. Only for what is no failure."""
        if "output" not in self.model_fields_set or self.output == "":
            answer = self.answer(output, usage=_NO_USAGE)
            return read(output, answer) if isinstance(answer, Reply) else Reading(problem="no reply")
        return Reading(
            output=self.output,
            refusal=self.refusal,
            finish_reason=self.finish_reason or FinishReason.STOP,
            confidence=self._levels(output),
        )

    def _levels(self, output: Output) -> dict[str, float] | None:
        """Confidence by field; those that are there and not named are certain."""
        if self.confidence is None:
            return None
        rest = 1.0 if isinstance(self.confidence, dict) else self.confidence
        named = self.confidence if isinstance(self.confidence, dict) else {}
        there = (field for field in output.required_fields if value_at(self.output, field) is not MISSING)
        return dict.fromkeys(there, rest) | named


def _listed(value: Json) -> Json:
    return value if isinstance(value, list) else [value]


def _a_moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write ISO 8601, such as 2026-11-20T09:30:00Z") from None
    return text


class Recording(Value):
    """
    One task of a log. `version` is the digest of the policy that it ran under; money is decimal dollars.

    `deadline_s` is the task's own, where it had another one than its policy gives.
    """

    id: Annotated[str, Field(min_length=1)]
    input: dict[str, Json]
    replies: dict[str, Annotated[tuple[LoggedReply, ...], BeforeValidator(_listed), Field(min_length=1)]]
    expected: Json = None
    metadata: dict[str, Json] = Field(default_factory=dict)
    policy: str | None = None
    version: str | None = None
    question: str | None = None
    tenant: str = "default"
    created: Annotated[str, AfterValidator(_a_moment)] | None = None
    deadline_s: Annotated[float, Field(gt=0, le=2_592_000)] | None = None
    status: str | None = None
    tier: str | None = None
    cost_usd: Usd | None = None

    @cached_property
    def day(self) -> date:
        """When it came, for dated prices; where that is not known, the last of all days."""
        return datetime.fromisoformat(self.created).date() if self.created is not None else date.max

    def correct(self, reply: LoggedReply, output: Output) -> bool | None:
        """Whether *reply* was right: as a grader said, else as expected; None where nobody knows."""
        if reply.correct is not None:
            return reply.correct
        if "expected" not in self.model_fields_set or reply.failure is not None:
            return None
        given = reply.reading(output).output
        return given is not None and not differing(given, self.expected, compared(output))


def parse_recordings(lines: Iterable[str], file: str) -> Iterator[Recording | Problem]:
    """Read a log line by line; a line that is no recording is a problem at its place, and the others are read."""
    yield from lines_of(lines, file, Recording, max_bytes=_LINE_BYTES_MAX, depth_max=_LINE_DEPTH_MAX)


_LINE_BYTES_MAX = 1 << 28
"""A line holds an input, perhaps with images, and all that was replied to it."""

_LINE_DEPTH_MAX = DEPTH_MAX + 4
"""An output stands four levels deep in its line."""

_NO_USAGE = Usage(input_tokens=0, output_tokens=0)
