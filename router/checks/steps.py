"""Is the arithmetic that the answer states right?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..arithmetic import stated_steps
from ..verdict import Finding
from .base import Check, texts_at
from .subject import Subject


class Steps(Check):
    """Recomputes every `a + b = c` that a text states; each must hold up to `tolerance` (relative, for rounding)."""

    reads_text: ClassVar[bool] = True

    check: Literal["steps"]
    field: str | None = None
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.005

    def __call__(self, subject: Subject) -> Finding:
        for text in texts_at(subject, self.field):
            for step in stated_steps(text):
                if not step.holds(self.tolerance):
                    return self.found(f"the answer says {step.text}, but that is {step.computed:g}")
        return self.passed()
