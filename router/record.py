"""Everything that is known of a task."""

from __future__ import annotations

from dataclasses import dataclass

from .reading import Reading
from .task import Task, TaskState
from .trail import Trail
from .values import Json

_ENDS = {
    TaskState.SUCCEEDED: "accept",
    TaskState.REJECTED: "reject",
    TaskState.REVIEW: "review",
    TaskState.DEAD: "dead_letter",
    TaskState.EXPIRED: "expire",
    TaskState.CANCELLED: "cancel",
}


@dataclass(frozen=True, slots=True)
class Record:
    """
    A task with its trail. `cost_nusd` counts calls of unknown outcome at their bound; times are Unix ms.

    `origin` is the dead letter that it was sent again for, `redriven` the task that was sent again for it, and
    `audit` the task that asks a larger tier the same. `erased_ms` is when its contents were erased.
    """

    task: Task
    state: TaskState
    tier: str
    trail: Trail
    reason: str | None = None
    cost_nusd: int = 0
    ended_ms: int | None = None
    origin: str | None = None
    redriven: str | None = None
    audit: str | None = None
    erased_ms: int | None = None

    @property
    def output(self) -> Json:
        """The accepted output; None unless the task succeeded."""
        if self.state is not TaskState.SUCCEEDED or not self.trail:
            return None
        answer = self.trail[-1].answer
        return answer.output if isinstance(answer, Reading) else None

    @property
    def moves(self) -> tuple[str, ...]:
        """What was done after each attempt; for a task that ended without any, the end alone."""
        end = _ENDS.get(self.state)
        return (*(attempt.why for attempt in self.trail[1:]), *((end,) if end is not None else ()))
