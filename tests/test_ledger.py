"""What the lines of the ledger add up to."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.ledger import Balance, Entry, EntryKind, fold, whole_since
from tests.builders import NOW_MS

RESERVED, SETTLED, VOID, UNSETTLED = EntryKind.RESERVED, EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED


def a_line(kind: EntryKind, call: str | None = "c1", amount_nusd: int = 0, **changes: Any) -> Entry:
    settings = {
        "at_ms": NOW_MS,
        "task": "t1",
        "attempt": 1,
        "tier": "mini",
        "policy": "receipts",
        "tenant": "default",
        "why": "first",
    }
    return Entry(kind=kind, call=call, amount_nusd=amount_nusd, **(settings | changes))


def test_an_empty_ledger_comes_to_nothing() -> None:
    """Before the first line nothing is held and nothing was spent."""
    assert fold([]) == Balance()


def test_a_call_counts_at_its_last_booking() -> None:
    """What was reserved is let go when the true cost is booked, when nothing was charged, when nobody knows."""
    reserved = a_line(RESERVED, amount_nusd=1_000)

    assert fold([reserved]) == Balance(reserved_nusd=1_000, calls=1)
    assert fold([reserved, a_line(SETTLED, amount_nusd=400)]) == Balance(settled_nusd=400, calls=1)
    assert fold([reserved, a_line(VOID)]) == Balance(calls=1)
    assert fold([reserved, a_line(UNSETTLED, amount_nusd=1_000)]) == Balance(unsettled_nusd=1_000, calls=1)


def test_an_unknown_outcome_may_become_known() -> None:
    """A late answer settles what was unsettled."""
    lines = [a_line(RESERVED, amount_nusd=1_000), a_line(UNSETTLED, amount_nusd=1_000)]

    assert fold([*lines, a_line(SETTLED, amount_nusd=400)]) == Balance(settled_nusd=400, calls=1)
    assert fold([*lines, a_line(VOID)]) == Balance(calls=1)


def test_what_is_charged_beyond_the_worst_case_stands_out() -> None:
    """An overrun is a part of what is settled, and shown by itself."""
    lines = [a_line(RESERVED, amount_nusd=1_000), a_line(SETTLED, amount_nusd=1_300, overrun_nusd=300)]

    assert fold(lines) == Balance(settled_nusd=1_300, overrun_nusd=300, calls=1)


def test_attempts_move_no_money() -> None:
    """The line that says what became of an attempt changes no balance."""
    lines = [a_line(RESERVED, amount_nusd=1_000), a_line(EntryKind.ATTEMPT, None, accepted=True)]

    assert fold(lines) == fold(lines[:1])


def lived(dice: Random, name: str) -> tuple[list[Entry], int]:
    """The lines of one call, and what it was really billed: within its worst case, whatever we know of it."""
    worst = dice.randint(0, 10**6)
    billed = dice.randint(0, worst)
    first, settled = a_line(RESERVED, name, worst), a_line(SETTLED, name, billed)
    unknown = a_line(UNSETTLED, name, worst)
    return dice.choice(
        [
            ([first], billed),
            ([first, settled], billed),
            ([first, a_line(VOID, name)], 0),
            ([first, unknown], billed),
            ([first, unknown, settled], billed),
            ([first, unknown, a_line(VOID, name)], 0),
        ]
    )


@given(st.integers(0, 2**32))
def test_the_bill_lies_between_what_is_settled_and_what_is_held(seed: int) -> None:
    """At every moment: settled <= really billed <= settled + unsettled + reserved; equal once all is known."""
    dice = Random(seed)
    calls = [lived(dice, f"c{n}") for n in range(dice.randint(1, 12))]
    bills = {lines[0].call: billed for lines, billed in calls}
    waiting, booked = [list(lines) for lines, _ in calls], []
    while waiting := [lines for lines in waiting if lines]:
        booked.append(dice.choice(waiting).pop(0))

        balance = fold(booked)
        billed = sum(bills[call] for call in {line.call for line in booked})
        held = balance.unsettled_nusd + balance.reserved_nusd
        assert balance.settled_nusd <= billed <= balance.settled_nusd + held
        assert held > 0 or balance.settled_nusd == billed
    assert fold(booked).calls == len(calls)


def test_a_cut_ledger_is_whole_from_some_day_on() -> None:
    """Of earlier days some lines may be gone: their calls are left out, however late they were booked."""
    old, young = a_line(RESERVED, "old", 5, day=10), a_line(RESERVED, "young", 5, day=11)
    beheaded = a_line(SETTLED, "beheaded", 5)
    settled = [a_line(SETTLED, name, 3) for name in ("old", "young")]
    judged = a_line(EntryKind.ATTEMPT, None)

    assert whole_since([beheaded, old, young, *settled, judged], 11) == [young, settled[1], judged]
