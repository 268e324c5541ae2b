"""Labels that come apart from the traffic: what people or other systems say was right, by the task's id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Self, TypeAlias

from pydantic import Field, StrictBool, model_validator

from ..policyfile.validated import lines_of
from ..problem import Problem
from ..recorded.recording import LoggedReply, Recording
from ..values import Json, Name, Value


class Label(Value):
    """
    What is known of a task: the output that was expected, or whether what came was correct.

    `correct` says it of the output that the task ended with, or of the last reply of each tier that is named.
    """

    id: Annotated[str, Field(min_length=1)]
    expected: Json = None
    correct: StrictBool | dict[Name, StrictBool] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if "expected" not in self.model_fields_set and self.correct is None:
            raise ValueError("say what was `expected`, or what was `correct`")
        return self


Labels: TypeAlias = Mapping[str, Label]


def parse_labels(lines: Iterable[str], file: str) -> Iterator[Label | Problem]:
    """Read labels line by line; a line that is none is a problem at its place."""
    yield from lines_of(lines, file, Label)


def joined(recordings: Sequence[Recording], labels: Labels) -> list[Recording]:
    """The recordings with what their labels say; those without a label as they were."""
    return [_told(recording, labels[recording.id]) if recording.id in labels else recording for recording in recordings]


def _told(recording: Recording, label: Label) -> Recording:
    changed: dict[str, Json] = {}
    if "expected" in label.model_fields_set:
        changed["expected"] = label.expected
    judged = label.correct
    if isinstance(judged, bool):
        judged = {recording.tier: judged} if recording.tier is not None else {}
    if judged:
        graded = {
            tier: _graded(recording.replies[tier], said) for tier, said in judged.items() if tier in recording.replies
        }
        changed["replies"] = {**recording.replies, **graded}
    return recording.model_copy(update=changed)


def _graded(replies: tuple[LoggedReply, ...], correct: bool) -> tuple[LoggedReply, ...]:
    """A word on the last reply; those before it were not taken."""
    return (*replies[:-1], replies[-1].model_copy(update={"correct": correct}))
