"""Is the output what its schema says?"""

from __future__ import annotations

from typing import Literal

from ..verdict import Finding, Outcome
from .base import Check
from .subject import Subject


class Schema(Check):
    """
    Fails a reply that is not strict JSON, not under the schema, not one of the labels, or no sound function call.

    What cannot be read at all fails whatever the severity: there is no output to accept then.
    """

    check: Literal["schema"]

    def __call__(self, subject: Subject) -> Finding:
        if subject.reading.problem is not None:
            return Finding(check=self.name, outcome=Outcome.FAIL, reason=subject.reading.problem)
        problem = subject.types.validator.problem(subject.output)
        if problem is None and subject.types.output.tools is not None:
            called = subject.types.tool_validators[subject.output["name"]]
            problem = called.problem(subject.output["arguments"])
        return self.found(problem) if problem else self.passed()
