"""What every check is: a value that can be called."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

from ..call import Failure
from ..output import LABEL, Formed, Turn
from ..reading import Reading
from ..values import Json, Name, Value
from ..verdict import Finding, Outcome
from .subject import Subject

Severity: TypeAlias = Literal["fail", "unsure", "warn"]


class SecondSample(Value):
    """Ask the same tier the same thing again, a little warmer."""

    temperature: float


class Consultation(Value):
    """Ask a tier something else: a judge's question."""

    tier: str
    system: str
    user: str
    answer_schema: dict[str, Json]


Question: TypeAlias = SecondSample | Consultation
Examination: TypeAlias = Generator[Question, Reading | Failure, Finding]


class Check(Value):
    """
    A rule that a reply must meet: its settings are fields, the rule is `__call__`.

    A check that has to ask a model overrides `examine` instead: it yields the question, whoever drives it sends the
    answer back in.  So no check does I/O.  `tiers` limits a check to replies of those tiers.

    `reads_text` says of a kind that what it finds in a free text it would not find in JSON or in function calls.
    """

    reads_text: ClassVar[bool] = False

    check: str
    id: Name | None = None
    severity: Severity = "fail"
    tiers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.id or self.check

    @property
    def needs_logprobs(self) -> bool:
        """True where the check can never pass a reply without log-probabilities."""
        return False

    @property
    def asks(self) -> bool:
        """True where it has to ask a model."""
        return type(self).examine is not Check.examine

    def applies_to(self, tier: str) -> bool:
        return not self.tiers or tier in self.tiers

    def __call__(self, subject: Subject) -> Finding:
        raise TypeError(f"{type(self).__name__} has to ask a model: use examine()")

    def examine(self, subject: Subject) -> Examination:
        yield from ()
        return self(subject)

    def passed(self) -> Finding:
        return self._pass

    @cached_property
    def _pass(self) -> Finding:
        return Finding(check=self.name, outcome=Outcome.PASS)

    def found(self, reason: str) -> Finding:
        """Say what is wrong, as grave as the policy's author wishes."""
        outcome = Outcome.FAIL if self.severity == "fail" else Outcome.UNSURE
        return Finding(check=self.name, outcome=outcome, reason=reason, warn=self.severity == "warn")


_WHOLE = (LABEL, "text")
"""How the only field of an output is called that is a label or a text itself."""

MISSING = object()
"""What `value_at` gives where the output has no such field."""


def value_at(output: Json, field: str) -> Json:
    """The value at a dotted path (`total`, `items.0.price`, `arguments.order_id`), or MISSING; the whole for ""."""
    if not field or (isinstance(output, str) and field in _WHOLE):
        return output
    for part in field.split("."):
        if isinstance(output, dict) and part in output:
            output = output[part]
        elif isinstance(output, list) and part.isdecimal() and int(part) < len(output):
            output = output[int(part)]
        else:
            return MISSING
    return output


def scalars(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Every string, number and boolean at or under *value*, with its path; nulls are left out."""
    match value:
        case dict():
            for key, item in value.items():
                yield from scalars(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(value):
                yield from scalars(item, f"{path}.{index}")
        case None:
            return
        case _:
            yield path, value


def texts_at(subject: Subject, field: str | None) -> list[str]:
    """The strings a text check looks at: one field, or the whole output where it is text or was asked for as text."""
    if field is None and isinstance(subject.types.output, Formed | Turn):
        text = subject.types.output.text_of(subject.output)
        return [text] if text is not None else []
    value = subject.output if field is None else value_at(subject.output, field)
    return [text for _, text in scalars(value, "") if isinstance(text, str)] if value is not MISSING else []
