"""Does the model say the same when asked again?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..call import Failure
from ..grounds import normal
from ..values import Json
from .base import MISSING, Check, Examination, SecondSample, Severity, value_at
from .subject import Subject


class Agreement(Check):
    """
    Takes a second sample from the same tier and compares it field by field (default: all required ones).

    Costs one more call, booked by itself. Without a second sample the answer is unsure.
    """

    check: Literal["agreement"]
    fields: tuple[str, ...] = ()
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    severity: Severity = "unsure"

    def examine(self, subject: Subject) -> Examination:
        second = yield SecondSample(temperature=self.temperature)
        if isinstance(second, Failure):
            return self.found(f"no second sample to compare with: {second.message}")
        if second.output is None:
            return self.found(f"the second sample cannot be read: {second.problem}")
        if differing := [f for f in self._fields(subject) if not _same(subject.output, second.output, f)]:
            return self.found(f"a second sample differs in {', '.join(differing) or 'its whole'}")
        return self.passed()

    def _fields(self, subject: Subject) -> tuple[str, ...]:
        return self.fields or subject.types.output.required_fields or ("",)


def _same(one: Json, other: Json, field: str) -> bool:
    return bool(_normal(one, field) == _normal(other, field))


def _normal(output: Json, field: str) -> Json:
    value = value_at(output, field)
    return None if value is MISSING else _deep(value)


def _deep(value: Json) -> Json:
    match value:
        case str():
            return normal(value) or value
        case dict():
            return {key: _deep(item) for key, item in value.items()}
        case list():
            return [_deep(item) for item in value]
        case _:
            return value
