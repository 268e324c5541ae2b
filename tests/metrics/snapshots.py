"""A snapshot in which everything has a number, and parts of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from router.budget import Budget, BudgetUse, Window
from router.health.service import Breaker, Service, Worker
from router.ledger import Entry, EntryKind
from router.metrics import Asked, Facts, Snapshot
from router.spending.counters import Change, counted, summed
from router.timings import Timings
from router.verdict import Outcome
from tests.builders import NOW_MS, a_tier
from tests.scrape import Scraped, scraped
from tests.spending.test_report import USAGE
from tests.test_ledger import RESERVED, SETTLED, UNSETTLED, a_line
from tests.test_producing import CARD

ATTEMPT = EntryKind.ATTEMPT


def told(**facts: Any) -> Scraped:
    """What is told of these facts alone."""
    return scraped(Snapshot(version="1.2.3", python="3.11.7", facts=Facts(**facts)))


def a_use(scope: str, *, limit_usd: str = "50", used_nusd: int = 0) -> BudgetUse:
    budget = Budget.model_validate({"scope": scope, "usd": limit_usd, "per": "day"})
    return BudgetUse(scope, budget, Window(0, 86_400_000), used_nusd)


def few(*lines: Entry) -> list[Change]:
    """What the store has of these lines since the beginning."""
    return summed(Change(0, change.cell.few, change.sums) for change in counted(lines))


FULL = Snapshot(
    version="1.2.3",
    python="3.11.7",
    asked=Asked({("GET", "/livez", "200"): 3}, {("GET", "/livez"): Timings()}),
    facts=Facts(
        service=Service(
            workers=(Worker(None), Worker(("mini",)), Worker(None, alone=True), Worker(None, silent=True)),
            ready={"mini": 4, "!mini": 1, "large": 2},
            oldest_ms={"mini": 5_000, "large": 1_500},
            running={"mini": 3},
            waiting=15,
            overdue_ms=12_500,
            parked=2,
            review=1,
            review_ms=60_000,
            resting={"mini/east": 2_500},
            breakers={"mini/east": Breaker.OPEN, "mini/west": Breaker.CLOSED},
            open_calls=3,
            late_calls=1,
            dead=7,
            redriven=2,
            failed_shifts=1,
            hooks_waiting=9,
            hooks_late_ms=4_000,
            counts={"task:succeeded": 11, "task:dead": 7, "webhook:failed": 2, "alarm:budget": 1},
            published_ms={"receipts": NOW_MS},
        ),
        budgets=(a_use("global", used_nusd=20_000_000_001),),
        cards={"receipts": replace(CARD, tiers=("mini", "large"))},
        tiers={"mini": a_tier("mini", sunset=date(2027, 1, 14))},
        counts=few(
            a_line(RESERVED, "c1", 900),
            a_line(RESERVED, "c3", 1_000),
            a_line(SETTLED, "c1", 1_200, overrun_nusd=300, latency_ms=70, usage=USAGE),
            a_line(UNSETTLED, "c2", 500, tier="large", why="escalate", latency_ms=900),
            a_line(ATTEMPT, None, 1_200, outcome=Outcome.FAIL, escalated=True),
            a_line(ATTEMPT, None, 0, tier="large", failure="unpriced", why="escalate"),
            a_line(ATTEMPT, None, 0, tier="large", outcome=Outcome.PASS, why="retry", accepted=True),
        ),
        fold_lag_s=1.5,
    ),
)
