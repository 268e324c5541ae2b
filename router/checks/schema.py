"""Is the output what its schema says?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ..values import Json
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
        for name, arguments in _called(subject) if problem is None else ():
            problem = problem or subject.types.tool_validators[name].problem(arguments)
        return self.found(problem) if problem else self.passed()


def _called(subject: Subject) -> Iterator[tuple[str, Json]]:
    """The functions that were called, with their arguments."""
    match subject.types.output.kind:
        case "tools":
            yield subject.output["name"], subject.output["arguments"]
        case "turn":
            yield from ((call["name"], call["arguments"]) for call in subject.output["calls"])
