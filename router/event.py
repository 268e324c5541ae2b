"""What happens to tasks, as it is told live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .task import TaskState


@dataclass(frozen=True, slots=True)
class Moved:
    """A task left one tier for another, and why: here and below without contents, which are in its record alone."""

    task: str
    left: str
    reached: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stands:
    """A task reached a state: it ended, waits for a person, or for a time."""

    task: str
    state: TaskState
    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """A task is asked again at its tier (`repaired`), or was taken back from a shift that is gone."""

    task: str
    repaired: bool
    reason: str


AlarmKind: TypeAlias = Literal["budget", "breaker", "storm", "webhook", "ledger"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """
    Somebody should look: a share of a budget is used (about a scope), a breaker opened (about a deployment), or
    escalations are held back, or a webhook is disabled (about a tenant), or the ledger is too long and cannot be cut.
    """

    kind: AlarmKind
    about: str
    said: str


Event: TypeAlias = Moved | Stands | Again | Alarm
