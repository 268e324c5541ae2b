"""Is the model sure enough of its answer?"""

from __future__ import annotations

from typing import Literal

from ..output import Output
from ..reading import Reading
from ..values import Probability
from ..verdict import Finding, Outcome
from .base import Check, Severity
from .subject import Subject


class Confidence(Check):
    """
    Unsure where the model's own token probabilities of a field lie below a level.

    Looks at the least confident of `fields` (default: all required ones). A model that gave no log-probabilities is
    unsure too, unless `missing` says otherwise.
    """

    check: Literal["confidence"]
    at_least: Probability
    fields: tuple[str, ...] = ()
    missing: Literal["unsure", "pass", "fail"] = "unsure"
    severity: Severity = "unsure"

    @property
    def needs_logprobs(self) -> bool:
        return self.missing != "pass" and self.severity != "warn"

    def __call__(self, subject: Subject) -> Finding:
        levels = self.levels(subject.reading, subject.types.output)
        if not levels:
            return self._without()
        field = min(levels, key=levels.__getitem__)
        if levels[field] < self.at_least:
            return self.found(f"confidence {levels[field]:.2f} in {field} is below {self.at_least}")
        return self.passed()

    def levels(self, reading: Reading, output: Output) -> dict[str, float]:
        """How sure the model was of each field that is looked at, as far as it is known."""
        if reading.confidence is None:
            return {}
        fields = self.fields or output.required_fields
        return {field: level for field in fields if (level := reading.confidence_in(field)) is not None}

    def _without(self) -> Finding:
        reason = "the model gave no log-probabilities, so its confidence is unknown"
        match self.missing:
            case "pass":
                return self.passed()
            case "fail":
                return Finding(check=self.name, outcome=Outcome.FAIL, reason=reason)
            case "unsure":
                return Finding(check=self.name, outcome=Outcome.UNSURE, reason=reason, warn=self.severity == "warn")
