"""The queues of the store in memory: tenants take turns, the most urgent task of each comes first."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from ..task import AUDITOR

AUDITS_COST: Final = 20
"""How many turns of a queue an audit takes: what callers wait for comes first."""


class Queues:
    """Tasks by queue and tenant, with how urgent each is (Unix ms, the least first)."""

    def __init__(self) -> None:
        self._ready: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        self._turn: dict[str, dict[str, int]] = defaultdict(dict)
        self._virtual: dict[str, int] = defaultdict(int)

    def put(self, queue: str, tenant: str, task_id: str, urgency_ms: int) -> None:
        self._ready[queue][tenant][task_id] = urgency_ms
        self._turn[queue].setdefault(tenant, self._virtual[queue] + _turn_cost(tenant))

    def take(self, queue: str) -> str | None:
        """The most urgent task of the tenant whose turn it is; tenants take turns by virtual time."""
        turn = self._turn[queue]
        if not turn:
            return None
        tenant = min(turn, key=lambda name: (turn[name], name))
        ready = self._ready[queue][tenant]
        task_id = min(ready, key=lambda t: (ready[t], t))
        self._virtual[queue] = turn[tenant]
        turn[tenant] += _turn_cost(tenant)
        self.pull(queue, tenant, task_id)
        return task_id

    def pull(self, queue: str, tenant: str, task_id: str) -> None:
        """Take a task out, wherever it stands; without effect where it stands in none."""
        ready = self._ready[queue][tenant]
        ready.pop(task_id, None)
        if not ready:
            self._turn[queue].pop(tenant, None)

    def holds(self, queue: str, tenant: str, task_id: str) -> bool:
        return task_id in self._ready[queue][tenant]

    def length(self, queue: str, tenant: str) -> int:
        return len(self._ready[queue][tenant])


def _turn_cost(tenant: str) -> int:
    return AUDITS_COST if tenant == AUDITOR else 1
