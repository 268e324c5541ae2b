"""How full queues are, as commands. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ...health.pressure import Pressure
from ..redis_link import Command
from .scripted import Scripted


class PressureCommands(Scripted):
    """What a task would find that came now."""

    def pressure(self, tier: str, tenant: str, *, patience_ms: int) -> Command[Pressure]:
        """Of a tier's queue, for a task of *tenant* that is urgent so long from now."""
        return self._script("pressure", [tier, tenant, patience_ms], _pressure)


def _pressure(reply: Sequence[bytes]) -> Pressure:
    ready, own, others, busy_ms, oldest_ms, waiting, waiting_all, left_now, now_ms, *left = map(int, reply)
    return Pressure(
        ready=ready,
        own=own,
        others=others,
        busy_ms=busy_ms,
        oldest_ms=oldest_ms,
        waiting=waiting,
        waiting_all=waiting_all,
        left_now=left_now,
        now_ms=now_ms,
        left=tuple(left),
    )
