"""What the keys of a running service mean for the tasks in it."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router import log
from router.budget import Budget, BudgetUse, Window
from router.health.service import Service, Waiting, Worker, crew, flow, money, nearly_used
from router.health.sign import Level, Sign
from router.ledger import Balance
from router.task import TaskState

TIERS = ("mini", "small", "large")
USED = {"mini": "receipts", "small": "receipts", "large": "receipts"}
STAFF = (Worker(None), Worker(None, alone=True))
HOUR_MS = 3_600_000
DAY = Window(0, 24 * HOUR_MS)
CALM = Service(workers=STAFF)


def staffed(*workers: Worker, **changes: Any) -> list[Sign]:
    """The bad signs of a service with these workers."""
    return bad(crew(Service(workers=workers, **changes), TIERS, USED))


def bad(signs: list[Sign]) -> list[Sign]:
    return [sign for sign in signs if sign.level is not Level.OK]


def test_a_calm_service_has_no_bad_sign() -> None:
    """Workers for every tier, nothing overdue, no money in doubt: all is fine."""
    signs = [*crew(CALM, TIERS, USED), *flow(CALM), *money(CALM, Balance(settled_nusd=5))]

    assert bad(signs) == []
    assert [sign.about for sign in signs] == [
        *("workers", "sweep", "backlog", "reviews", "budgets", "dead letters", "RQ"),
        *("calls", "money"),
    ]


# workers


@pytest.mark.parametrize("workers", [(), (Worker(None, alone=True),), (Worker(None, silent=True),)])
def test_nobody_at_work_is_a_problem(workers: tuple[Worker, ...]) -> None:
    """No worker, only one for suspects, or one of which nothing is heard: nothing would be done."""
    first = staffed(*workers, waiting=3)[0]

    assert (first.about, first.level) == ("workers", Level.PROBLEM)
    assert "none lives, and 3 tasks not ended" in first.seen
    assert "start `router worker`" in first.advice


def test_a_silent_worker_among_others_is_a_warning() -> None:
    """As long as others live, one of which nothing is heard can wait."""
    (sign,) = staffed(*STAFF, Worker(None, silent=True))

    assert (sign.about, sign.level) == ("workers", Level.WARNING)
    assert "of 1 nothing was heard" in sign.seen


def test_tasks_at_a_tier_that_nobody_serves_are_a_problem() -> None:
    """Ready tasks of a tier without workers stay until somebody starts one: which, is told."""
    signs = staffed(Worker(("mini", "small")), ready={"large": 40, "mini": 2})

    assert [(sign.about, sign.level) for sign in signs] == [("tiers", Level.PROBLEM)]
    assert signs[0].seen == "40 tasks at 'large', which no worker serves"
    assert signs[0].advice == "start `router worker --tier large`"


def test_tasks_at_a_tier_that_is_gone_are_a_problem() -> None:
    """Workers of all tiers serve those of their file: tasks of a tier that was taken out of it are told."""
    (sign,) = staffed(*STAFF, ready={"medium": 1})

    assert sign.seen.startswith("1 task at 'medium'")
    assert "put tier 'medium' back into the tiers file" in sign.advice


def test_tiers_that_could_not_be_read_are_not_taken_for_gone() -> None:
    """Without a tiers file workers of all tiers count as serving each, and nobody is told to put one back."""
    assert bad(crew(Service(workers=STAFF, ready={"mini": 1}), (), {})) == []

    (sign,) = bad(crew(Service(workers=(Worker(("small",)),), ready={"mini": 1}), (), {}))
    assert sign.advice == "start `router worker --tier mini`"


def test_suspects_need_a_worker_of_their_own() -> None:
    """Tasks that were there at a crash run alone, in quarantine: without its worker they wait for ever."""
    (sign,) = staffed(Worker(None), ready={"!mini": 2})

    assert (sign.about, sign.level) == ("tiers", Level.PROBLEM)
    assert "2 tasks that were there at a crash" in sign.seen
    assert staffed(*STAFF, ready={"!mini": 2}) == []


def test_a_tier_that_tasks_may_climb_to_is_a_warning() -> None:
    """Nobody serves a tier of a policy, and nothing waits there yet."""
    (sign,) = staffed(Worker(("mini", "small")))

    assert (sign.about, sign.level) == ("tiers", Level.WARNING)
    assert "policy receipts may climb to 'large'" in sign.seen


# flow


def test_overdue_tasks_mean_that_no_sweep_runs() -> None:
    """A little behind is a warning, a minute is a problem."""
    late, far = (bad(flow(Service(overdue_ms=ms)))[0] for ms in (12_000, 240_000))

    assert (late.about, late.level) == ("sweep", Level.WARNING)
    assert (far.about, far.level) == ("sweep", Level.PROBLEM)
    assert "240 s ago" in far.seen
    assert "no sweep runs" in far.advice


def test_a_backlog_is_told_by_state() -> None:
    """How many tasks have not ended, and in which states they are."""
    sample = [Waiting(f"t{i}", TaskState.READY, "mini") for i in range(3)]

    backlog = next(sign for sign in flow(Service(waiting=5, sample=sample)) if sign.about == "backlog")

    assert backlog.level is Level.OK
    assert backlog.seen == "5 tasks not ended (3 of them looked at): 3 ready"


def test_many_delayed_tasks_are_a_warning_with_an_example() -> None:
    """Tasks that something holds back are told with one of them to look at."""
    sample = [Waiting(f"t{i}", TaskState.DELAYED, "mini") for i in range(20)]

    (sign,) = bad(flow(Service(waiting=20, sample=sample)))

    assert (sign.about, sign.level) == ("backlog", Level.WARNING)
    assert "`router task show t0`" in sign.advice


@pytest.mark.parametrize(
    ("changes", "about", "seen"),
    [
        ({"dead": 12}, "dead letters", "12 not sent again"),
        ({"parked": 2}, "budgets", "2 tasks wait for room in a budget"),
        ({"parked": 1}, "budgets", "1 task waits for room in a budget"),
        ({"resting": {"mini/main": 41_700}}, "provider", "mini/main is left alone for 42 s more"),
        ({"review": 2, "review_ms": 5 * HOUR_MS}, "reviews", "2 tasks wait for a person, the longest for 5.0 h"),
        ({"failed_shifts": 3}, "RQ", "3 shifts failed"),
        ({"stuck_shifts": 1}, "RQ", "1 shift taken and never begun"),
    ],
)
def test_what_stands_still_is_a_warning(changes: dict[str, Any], about: str, seen: str) -> None:
    """What budgets, providers and errors hold up is not lost by itself, and wants to be looked at."""
    (sign,) = bad(flow(Service(**changes)))

    assert (sign.about, sign.level) == (about, Level.WARNING)
    assert seen in sign.seen
    assert sign.advice


@pytest.mark.parametrize(
    ("changes", "level", "seen"),
    [
        ({}, Level.OK, "none"),
        ({"dead": 32, "redriven": 32}, Level.OK, "none but 32 sent again"),
        ({"dead": 36, "redriven": 32}, Level.WARNING, "4 of 36 not sent again"),
        ({"dead": 9, "redriven": 2, "unread": 7}, Level.WARNING, "at most 7 of 9 not sent again; 7 were not looked at"),
    ],
)
def test_only_letters_that_nobody_sent_again_are_an_alarm(changes: dict[str, int], level: Level, seen: str) -> None:
    """A dead letter that was sent again is dealt with; one that was not even looked at may not be."""
    sign = next(sign for sign in flow(Service(**changes)) if sign.about == "dead letters")

    assert (sign.level, sign.seen) == (level, seen)


# money


@pytest.mark.parametrize(
    ("changes", "balance", "about", "seen"),
    [
        ({"late_calls": 4}, {}, "calls", "4 calls open past their time"),
        (
            {},
            {"settled_nusd": 5, "reserved_nusd": 500_000, "unsettled_nusd": 1_500_000},
            "money",
            "in doubt at most $0.002000000: $0.000500000 under way, $0.001500000 of unknown outcome",
        ),
        ({}, {"overrun_nusd": 7}, "overrun", "$0.000000007 more than the worst case"),
    ],
)
def test_money_in_doubt_is_a_warning(changes: dict[str, int], balance: dict[str, int], about: str, seen: str) -> None:
    """Calls that nobody gave up, outcomes that nobody knows, charges beyond the bound: each with its amount."""
    (sign,) = bad(money(Service(**changes), Balance(**balance)))

    assert (sign.about, sign.level) == (about, Level.WARNING)
    assert seen in sign.seen
    assert sign.advice


def test_what_is_under_way_is_told_as_in_doubt_and_fine() -> None:
    """Calls that may still run are a part of what is in doubt, as everywhere, and nothing to do about."""
    sign = money(CALM, Balance(settled_nusd=5, reserved_nusd=7))[1]

    assert (sign.about, sign.level) == ("money", Level.OK)
    assert sign.seen == (
        "$0.000000005 settled; in doubt at most $0.000000007: $0.000000007 under way, $0.000000000 of unknown outcome"
    )


def test_the_way_out_of_doubt_is_told_to_its_end() -> None:
    """A bill that lacks calls leaves them in doubt; which option settles those stands beside the command."""
    sign = money(CALM, Balance(unsettled_nusd=7))[1]

    assert "`router audit --bill FILE`" in sign.advice
    assert "`--complete`" in sign.advice


# what needs somebody


def test_tasks_that_wait_for_a_person_have_their_line() -> None:
    """Fine while they are new; from four hours on, as the alert counts, a warning that says where they are."""
    fresh, old = (
        next(sign for sign in flow(Service(review=1, review_ms=ms)) if sign.about == "reviews")
        for ms in (30 * 60_000, 4 * HOUR_MS)
    )

    assert (fresh.level, fresh.seen) == (Level.OK, "1 task waits for a person, the longest for 30 min")
    assert (old.level, old.seen) == (Level.WARNING, "1 task waits for a person, the longest for 4.0 h")
    assert "`router review list`" in old.advice


def test_events_that_the_doctor_names_are_logged() -> None:
    """Whoever is sent to the log finds there what to look for."""
    (sign,) = bad(flow(Service(failed_shifts=1)))
    named = re.search(r"\((.*)\)", sign.advice)

    assert named is not None
    assert named[1].split(", ")[0] == "shift.died"
    for event in named[1].split(", "):
        assert f"\n# {event} " in Path(log.__file__).read_text()


@pytest.mark.parametrize(
    ("used_nusd", "told"),
    [
        (89, []),
        (90, []),
        (95, ["5.0% of the budget of global per day is left ($0.000000005 of $0.000000100)"]),
        (130, ["0.0% of the budget of global per day is left ($0.000000000 of $0.000000100)"]),
    ],
)
def test_a_budget_that_is_nearly_used_is_a_warning(used_nusd: int, told: list[str]) -> None:
    """Below a tenth, as the alert counts: how much is left, of what, and what happens then."""
    signs = nearly_used([a_use(used_nusd=used_nusd)])

    assert [sign.seen for sign in signs] == [f"{said}; at nothing its tasks are refused" for said in told]
    assert {(sign.about, sign.level) for sign in signs} <= {("budgets", Level.WARNING)}


def test_many_budgets_that_are_nearly_used_are_counted() -> None:
    """The tightest have a line each, the others one together; a budget of nothing is meant so, and has none."""
    uses = [a_use(f"tenant:t{number}", used_nusd=91 + number) for number in range(7)]
    nothing = BudgetUse("tenant:no", Budget(scope="tenant:no", usd=Decimal(0), per="day"), DAY, 0)

    signs = nearly_used([*uses, nothing])

    assert [sign.seen.split()[5] for sign in signs[:5]] == [f"tenant:t{number}" for number in (6, 5, 4, 3, 2)]
    assert [sign.seen for sign in signs[5:]] == ["so it is with 2 more budgets"]


def a_use(scope: str = "global", *, used_nusd: int) -> BudgetUse:
    """A budget of 100 nano-dollars a day, of which so many are used."""
    return BudgetUse(scope, Budget(scope=scope, usd=Decimal("0.0000001"), per="day"), DAY, used_nusd)


# numbers


def test_who_is_nowhere_else_waits_for_a_time() -> None:
    """Tasks that are neither ready, nor running, nor in review are delayed; reads at two moments never make it less."""
    service = Service(waiting=10, ready={"mini": 3, "!mini": 1}, running={"mini": 2}, review=1)

    assert service.delayed == 3
    assert replace(service, waiting=5).delayed == 0


def test_workers_of_the_same_tiers_are_a_group() -> None:
    """Named by their tiers, or `all`."""
    assert [Worker(None).group, Worker(("mini", "small")).group] == ["all", "mini+small"]
