"""The oracle itself: it finds nothing in a good run, and each of its checks finds what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from router.ledger import Balance, Entry, EntryKind
from router.task import TaskState
from tests.builders import NOW_MS
from tests.faults.evidence import Evidence, Standing, Told
from tests.faults.oracle import CHECKS, DAY_MS, bought_again, judge

RESERVED, SETTLED, VOID, UNSETTLED, ATTEMPT = EntryKind
DEADLINE_MS = NOW_MS + 60_000
DAY = f"global:d{NOW_MS // DAY_MS}"


def a_line(
    kind: EntryKind, call: str | None, amount_nusd: int = 0, *, task: str = "t1", ms: int = 0, **more: Any
) -> Entry:
    settings = {"attempt": 1, "tier": "mini", "policy": "intents", "tenant": "acme", "why": "first"}
    purpose = "answer" if call else None
    return Entry(
        kind=kind,
        call=call,
        amount_nusd=amount_nusd,
        task=task,
        at_ms=NOW_MS + ms,
        purpose=purpose,
        **(settings | more),
    )


LINES = (
    a_line(RESERVED, "c1", 1000, ms=10),
    a_line(RESERVED, "c2", 500, task="t2", ms=11),
    a_line(RESERVED, "c3", 1000, ms=60),
    a_line(UNSETTLED, "c1", 1000, ms=65),
    a_line(SETTLED, "c3", 400, ms=70),
    a_line(ATTEMPT, None, 400, ms=80, accepted=True),
    a_line(VOID, "c2", task="t2", ms=90),
    a_line(ATTEMPT, None, task="t2", ms=91),
)
"""One task whose first call was lost in a crash, and one whose only call was refused."""

GOOD = Evidence(
    accepted=("t1", "t2"),
    tasks={
        "t1": Standing(TaskState.SUCCEEDED, DEADLINE_MS, frozenset({"c3"})),
        "t2": Standing(TaskState.DEAD, DEADLINE_MS, frozenset({"c2"})),
    },
    events=(
        Told("reclaimed", "t1", NOW_MS + 50),
        Told("succeeded", "t1", NOW_MS + 80),
        Told("dead", "t2", NOW_MS + 91),
    ),
    entries=LINES,
    balance=Balance(settled_nusd=400, unsettled_nusd=1000, calls=3),
    sums={DAY: {"settled": 400, "unsettled": 1000, "reserved": 0, "calls": 3}},
    left={"due": 0, "open": 0, "slots:mini": 0},
    bill=(("c1", 300), ("c3", 400)),
    requests=("c1", "c2", "c3"),
    budgets={"global": 2500, "tenant:acme": 2500, "tier:mini": 2500, "policy:intents": 2500},
)


def standing(state: TaskState) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, tasks={**e.tasks, "t2": Standing(state, DEADLINE_MS, frozenset({"c2"}))})


def told(*more: Told) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, events=(*e.events, *more))


def untold(kind: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, events=tuple(line for line in e.events if line.kind != kind))


def lines(*more: Entry) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, entries=(*e.entries, *more))


def billed(*bill: tuple[str, int]) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, bill=bill)


def balanced(**changes: int) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, balance=e.balance.model_copy(update=changes))


def limited(scope: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, budgets={**e.budgets, scope: 2499})


BROKEN: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "a task does not end": ("tasks_end", standing(TaskState.RUNNING)),
    "a task is gone": ("tasks_end", lambda e: replace(e, tasks={"t1": e.tasks["t1"]})),
    "a task ends twice": ("tasks_end_once", told(Told("dead", "t2", NOW_MS + 95))),
    "an end is not told": ("tasks_end_once", untold("dead")),
    "another end is told": ("told_as_they_stand", standing(TaskState.EXPIRED)),
    "a task nobody accepted": ("nothing_is_made_up", lambda e: replace(e, accepted=("t1",))),
    "a success without a pass": ("successes_passed", standing(TaskState.SUCCEEDED)),
    "a pass without a success": ("successes_passed", lines(a_line(ATTEMPT, None, task="t2", accepted=True))),
    "a task is due": ("nothing_is_left", lambda e: replace(e, left={"due": 1, "open": 0})),
    "a call is open": ("nothing_is_left", lambda e: replace(e, left={"due": 0, "open": 1})),
    "a slot is taken": ("nothing_is_left", lambda e: replace(e, left={"slots:large": 1})),
    "money is set aside": ("nothing_is_reserved", balanced(reserved_nusd=1)),
    "less was billed than settled": ("bill_is_within_bounds", billed(("c3", 399))),
    "more was billed than bounded": ("bill_is_within_bounds", billed(("c3", 400), ("c1", 1001))),
    "another amount was settled": ("settled_is_billed", billed(("c1", 300), ("c3", 401))),
    "a settled call was not billed": ("settled_is_billed", billed(("c1", 300))),
    "a billed call is not booked": ("billed_is_booked", billed(("c1", 300), ("c3", 400), ("c9", 1))),
    "a void call was billed": ("void_is_free", billed(("c1", 300), ("c3", 400), ("c2", 1))),
    "an unknown call was billed above its bound": ("unknown_is_bounded", billed(("c1", 1001), ("c3", 400))),
    "the settled balance is off": ("ledger_folds", balanced(settled_nusd=401)),
    "the unsettled balance is off": ("ledger_folds", balanced(unsettled_nusd=999)),
    "the overrun is off": ("ledger_folds", balanced(overrun_nusd=1)),
    "the count of calls is off": ("ledger_folds", balanced(calls=2)),
    "a day's balance is off": ("ledger_folds", lambda e: replace(e, sums={DAY: {**e.sums[DAY], "settled": 399}})),
    "a day's balance has no lines": ("ledger_folds", lambda e: replace(e, sums={**e.sums, "tier:x:d1": {"calls": 1}})),
    "a global budget was exceeded": ("budgets_hold", limited("global")),
    "a tenant's budget was exceeded": ("budgets_hold", limited("tenant:acme")),
    "a policy's budget was exceeded": ("budgets_hold", limited("policy:intents")),
    "a tier's budget was exceeded": ("budgets_hold", limited("tier:mini")),
    "two leases, one call open": ("leases_exclude_each_other", untold("reclaimed")),
    "two leases, the same question": (
        "leases_exclude_each_other",
        lines(a_line(RESERVED, "c4", 1, ms=75), a_line(VOID, "c4", ms=76)),
    ),
    "a call after the deadline": (
        "no_call_comes_too_late",
        lines(a_line(RESERVED, "c4", 1, ms=60_001), a_line(VOID, "c4", ms=60_002)),
    ),
    "a call after the end": (
        "no_call_comes_too_late",
        lines(a_line(RESERVED, "c4", 1, ms=100), a_line(VOID, "c4", ms=101)),
    ),
    "two requests for a call": ("one_call_is_one_request", lambda e: replace(e, requests=(*e.requests, "c3"))),
    "a request that was not written down": (
        "one_call_is_one_request",
        lambda e: replace(e, requests=(*e.requests, "c9")),
    ),
    "two charges for a call": ("one_call_is_one_request", billed(("c1", 300), ("c3", 200), ("c3", 200))),
}


def test_finds_nothing_in_a_good_run() -> None:
    """A crash with an unknown outcome and a refused call are no broken promise."""
    judgement = judge(GOOD)

    assert judgement.broken == ()
    assert (judgement.tasks, judgement.lost, judgement.ends_not_one, judgement.unbooked) == (2, 0, 0, 0)
    assert (judgement.calls, judgement.extra, judgement.again, judgement.overspend_nusd) == (3, 1, 0, 0)


@pytest.mark.parametrize("what", BROKEN)
def test_finds_what_is_broken(what: str) -> None:
    """Each violation is found by the check that is for it."""
    check, broken = BROKEN[what]

    assert list(CHECKS[check](broken(GOOD))) != []
    assert list(CHECKS[check](GOOD)) == []
    assert any(said.startswith(f"{check}: ") for said in judge(broken(GOOD)).broken)


def test_every_check_can_fail() -> None:
    """There is a violation for each check: one that cannot fail would be none."""
    assert {check for check, _ in BROKEN.values()} == set(CHECKS)


def test_counts_what_it_finds() -> None:
    """The figures are those of the broken promises."""
    lost = judge(standing(TaskState.RUNNING)(untold("dead")(GOOD)))
    over = judge(replace(GOOD, budgets={"global": 2000, "tenant:acme": 2300}))
    unbooked = judge(billed(("c1", 300), ("c3", 400), ("c8", 1), ("c9", 1))(GOOD))

    assert (lost.lost, lost.ends_not_one) == (1, 0)
    assert judge(told(Told("dead", "t2", NOW_MS + 95))(GOOD)).ends_not_one == 1
    assert over.overspend_nusd == 500
    assert (unbooked.unbooked, unbooked.extra) == (2, 3)


def test_a_budget_counts_by_the_day_of_the_reservation() -> None:
    """What is settled after midnight belongs to the day before: a new day begins with nothing."""
    late = (
        a_line(RESERVED, "c1", 900, ms=0),
        a_line(RESERVED, "c2", 900, ms=DAY_MS),
        a_line(SETTLED, "c1", 900, ms=DAY_MS),
    )

    assert judge(replace(GOOD, entries=late, budgets={"global": 900})).overspend_nusd == 0
    assert judge(replace(GOOD, entries=late, budgets={"global": 899})).overspend_nusd == 1


def test_an_overrun_is_no_overspend() -> None:
    """What a provider charges above the proven worst case is told by itself."""
    over = (a_line(RESERVED, "c1", 900), a_line(SETTLED, "c1", 1000, overrun_nusd=100))

    assert judge(replace(GOOD, entries=over, budgets={"global": 900})).overspend_nusd == 0


def test_sees_an_answer_that_is_bought_again() -> None:
    """After an answer was booked, no call is made for the same attempt; for the next attempt there is."""
    again = lines(a_line(RESERVED, "c5", 1, ms=75))(GOOD)
    next_one = lines(a_line(RESERVED, "c5", 1, ms=75, attempt=2))(GOOD)
    judging = lines(a_line(RESERVED, "c5", 1, ms=75).model_copy(update={"purpose": "judge"}))(GOOD)

    assert bought_again(again) == ["c5"]
    assert bought_again(next_one) == bought_again(judging) == bought_again(GOOD) == []


def test_the_last_answer_of_a_task_that_crashes_ended_is_no_extra() -> None:
    """It was paid for once and never judged, because its worker died of it; what was paid before that counts."""
    t1 = replace(GOOD.tasks["t1"], state=TaskState.DEAD, calls=frozenset())
    crashed = {"t1": replace(t1, crashed=True)}

    assert judge(replace(GOOD, tasks={**GOOD.tasks, "t1": t1})).extra == 2
    assert judge(replace(GOOD, tasks={**GOOD.tasks, **crashed})).extra == 1
