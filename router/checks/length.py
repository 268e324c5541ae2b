"""Is a text neither too short nor too long?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..verdict import Finding
from .base import Check, texts_at
from .subject import Subject


class Length(Check):
    """Bounds, in characters, of a field or of the whole output, where it is a text."""

    check: Literal["length"]
    field: str | None = None
    at_least: Annotated[int, Field(ge=0)] = 0
    at_most: Annotated[int, Field(ge=0)] | None = None

    def __call__(self, subject: Subject) -> Finding:
        what = self.field or "the output"
        for text in texts_at(subject, self.field):
            if len(text) < self.at_least:
                return self.found(f"{what} has {len(text)} characters, at least {self.at_least} were expected")
            if self.at_most is not None and len(text) > self.at_most:
                return self.found(f"{what} has {len(text)} characters, at most {self.at_most} were expected")
        return self.passed()
