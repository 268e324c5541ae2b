"""Is the model sure enough of its answer?"""

from __future__ import annotations

from typing import Literal

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
        if subject.reading.confidence is None:
            return self._without()
        fields = self.fields or subject.types.output.required_fields
        levels = {f: p for f in fields if (p := subject.reading.confidence_in(f)) is not None}
        if not levels:
            return self._without()
        field = min(levels, key=levels.__getitem__)
        if levels[field] < self.at_least:
            return self.found(f"confidence {levels[field]:.2f} in {field} is below {self.at_least}")
        return self.passed()

    def _without(self) -> Finding:
        reason = "the model gave no log-probabilities, so its confidence is unknown"
        match self.missing:
            case "pass":
                return self.passed()
            case "fail":
                return Finding(check=self.name, outcome=Outcome.FAIL, reason=reason)
            case "unsure":
                return Finding(check=self.name, outcome=Outcome.UNSURE, reason=reason, warn=self.severity == "warn")
