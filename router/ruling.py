"""What a person decided of a task that waits in review."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from .jsontext import canonical
from .task import TaskState
from .values import Json, Name, Value

REVIEW: Final = "review"
"""The tier under which a trail shows what a person decided, and the name of that finding."""

Wish: TypeAlias = Literal["accept", "reject", "dead_letter", "ask"]


class Ruling(Value):
    """
    Exactly one of: accept an output; end the task without one, for a reason; or have `tier` asked (again).

    `by` names who decided.
    """

    wish: Wish
    by: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    reason: Annotated[str, Field(max_length=2000)] = ""
    tier: Name | None = None

    @model_validator(mode="after")
    def _whole(self) -> Ruling:
        if (self.tier is None) == (self.wish == "ask"):
            raise ValueError("`ask` needs a tier, and nothing else takes one")
        if self.wish in ("reject", "dead_letter") and not self.reason.strip():
            raise ValueError(f"`{self.wish}` needs a reason")
        return self

    @property
    def reached(self) -> TaskState:
        """The state that the task is in then."""
        return _REACHED[self.wish]

    @property
    def told(self) -> str:
        """In a sentence for people, without a word of what was asked, answered or given as a reason."""
        return f"{_DONE[self.wish]} {self.tier} by a person" if self.tier else f"{_DONE[self.wish]} by a person"

    @property
    def because(self) -> str:
        """The reason of an end without an output; empty for what goes on or succeeds."""
        return f"{_DONE[self.wish]} by {self.by}: {self.reason}" if self.wish in ("reject", "dead_letter") else ""


def signature(ruling: Ruling, output: Json) -> str:
    """The same for the same decision, whoever repeats it."""
    return hashlib.sha256(canonical([ruling.model_dump(mode="json"), output]).encode()).hexdigest()[:16]


def not_in_review(task_id: str, state: TaskState) -> str:
    return f"task {task_id} is {state}; only what is in review, and as it was shown, can be resolved"


_REACHED: dict[Wish, TaskState] = {
    "accept": TaskState.SUCCEEDED,
    "reject": TaskState.REJECTED,
    "dead_letter": TaskState.DEAD,
    "ask": TaskState.READY,
}
_DONE: dict[Wish, str] = {
    "accept": "accepted",
    "reject": "rejected",
    "dead_letter": "given up",
    "ask": "sent on to",
}
