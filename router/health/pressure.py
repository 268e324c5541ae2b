"""How long a task that comes now would wait for its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STEP_MS: Final = 10_000
"""Tasks that leave a queue are counted in steps of this length."""
STEPS: Final = 6
"""How many full steps back it is looked: a minute."""
TOLD_AFTER_MS: Final = STEP_MS
"""For how long a queue has to be busy before anything is foretold: until then nobody knows how fast it is."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """
    A tier's queue as a task of some tenant would find it now. Times are ms; of more than a hundred tenants a
    hundred are counted, and stand for all.

    `ready` tasks wait for a shift, of which `own` are that tenant's and more urgent, and `others` are those of other
    tenants that take their turns before it. `busy_ms` is how long the queue has not been empty, `oldest_ms` how long
    ago the oldest of those in front came. `waiting` counts the tenant's tasks that have not ended, `waiting_all` those
    of all. `left_now` tasks left the queue in the `now_ms` of this step, `left` in the full steps before, newest first.
    """

    ready: int
    own: int
    others: int
    busy_ms: int
    oldest_ms: int
    waiting: int
    waiting_all: int
    left_now: int
    now_ms: int
    left: Sequence[int]

    @property
    def ahead(self) -> int:
        """How many tasks get their turn before it."""
        return self.own + self.others

    @property
    def rate(self) -> float:
        """Tasks that left the queue a second, over the last minute."""
        return (self.left_now + sum(self.left)) * 1000 / (self.now_ms + STEP_MS * len(self.left))

    @property
    def wait_s(self) -> float:
        """
        Foretell the seconds until a shift takes it: `ahead / rate`, the rate being that of the time since when the
        queue is busy, at most the last minute.

        0 where nothing is ahead, or the queue has been busy for less than ten seconds. Where nothing left it since it
        is busy, as long again as it has been: nobody knows more (J. R. Gott, Nature 363, 1993).
        """
        if not self.ahead or self.busy_ms < TOLD_AFTER_MS:
            return 0.0
        steps = min(len(self.left), max(0, self.busy_ms - self.now_ms) // STEP_MS)
        left = self.left_now + sum(self.left[:steps])
        seconds = (self.now_ms + STEP_MS * steps) / 1000
        return self.ahead * seconds / left if left else self.busy_ms / 1000
