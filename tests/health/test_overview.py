"""How a service does now."""

from __future__ import annotations

from collections import Counter

import pytest

from router.audit import NOBODY
from router.budget import Budget, BudgetUse, Window
from router.health.overview import Queue, Rung, as_json, overview, queues_of, rungs_of, staff
from router.health.service import Service, Waiting, Worker
from router.health.sign import Level
from router.ledger import Balance
from router.spending.counters import Cell, Change
from router.submission import Card
from router.task import TaskState

PATH = ("mini", "small", "large")
CARD = Card("receipts", "d", "mini", {}, (), 1, 1, 1.0, 1, tiers=PATH)


def a_change(
    tier: str, reason: str = "first", *, lane: str = "interactive", verdict: str = "pass", **sums: int
) -> Change:
    cell = Cell(tier, "receipts", "v", "acme", "m", lane, reason, verdict)
    return Change(480_000, cell, Counter(sums))


CHANGES = [
    a_change("mini", attempts=10, accepted=6, escalated=3, settled=100),
    a_change("mini", "repair", attempts=4, accepted=1, settled=50),
    a_change("small", "escalate", attempts=3, accepted=1, escalated=2, settled=150),
    a_change("large", "escalate", attempts=2, accepted=1, settled=700),
    a_change("large", "audit", lane="audit", attempts=5, settled=5000),
]


def test_tasks_are_counted_where_they_come_to_a_tier() -> None:
    """A repair brings no new task; audits, which nobody waits for, are left out; shares are of all tasks and costs."""
    rungs = rungs_of(CHANGES, PATH)

    assert [(r.tier, r.arrived, r.accepted, r.escalated, r.others, r.cost_nusd) for r in rungs] == [
        ("mini", 10, 7, 3, 0, 150),
        ("small", 3, 1, 2, 0, 150),
        ("large", 2, 1, 0, 1, 700),
    ]
    assert [r.reached for r in rungs] == [1.0, 0.3, 0.2]
    assert [r.cost_share for r in rungs] == [0.15, 0.15, 0.7]


def test_tiers_stand_in_the_order_of_the_path() -> None:
    """Those of no current path come last; without tasks and costs there are no shares."""
    rungs = rungs_of([a_change("zebra", attempts=1), a_change("large", "escalate", attempts=1)], PATH)

    assert [r.tier for r in rungs] == ["large", "zebra"]
    assert (Rung("mini").reached, Rung("mini").cost_share, Rung("mini").others) == (None, None, 0)


def test_what_only_a_bill_knows_is_no_tier_of_the_flow() -> None:
    """Calls that nobody remembers are in the costs of all; no task came to a tier for them."""
    lost = Change(480_000, Cell(NOBODY, NOBODY, "", NOBODY, "m", "interactive", "first", "-"), Counter(settled=9000))
    told = overview([*CHANGES, lost], {"receipts": CARD}, [], service=Service(), balance=Balance())

    assert told.rungs == rungs_of(CHANGES, PATH)
    assert told.whole.cost_nusd == 15_000
    assert [queue.tier for queue in told.queues] == [*PATH]


def test_queues_tell_who_waits_and_who_serves() -> None:
    """Suspects of a crash apart; workers that are silent, or serve suspects alone, do not count."""
    service = Service(
        workers=[
            Worker(None),
            Worker(("mini",)),
            Worker(("mini",), silent=True),
            Worker(("mini",), alone=True),
            Worker(("frontier",)),
        ],
        ready={"mini": 4, "!mini": 1, "odd": 2},
        oldest_ms={"mini": 3000, "!mini": 9000},
        running={"small": 2},
        resting={"small/main": 500, "small/other": 700},
    )

    assert queues_of(service, PATH, ["mini", "small"]) == (
        Queue("mini", 4, 1, 9000, 0, 2, 0),
        Queue("small", 0, 0, 0, 2, 1, 700),
        Queue("large", 0, 0, 0, 0, 1, 0),
        Queue("frontier", 0, 0, 0, 0, 1, 0),
        Queue("odd", 2, 0, 0, 0, 0, 0),
    )


def test_problems_come_before_warnings() -> None:
    """What is fine needs nobody, and is no alarm."""
    service = Service(waiting=2, sample=[Waiting("t", TaskState.READY, "mini")], dead=3, ready={"mini": 2})
    told = overview(CHANGES, {"receipts": CARD}, [], service=service, balance=Balance(), tiers=PATH)

    levels = [sign.level for sign in told.alarms]
    assert levels == sorted(levels, key=[Level.PROBLEM, Level.WARNING].index)
    assert {Level.PROBLEM, Level.WARNING} == set(levels)
    assert len(told.signs) > len(told.alarms)


def test_a_budget_that_is_nearly_used_is_an_alarm() -> None:
    """The first page and `router top` say what the doctor says of it, and the alert."""
    budget = Budget.model_validate({"scope": "tenant:acme", "usd": "1", "per": "day", "on_exceeded": "park"})
    uses = [BudgetUse("tenant:acme", budget, Window(0, 86_400_000), 950_000_000)]

    told = overview([], {}, uses, service=Service(workers=(Worker(None),)))

    assert [(sign.about, sign.level) for sign in told.alarms] == [("budgets", Level.WARNING)]
    assert told.alarms[0].seen.startswith("5.0% of the budget of tenant:acme per day is left")


def test_who_may_not_see_all_is_told_their_own() -> None:
    """Without the service there are no queues, alarms or balances; flow and costs stay."""
    told = overview(CHANGES, {"receipts": CARD}, [])

    assert (told.service, told.balance, told.queues, told.alarms) == (None, None, (), [])
    assert told.whole.cost_nusd == 6000
    assert "waiting" not in as_json(told)


def test_speaks_json() -> None:
    """Money as decimal strings in dollars, ages in seconds."""
    budget = Budget.model_validate({"scope": "global", "usd": 1, "per": "day"})
    use = BudgetUse("global", budget, Window(0, 86_400_000), 250_000_000)
    service = Service(workers=[Worker(None)], waiting=1, overdue_ms=1500, ready={"mini": 1}, oldest_ms={"mini": 2500})
    told = overview(CHANGES, {"receipts": CARD}, [use], service=service, balance=Balance(unsettled_nusd=7), tiers=PATH)

    said = as_json(told)

    assert said["flow"][0]["cost_usd"] == "0.000000150"
    assert said["queues"][0] | {"workers": 1} == {
        "tier": "mini",
        "ready": 1,
        "alone": 0,
        "oldest_s": 2.5,
        "running": 0,
        "workers": 1,
        "resting_s": 0.0,
    }
    assert said["budgets"] == [
        {
            "scope": "global",
            "per": "day",
            "limit_usd": "1.000000000",
            "used_usd": "0.250000000",
            "left_usd": "0.750000000",
            "turns_at": "1970-01-02T00:00:00.000Z",
        }
    ]
    assert (said["overdue_s"], said["unsettled_usd"], said["costs"]["cost_usd"]) == (1.5, "0.000000007", "0.000006000")


def test_nothing_at_all_is_an_overview_too() -> None:
    """Before the first task and the first policy."""
    told = overview([], {}, [], service=Service(), balance=Balance())

    assert (told.rungs, told.queues, told.whole.cost_nusd, told.whole.per_accepted_nusd) == ((), (), 0, None)


@pytest.mark.parametrize(
    ("workers", "told"),
    [
        ((), "0 workers"),
        ((Worker(None),), "1 worker"),
        ((Worker(None), Worker(None), Worker(None, alone=True)), "2 workers, 1 for suspects"),
        (
            (Worker(None), Worker(("mini",)), Worker(("mini",), silent=True)),
            "2 workers (1 at all, 1 at mini), 1 silent",
        ),
    ],
)
def test_workers_are_told_by_what_they_serve(workers: tuple[Worker, ...], told: str) -> None:
    """Those at work, those for suspects of a crash, and those of which nothing was heard lately."""
    assert staff(workers) == told
