"""Tasks, queues, workers and webhooks, as they are told."""

from __future__ import annotations

from typing import get_args

from router.event import AlarmKind
from router.health.service import Service, Worker
from tests.builders import a_tier
from tests.metrics.snapshots import FULL, few, told
from tests.scrape import scraped
from tests.test_ledger import SETTLED, a_line


def test_tasks_are_told_by_where_they_stand() -> None:
    """Those that have not ended by state, which add up to all of them, and those that have by their end."""
    read = scraped(FULL)

    assert read["router_tasks"] == {("delayed",): 4, ("ready",): 7, ("review",): 1, ("running",): 3}
    assert read["router_tasks_ended_total"]["succeeded",] == 11
    assert read["router_tasks_ended_total"]["expired",] == 0
    assert read.one("router_overdue_age_seconds") == 12.5
    assert (read.one("router_tasks_parked"), read.one("router_review_oldest_age_seconds")) == (2, 60)
    assert read.one("router_dead_letters") == 5
    assert read["router_alarms_total"] == {(kind,): int(kind == "budget") for kind in get_args(AlarmKind)}


def test_queues_are_told_by_tier() -> None:
    """Every tier that policies climb to has its series, an empty one too: what is missing alarms nobody."""
    read = scraped(FULL)

    assert read["router_queue_tasks"] == {("large",): 2, ("mini",): 4}
    assert read["router_quarantine_tasks"] == {("large",): 0, ("mini",): 1}
    assert read["router_queue_oldest_age_seconds"] == {("large",): 1.5, ("mini",): 5}
    assert read["router_running_tasks"] == {("large",): 0, ("mini",): 3}


def test_workers_are_told_by_group_and_by_tier() -> None:
    """Who serves what, who only takes suspects, of whom nothing is heard; a tier without anybody is 0."""
    read = scraped(FULL)

    assert read["router_workers"] == {
        ("all", "no", "alive"): 1,
        ("all", "no", "silent"): 1,
        ("all", "yes", "alive"): 1,
        ("mini", "no", "alive"): 1,
    }
    assert read["router_tier_workers"] == {("large",): 1, ("mini",): 2}
    assert read.one("router_shifts_failed") == 1


def test_a_tier_that_only_was_needs_no_worker() -> None:
    """A tier that left the tiers file and every path has sums, but no line that says that nobody serves it."""
    known = {"mini": a_tier("mini")}
    workers = (Worker(("mini",)),)
    gone = few(a_line(SETTLED, "c1", 10, tier="old", latency_ms=5))

    read = told(service=Service(workers=workers), tiers=known, counts=gone)
    left = told(service=Service(workers=workers, ready={"!old": 1}), tiers=known, counts=gone)

    assert read["router_call_duration_seconds_count"] == {("old",): 1}
    assert read["router_tier_workers"] == {("mini",): 1}
    assert left["router_tier_workers"] == {("mini",): 1, ("old",): 0}


def test_webhooks_are_told() -> None:
    """Deliveries that wait, how late the first of them is, and those that are over by how they ended."""
    read = scraped(FULL)

    assert read.one("router_webhook_deliveries_waiting") == 9
    assert read.one("router_webhook_overdue_age_seconds") == 4
    assert read["router_webhook_deliveries_total"] == {("delivered",): 0, ("disabled",): 0, ("failed",): 2}
