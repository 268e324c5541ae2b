"""What lines of the ledger add to the counters of their hours."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from router.call import Usage
from router.ledger import Entry, EntryKind, fold_days
from router.spending.counters import HOUR_MS, UNJUDGED, Change, Counting, NoPrices, counted, summed
from tests.builders import NOW_MS
from tests.test_ledger import RESERVED, SETTLED, UNSETTLED, VOID, a_line, lived

HOUR = NOW_MS // HOUR_MS
DAY = HOUR // 24
USAGE = Usage(input_tokens=1_000, cached_input_tokens=200, output_tokens=100, reasoning_tokens=30)


def one(*lines: Entry) -> Change:
    (change,) = counted(lines)
    return change


def test_a_call_counts_once_whatever_is_booked_of_it() -> None:
    """Its reservation gives way to its bound, its bound to its cost."""
    lines = [a_line(RESERVED, "c", 50), a_line(UNSETTLED, "c", 50), a_line(SETTLED, "c", 60, overrun_nusd=10)]

    assert [+one(*lines[:n]).sums for n in (1, 2, 3)] == [
        {"calls": 1, "reserved": 50},
        {"calls": 1, "unsettled": 50},
        {"calls": 1, "settled": 60, "overrun": 10},
    ]
    assert +one(*lines[:1], a_line(VOID, "c")).sums == {"calls": 1}


def test_a_call_stays_in_its_hour() -> None:
    """What is booked hours later changes the hour of the reservation, as it does the balances of its day."""
    settled = a_line(SETTLED, "c", 40, at_ms=NOW_MS + 5 * HOUR_MS)

    change = one(a_line(RESERVED, "c", 50), settled)

    assert (change.hour, change.sums["settled"], change.sums["reserved"]) == (HOUR, 40, 0)


def test_a_call_that_was_booked_for_another_day_is_in_that_day() -> None:
    """What a bill tells of a forgotten call counts on the bill's day, of which nobody knows the hour."""
    assert one(a_line(RESERVED, "c", 0, day=DAY - 3)).hour == (DAY - 3) * 24
    assert one(a_line(RESERVED, "c", 0, day=DAY)).hour == HOUR


def test_calls_are_told_apart_by_what_wanted_them() -> None:
    """Second samples and judges have reasons of their own; audits a lane."""
    sample, judge = (a_line(RESERVED, p, 1, purpose=p) for p in ("sample", "judge"))
    audit = a_line(RESERVED, "a", 1, purpose="answer", why="audit")

    cells = [change.cell for change in counted([sample, judge, audit])]

    assert [(cell.reason, cell.lane) for cell in cells] == [
        ("agreement", "interactive"),
        ("judge", "interactive"),
        ("audit", "audit"),
    ]
    assert {cell.verdict for cell in cells} == {UNJUDGED}


def test_an_attempt_counts_with_its_verdict() -> None:
    """Or with what kept it from an answer, or with none."""
    changes = [
        one(a_line(EntryKind.ATTEMPT, None, 7, **told))  # type: ignore[arg-type]
        for told in ({"outcome": "fail", "escalated": True}, {"failure": "timeout"}, {})
    ]

    assert [change.cell.verdict for change in changes] == ["fail", "timeout", "none"]
    assert +changes[0].sums == {"attempts": 1, "judged": 7, "escalated": 1}


def test_calls_are_counted_by_how_long_they_took() -> None:
    """Each in one class, with the sum of all."""
    calls = [(f"c{ms}", ms) for ms in (4, 5, 700, 10**6)]
    lines = [a_line(kind, c, 0, latency_ms=ms * (kind is SETTLED)) for c, ms in calls for kind in (RESERVED, SETTLED)]

    sums = one(*lines).sums

    assert {name: n for name, n in sums.items() if n and name.startswith("took")} == {
        "took_0": 2,
        "took_5": 1,
        "took_13": 1,
        "took_ms": 1_000_709,
    }


class Dear(NoPrices):
    """A nano-dollar a token of output at the top, two for each cached token."""

    def top(self, entry: Entry) -> int | None:
        return entry.usage.output_tokens if entry.usage else None

    def cache_saved(self, entry: Entry) -> int:
        return 2 * entry.usage.cached_input_tokens if entry.usage else 0


def answered(
    call: str, attempt: int, *, task: str = "t1", usage: Usage | None = USAGE, why: str = "first"
) -> list[Entry]:
    """A call and its attempt; without *usage* a refused one."""
    settings = {"task": task, "attempt": attempt, "why": why}
    booked = a_line(SETTLED if usage else VOID, call, 10 if usage else 0, purpose="answer", usage=usage, **settings)
    judged = a_line(EntryKind.ATTEMPT, None, usage=usage, **settings)
    return [a_line(RESERVED, call, 20, **settings), booked, judged]


def test_a_task_is_compared_by_its_first_answer() -> None:
    """Failures before it do not count, nor repairs and climbs after it, nor audits of it."""
    plain = [*answered("a1", 1, task="a"), *answered("a2", 2, task="a", why="repair")]
    failed = [*answered("b1", 1, task="b", usage=None), *answered("b2", 2, task="b", why="retry")]
    silent = answered("c1", 1, task="c", usage=None)
    audit = answered("d1", 1, task="d", why="audit")

    sums = Counter[str]()
    for change in counted([*plain, *failed, *silent, *audit], Dear()):
        sums.update(change.sums)

    assert (sums["answered"], sums["compared"], sums["top"]) == (2, 2, 200)
    assert sums["cache_saved"] == 4 * 400


def test_a_tenant_keeps_the_name_under_which_its_call_was_opened() -> None:
    """What is booked later of a call is taken from where it stands, whatever became of the tenants meanwhile."""
    named = {"acme": ":other"}
    counting = Counting(tenant=lambda _, tenant: named.get(tenant, tenant))
    opened = counting.add(a_line(RESERVED, "c", 50, tenant="acme"))
    named.clear()

    booked = counting.add(a_line(SETTLED, "c", 40, tenant="acme"))

    assert opened.cell.tenant == booked.cell.tenant == ":other"


def histories(dice: Random) -> list[Entry]:
    """Calls of many kinds, their lines mixed, over some hours."""
    waiting = []
    for n in range(dice.randint(0, 12)):
        changes = {
            "tier": dice.choice(["mini", "large"]),
            "tenant": dice.choice(["acme", "bolt", "cog"]),
            "why": dice.choice(["first", "escalate", "audit"]),
            "purpose": dice.choice(["answer", "sample", "judge"]),
            "attempt": dice.randint(1, 3),
            "task": f"t{dice.randint(1, 4)}",
        }
        at_ms = NOW_MS + dice.randint(0, 3 * 24 * HOUR_MS)
        lines = [line.model_copy(update=changes) for line in lived(dice, f"c{n}")[0]]
        spread = [line.model_copy(update={"at_ms": at_ms + i * HOUR_MS}) for i, line in enumerate(lines)]
        first = spread[0].model_copy(update={"day": at_ms // (24 * HOUR_MS)})
        judged = a_line(
            EntryKind.ATTEMPT, None, 5, **{name: changes[name] for name in ("tier", "tenant", "why", "task")}
        )
        waiting.append([first, *spread[1:], judged])
    mixed = []
    while waiting := [lines for lines in waiting if lines]:
        mixed.append(dice.choice(waiting).pop(0))
    return mixed


@given(st.integers(0, 2**32))
def test_the_hours_of_a_day_are_its_balances(seed: int) -> None:
    """For each scope and day the counters come to what the balances are, to the nano-dollar."""
    lines = histories(Random(seed))
    sums: dict[str, Counter[str]] = {}
    for hour, cell, added in counted(lines):
        who = f"audit:{cell.policy}" if cell.lane == "audit" else f"tenant:{cell.tenant}"
        for scope in ("global", who, f"tier:{cell.tier}"):
            sums.setdefault(f"{scope}:d{hour // 24}", Counter()).update(added)

    kept = {name: balance for name, balance in fold_days(lines).items() if not name.startswith("policy:")}

    for name, balance in kept.items():
        found = sums[name]
        assert (found["settled"], found["unsettled"], found["reserved"], found["overrun"], found["calls"]) == (
            balance.settled_nusd,
            balance.unsettled_nusd,
            balance.reserved_nusd,
            balance.overrun_nusd,
            balance.calls,
        )


@given(st.integers(0, 2**32))
def test_counting_may_be_put_down_and_taken_up_anywhere(seed: int) -> None:
    """Lines counted in pages, with what they stand on handed over, come to the same as all at once."""
    dice = Random(seed)
    lines = histories(dice)
    changes, left, before = list[Change](), list(lines), Counting(prices=Dear())
    while left:
        counting = Counting(before.standing, before.unanswered, prices=Dear())
        page, left = left[: (n := dice.randint(1, 4))], left[n:]
        changes += [counting.add(line) for line in page]
        before = counting

    assert sorted(summed(changes), key=str) == sorted(counted(lines, Dear()), key=str)
