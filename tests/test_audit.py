"""The ledger, held against its balances and against a provider's bill."""

from __future__ import annotations

from router.audit import audit
from router.ledger import Balance, Entry, EntryKind, fold
from tests.test_ledger import RESERVED, SETTLED, UNSETTLED, VOID, a_line

LINES = [
    a_line(RESERVED, "settled", 1_000),
    a_line(RESERVED, "void", 1_000),
    a_line(RESERVED, "unknown", 1_000),
    a_line(SETTLED, "settled", 400),
    a_line(VOID, "void"),
    a_line(UNSETTLED, "unknown", 1_000),
    a_line(EntryKind.ATTEMPT, None),
    a_line(RESERVED, "open", 1_000),
]
BALANCE = fold(LINES)


def test_a_ledger_agrees_with_its_balances() -> None:
    """The sums that the scripts keep must be the sums of the lines."""
    assert audit(LINES, BALANCE).agrees
    assert audit(LINES, BALANCE).billed_nusd is None

    off = audit(LINES, BALANCE.model_copy(update={"settled_nusd": 401}))
    assert (off.balanced, off.agrees) == (False, False)


def test_a_bill_within_the_bounds_agrees() -> None:
    """Settled calls cost what was booked, unknown and open ones anything up to their bound, or nothing."""
    for unknown in (0, 1, 1_000):
        held = audit(LINES, BALANCE, {"settled": 400, "unknown": unknown, "open": 1_000 - unknown})
        assert held.agrees
        assert held.billed_nusd == 400 + 1_000
    assert audit(LINES, BALANCE, {"settled": 400}).agrees


def test_a_settled_call_must_be_billed_as_it_was_booked() -> None:
    """A nano-dollar more or less is a difference."""
    for billed in (399, 401):
        held = audit(LINES, BALANCE, {"settled": billed})
        assert (held.differing, held.agrees) == (("settled",), False)


def test_a_settled_call_that_was_not_billed_is_told() -> None:
    """We booked what the provider does not know of; what cost nothing need not be on the bill."""
    assert audit(LINES, BALANCE, {}).unbilled == ("settled",)

    free = [*LINES, a_line(RESERVED, "free", 5), a_line(SETTLED, "free", 0)]
    assert audit(free, fold(free), {"settled": 400}).agrees


def test_a_billed_call_that_no_line_knows_is_told() -> None:
    """A call beside the ledger, and one that we thought had cost nothing, are the findings that matter most."""
    held = audit(LINES, BALANCE, {"settled": 400, "void": 70, "stray": 30})

    assert (held.unbooked, held.agrees) == (("stray", "void"), False)
    assert audit(LINES, BALANCE, {"settled": 400, "void": 0, "stray": 0}).agrees


def test_a_call_beyond_its_bound_is_told() -> None:
    """An unknown or open call that was billed above its worst case breaks the promise of the bounds."""
    held = audit(LINES, BALANCE, {"settled": 400, "unknown": 1_001, "open": 2_000})

    assert (held.beyond, held.agrees) == (("open", "unknown"), False)


def test_lines_may_come_as_a_stream() -> None:
    """A ledger is read once, in order, from wherever it comes."""
    lines: list[Entry] = list(LINES)

    assert audit(iter(lines), BALANCE, {"settled": 400}).agrees
    assert audit(iter([]), Balance(), {}).agrees
