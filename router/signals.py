"""What speaks for or against a reply, as numbers: the raw material of trust."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .checks import Subject
from .values import Json
from .verdict import Finding, Outcome


def signals(subject: Subject, findings: Sequence[Finding]) -> Mapping[str, float]:
    """The signals of one reply, by name; what does not apply is left out."""
    found: dict[str, float] = {"rules": float(sum(f.outcome is not Outcome.PASS for f in findings))}
    confidence = subject.reading.confidence
    if confidence:
        levels = [
            p for f in subject.types.output.required_fields if (p := subject.reading.confidence_in(f)) is not None
        ]
        if levels:
            found["confidence"] = _logit(min(levels))
    return found


def tag(subject: Subject) -> str | None:
    """The kind of the task: `tag` of its metadata, else the label or the function that was answered."""
    given = subject.task.metadata.get("tag")
    if isinstance(given, str):
        return given
    output: Json = subject.output
    if subject.types.output.kind == "labels" and isinstance(output, str):
        return output
    if subject.types.output.kind == "tools" and isinstance(output, dict):
        return str(output.get("name"))
    return None


def _logit(p: float) -> float:
    bounded = min(1 - 1e-6, max(1e-6, p))
    return math.log(bounded / (1 - bounded))
