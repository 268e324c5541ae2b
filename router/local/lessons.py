"""What the models are taught: the policies' hand-written examples, rendered as a request renders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..compose import render_user
from ..errors import PolicyInvalid
from ..io.folder import policy_files, read_policy
from ..output import LABEL
from ..policy import Example as Written
from ..policy import Policy
from ..template import PromptInvalid
from .belief import Json

NO_FUNCTION = ""
FUNCTION = "name"


class LessonError(Exception):
    """A policy or its examples cannot be read; the author of the file must act."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt as the model will see it, and the form filled in as it should be, for a function if one is called."""

    text: str
    form: Mapping[str, Json]
    function: str = NO_FUNCTION

    @property
    def output(self) -> Mapping[str, Json]:
        """The answer as it would be written into a conversation."""
        return {FUNCTION: self.function, "arguments": self.form} if self.function else self.form


@dataclass(frozen=True, slots=True)
class Lesson:
    """A policy to learn. `forms` holds the schema of each function's arguments, or under "" that of the one form."""

    policy: str
    forms: Mapping[str, Mapping[str, Json]]
    examples: tuple[Example, ...]
    held_out: tuple[Example, ...]
    shots: int

    @property
    def functions(self) -> frozenset[str]:
        """The functions to choose from; none where a form is filled in."""
        return frozenset(self.forms) - {NO_FUNCTION}


def lessons_in(folder: Path) -> tuple[Lesson, ...]:
    """Reads every policy of a folder that these models can learn; raises LessonError with file and reason."""
    lessons = [_lesson(path) for path in policy_files(folder)]
    return tuple(lesson for lesson in lessons if lesson is not None)


def _lesson(path: Path) -> Lesson | None:
    """One policy's lesson; None where no form is filled in, where there are no examples, and of conversations."""
    policy = _read(path)
    if policy.prompt is None:
        return None
    forms, written = _forms(policy), _legible(policy)
    if not forms or all(example.held_out for example in written):
        return None
    try:
        examples = [(example.held_out, _example(policy, example)) for example in written]
    except PromptInvalid as why:
        raise LessonError(f"{path}: an example does not fit the policy's prompt: {why}") from why
    return Lesson(
        policy=policy.policy,
        forms=forms,
        examples=tuple(example for held_out, example in examples if not held_out),
        held_out=tuple(example for held_out, example in examples if held_out),
        shots=policy.prompt.examples,
    )


def _read(path: Path) -> Policy:
    try:
        return read_policy(path)
    except PolicyInvalid as why:
        raise LessonError(str(why)) from why


def _legible(policy: Policy) -> list[Written]:
    """The examples that can be understood by their text alone; these models see no images."""
    return [e for e in policy.examples if not any(e.input.get(field) for field in policy.images)]


def _forms(policy: Policy) -> dict[str, Mapping[str, Json]]:
    """The schemas of what is to be filled in; none for free text, and for what is no object."""
    if policy.output.tools is not None:
        return {tool.name: tool.parameters for tool in policy.output.tools}
    schema = policy.output.wire_schema
    return {NO_FUNCTION: schema} if schema is not None and schema.get("type") == "object" else {}


def _example(policy: Policy, written: Written) -> Example:
    text = render_user(policy, written.input)
    match policy.output.kind:
        case "tools":
            return Example(text, written.output["arguments"], written.output["name"])
        case "labels":
            return Example(text, {LABEL: written.output})
        case _:
            return Example(text, written.output)
