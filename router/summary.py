"""A task in one line of a list, and which lines somebody wants to see."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from .task import AUDITOR, TaskState


@dataclass(frozen=True, slots=True)
class Summary:
    """
    How a task stands, without its contents; times are Unix ms.

    `origin` is the dead letter that it was sent again for, `redriven` the task that was sent again for it.
    """

    id: str
    policy: str
    state: TaskState
    tier: str
    tenant: str
    created_ms: int
    ended_ms: int | None = None
    cost_nusd: int = 0
    reason: str | None = None
    origin: str | None = None
    redriven: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def at_ms(self) -> int:
        """When it ended, or came while it has not."""
        return self.created_ms if self.ended_ms is None else self.ended_ms


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Says which tasks are wanted; None: any will do. `reason` is looked for within theirs, in upper or lower case;
    `redriven` says whether they were sent again; `tag` is one of theirs, letter by letter. Audits are nobody's: they
    are wanted by their tenant alone.
    """

    status: TaskState | None = None
    policy: str | None = None
    tenant: str | None = None
    reason: str | None = None
    redriven: bool | None = None
    tag: str | None = None
    since_ms: int = 0
    until_ms: int | None = None

    def __call__(self, task: Summary, *, by_creation: bool = False) -> bool:
        at_ms = task.created_ms if by_creation else task.at_ms
        return (
            self.status in (None, task.state)
            and self.policy in (None, task.policy)
            and (task.tenant == self.tenant if self.tenant is not None else task.tenant != AUDITOR)
            and (self.reason is None or self.reason.casefold() in (task.reason or "").casefold())
            and self.redriven in (None, task.redriven is not None)
            and (self.tag is None or self.tag in task.tags)
            and self.since_ms <= at_ms
            and (self.until_ms is None or at_ms <= self.until_ms)
        )


def alike(reason: str) -> str:
    """A reason without the amounts and times in it, which is the same for tasks that ended for the same."""
    return _NUMBER.sub("N", " ".join(reason.split()))


_NUMBER = re.compile(r"(?<![\w-])\d(?:[\d.,:-]*\d)?")
"""A number that stands for itself: those in names such as `gpt-4o` say which."""


def newest(tasks: list[Summary]) -> list[Summary]:
    """Put them in order: who ended or came last is first."""
    return sorted(tasks, key=lambda task: (-task.at_ms, task.id))


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    Where a list goes on: after the task of that id, which stands there by that time (Unix ms).

    It is when the task came; among dead letters when it ended, among reviews when it began to wait.
    """

    ms: int
    id: str

    @property
    def text(self) -> str:
        """As callers get it: nothing to be read or made by hand."""
        return urlsafe_b64encode(f"{self.ms} {self.id}".encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises: ValueError."""
        ms, _, task_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
        if not (ms.isascii() and ms.isdecimal() and len(ms) < _MS_DIGITS_MAX):
            raise ValueError("this is no cursor of ours")
        return cls(int(ms), task_id)


_MS_DIGITS_MAX = 16


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks in the order of their list, and where its next page begins; None after the last."""

    tasks: tuple[Summary, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks, newest first; `complete` unless there was more to look at than a list looks at."""

    tasks: tuple[Summary, ...]
    complete: bool
