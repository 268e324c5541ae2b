"""Does what the output says stand in the input?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..grounds import Grounds
from ..verdict import Finding
from .base import MISSING, Check, scalars, value_at
from .subject import Subject


class Grounding(Check):
    """
    Every value of `fields` must occur in the input: numbers as numbers, dates as dates, texts without regard to case,
    blanks and punctuation.  Nulls and absent fields claim nothing and are skipped; so is an input of images alone.
    """

    reads_text: ClassVar[bool] = True

    check: Literal["grounding"]
    fields: Annotated[tuple[str, ...], Field(min_length=1)]

    def __call__(self, subject: Subject) -> Finding:
        if not subject.input_text.strip():
            return self.passed()
        grounds = Grounds.of(subject.input_text)
        for field in self.fields:
            value = value_at(subject.output, field)
            for path, scalar in () if value is MISSING else scalars(value, field):
                if not isinstance(scalar, bool) and not grounds.hold(scalar):
                    return self.found(f"{path} is {scalar!r}, which does not occur in the input")
        return self.passed()
