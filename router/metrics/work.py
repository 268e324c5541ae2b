"""Metrics of tasks, their queues, and who works at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client.metrics_core import Metric

from ..delivery import DeliveryStatus
from ..event import AlarmKind
from ..task import TaskState
from .facts import Facts
from .family import Labels, bounded, counter, first, gauge, plain, summed
from .names import Names

GROUPS_MAX: Final = 50
_OVER: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.DISABLED)


def tasks(facts: Facts, _names: Names) -> Iterator[Metric]:
    service = facts.service
    standing = {
        TaskState.READY: sum(service.ready.values()),
        TaskState.RUNNING: sum(service.running.values()),
        TaskState.DELAYED: service.delayed,
        TaskState.REVIEW: service.review,
    }
    ended = {(state.value,): service.counts.get(f"task:{state}", 0) for state in TaskState if state.terminal}
    yield gauge(
        "router_tasks", "Tasks that have not ended, by state.", ("state",), {(s.value,): n for s, n in standing.items()}
    )
    yield counter("router_tasks_ended_total", "Tasks that have ended, by the state they ended in.", ("state",), ended)
    yield plain(
        "router_overdue_age_seconds",
        "How long ago the oldest task should have been looked at; 0 while a sweep keeps up. The health of the service.",
        service.overdue_ms / 1000,
    )
    yield plain("router_tasks_parked", "Tasks that wait for room in a budget.", service.parked)
    yield plain(
        "router_review_oldest_age_seconds",
        "How long the task that has waited longest for a person has waited; 0 where none does.",
        service.review_ms / 1000,
    )
    yield plain(
        "router_dead_letters", "Dead letters that are kept and were not sent again.", service.dead - service.redriven
    )
    yield plain(
        "router_store_full", "Whether new tasks are refused because the memory of Redis is short: 1, or 0.", facts.full
    )
    yield counter(
        "router_alarms_total",
        "Alarms raised: a share of a budget is used, a breaker opened, escalations are held back, a webhook is "
        "disabled, the ledger is longer than it may be.",
        ("kind",),
        {(kind,): service.counts.get(f"alarm:{kind}", 0) for kind in get_args(AlarmKind)},
    )


def queues(facts: Facts, names: Names) -> Iterator[Metric]:
    service, empty = facts.service, dict.fromkeys([(tier,) for tier in names.tiers], 0.0)
    ready = summed((((names.tier(q),), n) for q, n in service.ready.items() if not q.startswith("!")))
    alone = summed((((names.tier(q[1:]),), n) for q, n in service.ready.items() if q.startswith("!")))
    running = summed((((names.tier(tier),), n) for tier, n in service.running.items()))
    oldest: dict[Labels, float] = {}
    for queue, ms in service.oldest_ms.items():
        at = (names.tier(queue.removeprefix("!")),)
        oldest[at] = max(oldest.get(at, 0.0), ms / 1000)
    yield gauge(
        "router_queue_tasks", "Tasks that are ready for a tier and wait for a worker.", ("tier",), empty | ready
    )
    yield gauge(
        "router_quarantine_tasks",
        "Tasks that were there when a worker died, and wait to run alone.",
        ("tier",),
        empty | alone,
    )
    yield gauge(
        "router_queue_oldest_age_seconds",
        "How long ago the oldest of the tasks came that are next in line at a tier; 0 where none waits.",
        ("tier",),
        empty | oldest,
    )
    yield gauge("router_running_tasks", "Tasks that a worker holds at a tier.", ("tier",), empty | running)


def workers(facts: Facts, names: Names) -> Iterator[Metric]:
    workers = facts.service.workers
    group = bounded(first({worker.group for worker in workers}, (), GROUPS_MAX))
    kinds = Counter((group(w.group), "yes" if w.alone else "no", "silent" if w.silent else "alive") for w in workers)
    serving = {
        (tier,): sum(not w.alone and not w.silent and (w.tiers is None or tier in w.tiers) for w in workers)
        for tier in names.in_use
    }
    yield gauge(
        "router_workers",
        "Worker processes by the tiers they serve together, whether they only take tasks that were there at a crash, "
        "and whether they were heard of in the last 20 s.",
        ("group", "quarantine", "state"),
        kinds,
    )
    yield gauge("router_tier_workers", "Worker processes alive that serve a tier.", ("tier",), serving)
    yield plain(
        "router_shifts_failed", "Shifts of workers that failed within the last hour.", facts.service.failed_shifts
    )
    yield plain("router_shifts_stuck", "Shifts that a worker took and did not begin.", facts.service.stuck_shifts)


def webhooks(facts: Facts, _names: Names) -> Iterator[Metric]:
    service = facts.service
    yield plain("router_webhook_deliveries_waiting", "Webhook deliveries that wait to be sent.", service.hooks_waiting)
    yield plain(
        "router_webhook_overdue_age_seconds",
        "How long ago the first of them should have been sent; 0 while deliverers keep up.",
        service.hooks_late_ms / 1000,
    )
    yield counter(
        "router_webhook_deliveries_total",
        "Webhook deliveries that are over: delivered, failed for good, or not tried since their endpoint is disabled.",
        ("status",),
        {(status.value,): service.counts.get(f"webhook:{status}", 0) for status in _OVER},
    )
