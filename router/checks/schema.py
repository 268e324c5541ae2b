"""Is the output what its schema says?"""

from __future__ import annotations

from typing import Literal

from ..verdict import Finding
from .base import Check
from .subject import Subject


class Schema(Check):
    """Fails a reply that is not strict JSON, not under the schema, not one of the labels, or no sound function call."""

    check: Literal["schema"]

    def __call__(self, subject: Subject) -> Finding:
        problem = subject.reading.problem or subject.types.validator.problem(subject.output)
        if problem is None and subject.types.output.tools is not None:
            called = subject.types.tool_validators[subject.output["name"]]
            problem = called.problem(subject.output["arguments"])
        return self.found(problem) if problem else self.passed()
