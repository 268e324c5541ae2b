"""However many names there are, there are few series, and none that jumps."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from router.audit import NOBODY
from router.health.service import Breaker, Service, Worker
from router.ledger import Entry
from router.metrics import Facts, Snapshot
from tests.builders import NOW_MS
from tests.metrics.snapshots import ATTEMPT, a_use, few, told
from tests.scrape import scraped
from tests.test_ledger import SETTLED, a_line
from tests.test_producing import CARD

SERIES_MAX = 6000
"""Of one scrape, whatever the names: 50 tiers, 100 policies, 200 deployments in 3 states, 200 budgets."""


def test_ten_thousand_names_make_no_series() -> None:
    """Tiers, policies, groups, deployments and budgets have bounds, and tenants and models are no labels at all."""
    many = range(10_000)
    lines = [
        line
        for i in many
        for line in (
            a_line(SETTLED, f"c{i}", 10, tier=f"t{i}", policy=f"p{i}", tenant=f"n{i}", model=f"m{i}", latency_ms=5),
            a_line(ATTEMPT, None, 10, tier=f"t{i}", policy=f"p{i}", tenant=f"n{i}", failure="timeout", escalated=True),
        )
    ]
    facts = Facts(
        service=Service(
            workers=[Worker((f"t{i}",)) for i in many],
            ready={f"t{i}": 1 for i in many},
            running={f"t{i}": 1 for i in many},
            waiting=20_000,
            breakers={f"t{i}/main": Breaker.OPEN for i in many},
            published_ms={f"p{i}": NOW_MS for i in many},
        ),
        budgets=[a_use(f"tenant:n{i}") for i in many],
        cards={f"p{i}": replace(CARD, policy=f"p{i}", tier=f"t{i}", tiers=(f"t{i}",)) for i in many},
        counts=few(*lines),
    )

    read = scraped(Snapshot(version="1", python="3", facts=facts))

    assert len(read.samples) < SERIES_MAX
    assert sum(read["router_queue_tasks"].values()) == 10_000
    assert sum(read["router_attempts_total"].values()) == 10_000
    assert sum(map(Decimal, read.dollars("router_cost_dollars_total").values())) == Decimal("0.0001")
    assert not re.search(r'"m\d+"', read.text), "models"


def test_no_counter_falls_while_lines_come() -> None:
    """From scrape to scrape every counter stays or grows, names that come along included."""
    ledger, before = list[Entry](), dict[Any, float]()
    for number in range(60):
        tier, policy = f"t{number % 45}", f"p{number % 50}"
        ledger += [a_line(SETTLED, f"c{number}", 7, tier=tier, policy=policy), a_line(ATTEMPT, None, 7, tier=tier)]
        now = {key: value for key, value in told(counts=few(*ledger)).samples.items() if key[0].endswith("_total")}
        assert {key: value for key, value in before.items() if now[key] < value} == {}
        before = now


def test_costs_of_nobody_make_no_tier() -> None:
    """What was booked by a bill alone is in the costs under `-`; nothing waits there, and nobody serves it."""
    line = a_line(SETTLED, "lost", 10, tier=NOBODY, policy=NOBODY, tenant=NOBODY)
    read = told(cards={"receipts": CARD}, counts=few(line))

    assert read.dollars("router_cost_dollars_total") == {
        (NOBODY, "first", NOBODY): "0.000000010",
        ("receipts", "first", "mini"): "0.000000000",
    }
    named = {name for name, labels in read.samples if ("tier", NOBODY) in labels}
    assert named == {"router_cost_dollars_total"}
    assert set(read["router_tier_workers"]) == {(CARD.tier,)}
