"""Who waits first for room in a budget that calls under way hold, in the store in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

PATIENCE_MS: Final = 5000
"""For so long a task that waits first is overtaken by calls that fit; from then on room is kept for it."""
AGAIN_MS: Final = 1000
_ABSENCE_MS: Final = 5000
"""Who does not try again for so long after its pause has lost its place."""


Named: TypeAlias = tuple[str, str]
"""A budget of one scope: the scope, and the name of its window."""


@dataclass(frozen=True, slots=True)
class Front:
    """The task that waits first at a budget, and the worst case of its call."""

    task: str
    nusd: int
    since_ms: int
    ends_ms: int

    def is_patient(self, now_ms: int) -> bool:
        return self.since_ms + PATIENCE_MS <= now_ms


class Fronts:
    """The first in line at each budget."""

    def __init__(self) -> None:
        self._fronts: dict[Named, Front] = {}

    def at(self, budget: Named, now_ms: int) -> Front | None:
        front = self._fronts.get(budget)
        return front if front is not None and front.since_ms <= now_ms < front.ends_ms else None

    def wait(self, task: str, nusd: int, budgets: Iterable[Named], now_ms: int) -> bool:
        """Stand first at each of these budgets where nobody else does; True where that is one at least."""
        waits = False
        for budget in budgets:
            front = self.at(budget, now_ms)
            if front is None or front.task == task:
                since_ms = front.since_ms if front is not None else now_ms
                self._fronts[budget] = Front(task, nusd, since_ms, now_ms + AGAIN_MS + _ABSENCE_MS)
                waits = True
        return waits

    def leave(self, task: str, budgets: Iterable[Named]) -> None:
        for budget in budgets:
            if budget in self._fronts and self._fronts[budget].task == task:
                del self._fronts[budget]
