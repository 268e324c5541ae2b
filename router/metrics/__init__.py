"""What Prometheus is told: the facts of a running service as families of metrics with few, known labels."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from . import process, setup, spending, work
from .facts import Asked, Facts, Snapshot
from .family import gauge
from .names import Names

__all__ = ["Asked", "Facts", "Snapshot", "families"]

_PARTS = (
    *(work.tasks, work.queues, work.workers, work.webhooks),
    *(spending.attempts, spending.calls, spending.money, spending.budgets),
    *(setup.deployments, setup.policies),
)


def families(snapshot: Snapshot) -> list[Metric]:
    """Tell a snapshot as families of metrics, always in the same order."""
    facts = snapshot.facts
    answers = {(): float(facts is not None)}
    reachable = gauge("router_store_reachable", "Whether Redis answered: 1, or 0.", (), answers)
    own = [*process.build(snapshot), *process.http(snapshot.asked), reachable]
    if facts is None:
        return own
    names = Names.of(facts)
    return [*own, *(family for part in _PARTS for family in part(facts, names))]
