"""Is the output what its caller asked for?"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from ..jsontext import NotJson, parse
from ..output import LABEL
from ..schema.validator import Validator
from ..values import Json
from ..verdict import Finding
from .base import Check
from .subject import Subject


class ResponseFormat(Check):
    """
    Fails an output that is not under its caller's own `schema`, in the form in which the model writes it.

    A label is looked at as `{"label": ...}`, of a turn its text, if there is any. It stands in no policy's file.
    """

    check: Literal["response_format"] = "response_format"
    json_schema: dict[str, Json]

    def __call__(self, subject: Subject) -> Finding:
        if subject.reading.problem is not None:
            return self.found(subject.reading.problem)
        try:
            value = _written(subject)
        except NotJson as why:
            return self.found(f"the text is not JSON: {why}")
        problem = self._validator.problem(value) if value is not NOTHING else None
        return self.found(problem) if problem else self.passed()

    @cached_property
    def _validator(self) -> Validator:
        return Validator(self.json_schema)


NOTHING = object()
"""What there is of a turn that has no text."""


def _written(subject: Subject) -> Json:
    """The output as the model wrote it. Raises: NotJson."""
    match subject.types.output.kind:
        case "labels":
            return {LABEL: subject.output}
        case "turn":
            text = subject.output["text"]
            return NOTHING if text is None else parse(text)
        case _:
            return subject.output
