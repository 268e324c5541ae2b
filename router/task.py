"""What a caller asks for, and how it can end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

from pydantic import Field

from .values import Json, Value
from .wishes import Wishes


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def patience_ms(self) -> int:
        """How long after its creation a task becomes urgent; a nearer deadline counts instead."""
        return _PATIENCE_MS[self]


_PATIENCE_MS = {Priority.HIGH: 0, Priority.NORMAL: 60_000, Priority.LOW: 600_000}


class TaskState(StrEnum):
    """Where a task stands. The last five are ends: exactly one of them is ever reached, once."""

    READY = "ready"
    RUNNING = "running"
    DELAYED = "delayed"
    REVIEW = "review"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    DEAD = "dead"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in ENDS


ENDS: Final = frozenset(
    {TaskState.SUCCEEDED, TaskState.REJECTED, TaskState.DEAD, TaskState.EXPIRED, TaskState.CANCELLED}
)


TAGS_MAX: Final = 16
"""Tags of one task."""

TAG_LENGTH_MAX: Final = 64
"""Characters of a tag."""

AUDITOR: Final = ":audit"
"""The tenant that audits run for: no caller's, because callers' names hold no colon."""


class Audited(Value):
    """
    What a task is there for: to ask `against` the same as `task` was asked, and to compare what it says with the
    `output` that was accepted at `tier`. A `shadow` asks about recorded traffic: there is nothing to compare.
    """

    task: str
    against: str
    tier: str = ""
    output: Json = None
    shadow: bool = False


class Task(Value):
    """
    One piece of work. Times are Unix milliseconds; `policy` is the digest of the version it was submitted under,
    `wishes` what its caller asks beyond that policy, `background` whether it was told at once that it will be answered.
    """

    id: str
    policy: str
    input: dict[str, Json]
    tenant: str = "default"
    priority: Priority = Priority.NORMAL
    created_ms: int
    deadline_ms: int
    metadata: dict[str, Json] = Field(default_factory=dict)
    audits: Audited | None = None
    wishes: Wishes | None = None
    background: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        return tags_in(self.metadata)

    @cached_property
    def input_bytes(self) -> int:
        """Size of the texts in the input, UTF-8; images count separately."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(self.input) if not _is_image(text))


def tags_in(metadata: Mapping[str, Json]) -> tuple[str, ...]:
    """
    What lists can be narrowed down by: `tags` of a task's metadata, where that is a list of texts within the bounds.

    Anything else that stands there is metadata and no more.
    """
    told = metadata.get("tags")
    if not isinstance(told, list) or len(told) > TAGS_MAX:
        return ()
    tags = tuple(tag for tag in told if isinstance(tag, str) and 1 <= len(tag) <= TAG_LENGTH_MAX)
    return tags if len(tags) == len(told) else ()


def _texts(value: Json) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for item in value.values() for text in _texts(item)]
        case list():
            return [text for item in value for text in _texts(item)]
        case None:
            return []
        case _:
            return [str(value)]


def _is_image(text: str) -> bool:
    return text.startswith("data:image/")
