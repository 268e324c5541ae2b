"""What the store in memory knows of money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from router.budget import Budget
from router.call import Deployment
from router.ledger import EntryKind, Intent
from router.memory.books import FRESH_MS, Books
from tests.builders import a_settlement, a_task, an_intent
from tests.conftest import Clock

PLACE = Deployment(model="openai/gpt-4o-mini")
DAY_S = 86_400
TASK = a_task()


def a_budget(scope: str = "global", nusd: int = 2500, per: str = "day", **changes: Any) -> Budget:
    return Budget.model_validate({"scope": scope, "usd": Decimal(nusd) / 10**9, "per": per, **changes})


@pytest.fixture
def books(clock: Clock) -> Books:
    return Books(clock)


def reserved(books: Books, intent: Intent, *, open_for_ms: int = 60_000) -> Intent:
    books.reserve(intent, "token", PLACE, open_for_ms=open_for_ms)
    return intent


def settled(books: Books, name: str, cost_nusd: int) -> None:
    call = books.call(name)
    assert call is not None
    books.settle(call, a_settlement(cost_nusd=cost_nusd))


def used(books: Books) -> dict[tuple[str, str], int]:
    return {(use.scope, use.budget.per): use.used_nusd for use in books.uses()}


@pytest.mark.parametrize(
    ("kind", "held", "amounts"),
    [
        (EntryKind.SETTLED, 400, [1000, 400]),
        (EntryKind.VOID, 0, [1000, 0]),
        (EntryKind.UNSETTLED, 1000, [1000, 1000]),
    ],
)
def test_a_call_is_two_lines(books: Books, kind: EntryKind, held: int, amounts: list[int]) -> None:
    """What was reserved, and what it came to: the cost, nothing, or the whole of it where nobody knows."""
    call = books.call(reserved(books, an_intent()).call)
    assert call is not None
    books.settle(call, a_settlement(kind))

    assert [line.kind for line in books.lines] == [EntryKind.RESERVED, kind]
    assert [line.amount_nusd for line in books.lines] == amounts
    assert (books.held("t1"), call.kind) == (held, kind)


def test_more_than_was_reserved_is_an_overrun(books: Books) -> None:
    """The whole cost is booked, and beside it by how much it is too much."""
    call = books.call(reserved(books, an_intent()).call)
    assert call is not None
    books.settle(call, a_settlement(cost_nusd=1300))

    assert (books.lines[-1].amount_nusd, books.lines[-1].overrun_nusd, books.held("t1")) == (1300, 300, 1300)


@pytest.mark.parametrize(("kind", "held"), [(EntryKind.SETTLED, 400), (EntryKind.UNSETTLED, 1000)])
def test_a_call_whose_record_is_lost_is_booked(books: Books, kind: EntryKind, held: int) -> None:
    """With its cost; with all that it may have cost where that is not known."""
    settlement = a_settlement(kind)
    books.settle(books.forgotten(an_intent("lost"), settlement), settlement)

    assert [(line.kind, line.amount_nusd) for line in books.lines] == [
        (EntryKind.RESERVED, held if kind is EntryKind.UNSETTLED else 0),
        (kind, held),
    ]
    assert books.held("t1") == held


def test_a_budget_that_is_used_up_refuses(books: Books, clock: Clock) -> None:
    """Reservations count as much as costs, but not for good; the limit itself may be reached; each day is another."""
    books.publish([a_budget(nusd=2500)])
    assert books.refusal(reserved(books, an_intent("c1")), TASK) is None
    settled(books, "c1", 1000)
    reserved(books, an_intent("c2", reserved_nusd=500))

    assert books.refusal(an_intent("c3"), TASK) is None
    held = books.refusal(an_intent("c3", reserved_nusd=1001), TASK)
    again_ms = clock.ms + 1000
    settled(books, "c2", 500)
    refused = books.refusal(an_intent("c3", reserved_nusd=1001), TASK)
    clock.advance(DAY_S)

    assert held is not None
    assert refused is not None
    assert (held.until_ms, refused.until_ms, used(books)) == (again_ms, None, {("global", "day"): 0})
    assert books.refusal(an_intent("c3", reserved_nusd=2500), TASK) is None


def test_what_parks_waits_for_the_window_to_turn(books: Books) -> None:
    """Unless it could never fit, or another budget refuses it for good."""
    books.publish([a_budget(nusd=1500, on_exceeded="park")])
    reserved(books, an_intent("c1"))
    settled(books, "c1", 1000)
    (use,) = books.uses()

    parked, never = books.refusal(an_intent("c2"), TASK), books.refusal(an_intent("c2", reserved_nusd=1501), TASK)
    books.publish([a_budget(nusd=1500, on_exceeded="park"), a_budget("tenant:*", nusd=1)])
    forever = books.refusal(an_intent("c2"), TASK)

    assert [refusal and refusal.until_ms for refusal in (parked, never, forever)] == [use.window.end_ms, None, None]
    assert never is not None
    assert forever is not None


def test_each_scope_is_told_by_itself(books: Books) -> None:
    """A budget of each tenant has a line for each that has spent, one that is named also for one that has not."""
    books.publish([a_budget("tenant:*"), a_budget("tier:large"), a_budget("audit:receipts")])
    reserved(books, an_intent("c1", tenant="acme"))
    reserved(books, an_intent("c2", tenant="zeta", why="audit", reserved_nusd=300))

    assert used(books) == {("audit:receipts", "day"): 300, ("tenant:acme", "day"): 1000, ("tier:large", "day"): 0}


def test_short_windows_count_what_was_granted_under_them(books: Books) -> None:
    """Days count whatever came before the budget; minutes and hours do not."""
    reserved(books, an_intent("before"))
    books.publish([a_budget(per="hour"), a_budget(per="day")])
    reserved(books, an_intent("after", reserved_nusd=300))

    assert used(books) == {("global", "hour"): 300, ("global", "day"): 1300}


def test_calls_past_their_time_are_late(books: Books, clock: Clock) -> None:
    """Open ones, the longest over first, and at most so many."""
    for name, open_s in (("c3", 30), ("c1", 10), ("c2", 20), ("open", 99), ("settled", 1)):
        reserved(books, an_intent(name), open_for_ms=open_s * 1000)
    settled = books.call("settled")
    assert settled is not None
    books.settle(settled, a_settlement())
    assert books.late(at_most=9) == []

    clock.advance(30)

    assert [call.intent.call for call in books.late(at_most=9)] == ["c1", "c2", "c3"]
    assert [call.intent.call for call in books.late(at_most=2)] == ["c1", "c2"]


def test_budgets_are_fresh_for_a_while(books: Books, clock: Clock) -> None:
    """So long may tasks have been refused by those before."""
    clock.advance(FRESH_MS / 1000)
    told = [books.fresh]
    books.publish([a_budget()])
    told.append(books.fresh)
    clock.advance(FRESH_MS / 1000)

    assert [*told, books.fresh] == [False, True, False]
