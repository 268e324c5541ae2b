"""The ledger, held against its balances and against a provider's bill; and what the bill says of what is open."""

from __future__ import annotations

import pytest

from router.audit import NOBODY, Audit, BilledDay, Contrast, Unended, audit, audit_days, mend
from router.bill import BilledCall
from router.ledger import Balance, Entry, EntryKind, fold, fold_days
from tests.builders import NOW_MS
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


def test_both_sides_of_a_contradiction_are_told() -> None:
    """Each call that does not fit comes with its task and with what was booked and billed."""
    held = audit(LINES, BALANCE, {"stray": 30, "void": 70, "unknown": 1_001})

    assert held.contrasts == {
        "stray": Contrast("stray", NOBODY, None, 0, 30),
        "void": Contrast("void", "t1", VOID, 0, 70),
        "settled": Contrast("settled", "t1", SETTLED, 400, None),
        "unknown": Contrast("unknown", "t1", UNSETTLED, 1_000, 1_001),
    }
    assert audit(LINES, BALANCE, {"settled": 400}).contrasts == {}


def test_lines_may_come_as_a_stream() -> None:
    """A ledger is read once, in order, from wherever it comes."""
    lines: list[Entry] = list(LINES)

    assert audit(iter(lines), BALANCE, {"settled": 400}).agrees
    assert audit(iter([]), Balance(), {}).agrees


def test_balances_of_scopes_and_days_agree_too() -> None:
    """Each balance that is kept must be what the ledger says of its scope and day; one that is gone is not missed."""
    lines = [a_line(RESERVED, "c1", 1_000, day=5), a_line(SETTLED, "c1", 400)]
    kept = dict(fold_days(lines))
    assert audit(lines, fold(lines), balances=kept).agrees
    del kept["tier:mini:d5"]
    assert audit(lines, fold(lines), balances=kept).agrees

    kept["tenant:default:d5"] = Balance(settled_nusd=401, calls=1)
    off = audit(lines, fold(lines), balances={**kept, "policy:others:d5": Balance(calls=1)})

    assert (off.off, off.agrees) == (("policy:others:d5", "tenant:default:d5"), False)


def test_balances_may_move_while_they_are_read() -> None:
    """Each balance is held against what the ledger came to at the moment when that one was read."""
    before = [a_line(RESERVED, "c1", 1_000, day=5)]
    later = [a_line(SETTLED, "c1", 400), a_line(RESERVED, "c2", 70, day=5), a_line(SETTLED, "c2", 7)]
    stages = [fold_days([*before, *later[:count]]) for count in range(4)]
    kept = {name: stages[stage][name] for stage, name in enumerate(stages[0])}

    for balance in (fold([*before, *later[:count]]) for count in range(4)):
        assert audit(before, balance, balances=kept, later=later).agrees
    assert not audit(before, fold(before), balances=kept).agrees
    wrong = Balance(settled_nusd=399, calls=1)
    assert audit(before, fold(before), balances=kept | {"global:d5": wrong}, later=later).off == ("global:d5",)
    assert not audit(before, wrong, balances=kept, later=later).agrees


# what the bill says of what is open


BILL = {"settled": BilledCall(401), "void": BilledCall(70), "unknown": BilledCall(300), "open": BilledCall(10)}


def test_an_unknown_outcome_is_settled_at_what_was_billed() -> None:
    """Only calls of unknown outcome are settled: open ones have somebody who will book them, others are booked."""
    (booking,) = mend(LINES, BILL)

    assert (booking.intent.call, booking.kind, booking.amount_nusd, booking.bound_nusd) == (
        "unknown",
        SETTLED,
        300,
        1_000,
    )
    assert (booking.intent.task, booking.intent.tier, booking.intent.policy) == ("t1", "mini", "receipts")


def test_an_unknown_outcome_is_booked_on_the_day_of_its_reservation() -> None:
    """Whatever day the bill comes on."""
    lines = [a_line(RESERVED, "late", 5, day=7), a_line(UNSETTLED, "late", 5, at_ms=NOW_MS + 10**9)]

    assert [booking.day for booking in mend(lines, {"late": BilledCall(3, at_ms=NOW_MS)})] == [7]


def test_what_a_complete_bill_lacks_was_not_charged() -> None:
    """Only when the bill is said to be complete, and again not while the call may still run."""
    assert mend(LINES, {}) == ()

    (booking,) = mend(LINES, {}, complete=True)

    assert (booking.intent.call, booking.kind, booking.amount_nusd) == ("unknown", VOID, 0)


def test_a_call_that_no_line_knows_is_booked() -> None:
    """A lost end of the log took it: its id, amount, model and day are all that is known."""
    day_ms = 86_400_000
    bill = {"a": BilledCall(30, "gpt-4o-mini", at_ms=5 * day_ms + 7), "b": BilledCall(40), "free": BilledCall(0)}

    known, unknown = mend(LINES, bill)

    assert (known.intent.call, known.amount_nusd, known.bound_nusd, known.day) == ("a", 30, None, 5)
    assert (known.intent.model, unknown.intent.model, unknown.day) == ("gpt-4o-mini", NOBODY, None)
    assert {known.intent.task, known.intent.tier, known.intent.policy, known.intent.tenant} == {NOBODY}


def test_what_is_booked_is_not_booked_again() -> None:
    """Lines that say what the bill says leave nothing to mend."""
    mended = [*LINES, a_line(SETTLED, "unknown", 300), a_line(RESERVED, "stray", 0), a_line(SETTLED, "stray", 30)]

    assert mend(mended, {**BILL, "stray": BilledCall(30)}, complete=True) == ()


# a bill of days


DAY = NOW_MS // 86_400_000
NOON_MS = DAY * 86_400_000 + 43_200_000


def of_day(*lines: Entry) -> tuple[BilledDay, ...]:
    return audit_days(lines, {DAY: 500})


def test_a_day_lies_between_settled_and_what_is_in_doubt() -> None:
    """Settled is the least, unknown outcomes and open calls come on top; void calls cost nothing."""
    lines = [line.model_copy(update={"at_ms": NOON_MS, "model": "openai/gpt-4o-mini"}) for line in LINES]

    assert of_day(*lines) == (BilledDay(DAY, 500, 400, 2_400),)
    for billed, fits in ((399, False), (400, True), (2_400, True), (2_401, False)):
        assert audit_days(lines, {DAY: billed})[0].fits is fits


def test_days_that_the_bill_lacks_are_left_out() -> None:
    """Only what it covers is compared, and a day of which the ledger knows nothing must be free."""
    lines = [a_line(SETTLED, "c1", 400, at_ms=NOON_MS)]

    assert audit_days(lines, {DAY + 1: 0}) == (BilledDay(DAY + 1, 0, 0, 0),)
    assert not audit_days(lines, {DAY + 1: 1})[0].fits


def test_a_call_around_midnight_is_billed_on_either_day() -> None:
    """Reserved before and answered after: neither day must have it, and each may."""
    before_ms, after_ms = (DAY + 1) * 86_400_000 - 5, (DAY + 1) * 86_400_000 + 5
    lines = [a_line(RESERVED, "c1", 900, at_ms=before_ms), a_line(SETTLED, "c1", 400, at_ms=after_ms)]

    assert audit_days(lines, {DAY: 0, DAY + 1: 400}) == (BilledDay(DAY, 0, 0, 400), BilledDay(DAY + 1, 400, 0, 400))


def test_a_call_settled_long_after_belongs_to_its_day() -> None:
    """What the bill settled weeks later was charged when it was reserved."""
    lines = [a_line(RESERVED, "c1", 900, at_ms=NOON_MS), a_line(SETTLED, "c1", 400, at_ms=NOON_MS + 10**10)]
    lost = [
        a_line(RESERVED, "c2", 0, at_ms=NOON_MS + 10**10, day=DAY),
        a_line(SETTLED, "c2", 7, at_ms=NOON_MS + 10**10),
    ]

    assert of_day(*lines, *lost) == (BilledDay(DAY, 500, 407, 407),)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"model": "openai/gpt-4o-mini"}, True),
        ({"model": "gpt-4o-mini"}, True),
        ({"model": NOBODY}, True),
        ({"model": "anthropic/claude"}, False),
        ({"model": "openai/local-mini", "simulated": True}, False),
    ],
)
def test_only_what_is_on_such_a_bill_counts(changes: dict[str, object], counted: bool) -> None:
    """Other providers and stand-ins are not on OpenAI's bill; that stand-ins were left out is told."""
    lines = [a_line(SETTLED, "c1", 500, at_ms=NOON_MS, **changes)]

    simulated = bool(changes.get("simulated"))
    assert of_day(*lines) == (BilledDay(DAY, 500, 500 * counted, 500 * counted, simulated),)


def test_a_day_that_does_not_fit_does_not_agree() -> None:
    """One day outside its bounds is enough."""
    fits, off = BilledDay(1, 5, 5, 5), BilledDay(2, 6, 5, 5)

    assert Audit(Balance(), Balance(), days=(fits,)).agrees
    assert not Audit(Balance(), Balance(), days=(fits, off)).agrees


def test_calls_without_an_end_are_told_beside_a_bill() -> None:
    """They are why bill and ledger may be other sums though they agree: those under way, and those the bill lacks."""
    held = audit(LINES, BALANCE, {"settled": 400, "open": 300})

    assert held.agrees
    assert (held.running, held.lacking) == (Unended(("open",), 1_000, 300), Unended(("unknown",), 1_000, 0))
    assert audit(LINES, BALANCE, {"settled": 400, "unknown": 0}).lacking == Unended()
    assert audit(LINES, BALANCE).running == Unended()
