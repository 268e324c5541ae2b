"""Does the model say the same when asked again?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..call import Failure
from .base import Check, Examination, SecondSample, Severity
from .sameness import agreeing, compared, differing
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
        fields = self.fields or compared(subject.types.output)
        differ = differing(subject.output, second.output, fields)
        said = self.found(f"a second sample differs in {', '.join(differ) or 'its whole'}") if differ else self.passed()
        return said.model_copy(update={"share": agreeing(subject.output, second.output, fields)})
