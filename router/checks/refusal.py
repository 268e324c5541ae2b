"""Did the model finish its answer, or did it refuse, or was it cut off?"""

from __future__ import annotations

from typing import Literal

from ..call import FinishReason
from ..verdict import Finding
from .base import Check
from .subject import Subject

_SAID = {
    FinishReason.LENGTH: "the answer was cut off at the output limit; raise limits.output_tokens or ask for less",
    FinishReason.CONTENT_FILTER: "the provider's content filter stopped the answer",
    FinishReason.UNKNOWN: "the provider gave no known reason for the end of the answer",
}


class Refusal(Check):
    """Fails a refusal, a filtered and a cut-off answer. Every policy has it, listed or not."""

    check: Literal["refusal"]

    def __call__(self, subject: Subject) -> Finding:
        reading = subject.reading
        if reading.refusal is not None:
            return self.found(f"the model refused: {reading.refusal[:200]}")
        said = _SAID.get(reading.finish_reason)
        return self.found(said) if said else self.passed()
