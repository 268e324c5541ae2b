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
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from .call import FinishReason, Reply, Usage
from .checks.sameness import compared, differing
from .cost import nusd
from .jsontext import NotJson, parse
from .output import Output
from .policycase import Recorded
from .problem import Place, Problem
from .reading import Reading, read
from .values import Json, Value
from .verdict import Finding


class LoggedReply(Recorded):
    """
    What a tier answered. `correct` is a grader's word, which counts more than a comparison with what was `expected`.

    `sample` is what the same tier answered when it was asked again; `findings` are those of the checks that ask a
    model, which nobody can judge again without asking.
    """

    cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    latency_ms: Annotated[int, Field(ge=0)] = 0
    model: str | None = None
    correct: bool | None = None
    sample: Json = None
    findings: tuple[Finding, ...] = ()

    @property
    def cost_nusd(self) -> int | None:
        return nusd(self.cost_usd) if self.cost_usd is not None else None

    def reading(self, output: Output) -> Reading:
        """The reply as the policy reads it. Only for what is no failure."""
        if "output" not in self.model_fields_set:
            answer = self.answer(output, usage=_NO_USAGE)
            return read(output, answer) if isinstance(answer, Reply) else Reading(problem="no reply")
        return Reading(
            output=self.output,
            refusal=self.refusal,
            finish_reason=self.finish_reason or FinishReason.STOP,
            confidence=self._levels(output),
        )

    def _levels(self, output: Output) -> dict[str, float] | None:
        """Confidence by field; those that are not named are certain."""
        if self.confidence is None:
            return None
        rest = 1.0 if isinstance(self.confidence, dict) else self.confidence
        named = self.confidence if isinstance(self.confidence, dict) else {}
        return dict.fromkeys(output.required_fields, rest) | named


def _listed(value: Json) -> Json:
    return value if isinstance(value, list) else [value]


class Recording(Value):
    """One task of a log. `version` is the digest of the policy that it ran under; money is decimal dollars."""

    id: Annotated[str, Field(min_length=1)]
    input: dict[str, Json]
    replies: dict[str, Annotated[tuple[LoggedReply, ...], BeforeValidator(_listed), Field(min_length=1)]]
    expected: Json = None
    metadata: dict[str, Json] = Field(default_factory=dict)
    policy: str | None = None
    version: str | None = None
    tenant: str = "default"
    created: str | None = None
    status: str | None = None
    tier: str | None = None
    cost_usd: Annotated[Decimal, Field(ge=0)] | None = None

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
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield Recording.model_validate(parse(line))
        except NotJson as why:
            yield Problem(file, Place(number, 1), f"the line is not JSON: {why}")
        except ValidationError as why:
            for error in why.errors(include_url=False):
                where = ".".join(map(str, error["loc"]))
                yield Problem(file, Place(number, 1), f"{where}: {error['msg']}")


_NO_USAGE = Usage(input_tokens=0, output_tokens=0)
