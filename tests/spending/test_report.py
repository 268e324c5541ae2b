"""What was spent, by whatever a person wants to know it by."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.call import Usage
from router.ledger import Entry, EntryKind, fold
from router.spending.counters import HOUR_MS, UNJUDGED, Cell, Change, NoPrices, counted
from router.spending.report import DIMENSIONS, FROM, CostRow, costs, total
from router.values import iso
from tests.builders import NOW_MS
from tests.test_ledger import RESERVED, SETTLED, UNSETTLED, VOID, a_line, lived

ATTEMPT = EntryKind.ATTEMPT
USAGE = Usage(input_tokens=1_000, cached_input_tokens=200, output_tokens=100, reasoning_tokens=30)


def asked(
    call: str,
    tier: str,
    cost_nusd: int,
    *,
    attempt: int = 1,
    accepted: bool = False,
    escalated: bool = False,
    **changes: Any,
) -> list[Entry]:
    """The lines of an attempt of one call."""
    common = {"tier": tier, "attempt": attempt, "model": f"openai/{tier}", "version": "v1", **changes}
    return [
        a_line(RESERVED, call, cost_nusd * 2, **common),
        a_line(SETTLED, call, cost_nusd, usage=USAGE, **{"purpose": "answer"} | common),
        a_line(ATTEMPT, None, cost_nusd, accepted=accepted, usage=USAGE, escalated=escalated, **common),
    ]


CLIMBED = [
    *asked("c1", "mini", 100, escalated=True),
    *asked("c2", "small", 300, attempt=2, why="escalate", escalated=True),
    *asked("c3", "large", 2_000, attempt=3, why="escalate", accepted=True),
]
STAYED = asked("c4", "mini", 120, task="t2", accepted=True, tenant="acme")


def by(rows: list[CostRow], name: str) -> dict[str, CostRow]:
    return {row.group[name]: row for row in rows}


def test_costs_stand_with_the_dearest_group_first() -> None:
    """People look at what costs most."""
    rows = costs(counted([*CLIMBED, *STAYED]), ["tier"])

    assert [(row.group["tier"], row.cost_nusd) for row in rows] == [("large", 2_000), ("small", 300), ("mini", 220)]


def test_a_tier_shows_what_it_did() -> None:
    """Calls, attempts, how many were accepted and how many went on elsewhere, and tokens."""
    mini = by(costs(counted([*CLIMBED, *STAYED]), ["tier"]), "tier")["mini"]

    assert (mini.calls, mini.attempts, mini.accepted, mini.escalated) == (2, 2, 1, 1)
    assert (mini.input_tokens, mini.output_tokens) == (2_000, 200)
    assert mini.per_accepted_nusd == 220


def test_an_attempt_that_another_tier_followed_escalated() -> None:
    """Each rung of a climb but the last counts as one."""
    rows = by(costs(counted([*CLIMBED, *STAYED]), ["tier"]), "tier")

    assert {tier: row.escalated for tier, row in rows.items()} == {"mini": 1, "small": 1, "large": 0}


def test_a_repair_at_the_same_tier_is_no_escalation() -> None:
    """Only a next attempt at another tier counts as one."""
    lines = [*asked("c1", "mini", 100), *asked("c2", "mini", 100, attempt=2, why="repair", accepted=True)]

    (mini,) = costs(counted(lines), ["tier"])

    assert (mini.attempts, mini.escalated, mini.accepted) == (2, 0, 1)


@pytest.mark.parametrize(
    ("dimension", "groups"),
    [
        ("policy", {"receipts": 2_520}),
        ("version", {"v1": 2_520}),
        ("tenant", {"default": 2_400, "acme": 120}),
        ("model", {"openai/mini": 220, "openai/small": 300, "openai/large": 2_000}),
        ("reason", {"first": 220, "escalate": 2_300}),
    ],
)
def test_costs_can_be_seen_by_any_dimension(dimension: str, groups: dict[str, int]) -> None:
    """Tier, policy, tenant, model and reason each sum up to the same whole."""
    rows = costs(counted([*CLIMBED, *STAYED]), [dimension])

    assert {row.group[dimension]: row.cost_nusd for row in rows} == groups
    assert dimension in DIMENSIONS


def test_dimensions_can_be_combined_or_left_out() -> None:
    """Two dimensions give a row for each pair, none gives one row."""
    rows = costs(counted([*CLIMBED, *STAYED]), ["tenant", "tier"])
    (whole,) = costs(counted([*CLIMBED, *STAYED]), [])

    assert {tuple(row.group.values()) for row in rows} >= {("acme", "mini"), ("default", "mini")}
    assert (whole.cost_nusd, whole.calls, whole.group) == (2_520, 4, {})


def test_an_unknown_outcome_is_doubt_until_it_is_known() -> None:
    """Open and unsettled calls stand at their bound, apart from what is certain; void ones cost nothing."""
    lines = [
        a_line(RESERVED, "open", 10),
        a_line(RESERVED, "lost", 20),
        a_line(UNSETTLED, "lost", 20),
        a_line(RESERVED, "void", 40),
        a_line(VOID, "void"),
        a_line(RESERVED, "late", 80),
        a_line(UNSETTLED, "late", 80),
        a_line(SETTLED, "late", 5),
    ]
    (row,) = costs(counted(lines), ["tier"])

    assert (row.cost_nusd, row.doubt_nusd, row.calls) == (5, 30, 4)


def test_only_what_happened_since_counts() -> None:
    """Hours that ended before the moment asked for are left out; its own is not."""
    earlier = asked("c0", "mini", 7, at_ms=NOW_MS - 1, task="t0")
    assert NOW_MS % HOUR_MS == 0

    assert total(costs(counted([*earlier, *STAYED]), ["tier"], since_ms=NOW_MS)).cost_nusd == 120
    assert total(costs(counted([*earlier, *STAYED]), ["tier"], since_ms=NOW_MS - 1)).cost_nusd == 127


def test_simulated_costs_are_marked() -> None:
    """One simulated call marks its row and the total: nobody shall take it for money spent."""
    rows = by(costs(counted([*STAYED, *asked("c9", "large", 1, task="t9", simulated=True)]), ["tier"]), "tier")

    assert (rows["mini"].simulated, rows["large"].simulated) == (False, True)
    assert total(rows.values()).simulated
    assert not total(costs(counted(STAYED), ["tier"])).simulated


def test_an_accepted_result_costs_all_that_led_to_it() -> None:
    """The figure to compare by: everything spent, over what was accepted; none where nothing was."""
    whole = total(costs(counted([*CLIMBED, *STAYED]), ["tier"]))
    nothing = total(costs(counted(CLIMBED[:3]), ["tier"]))

    assert whole.per_accepted_nusd == 2_520 // 2
    assert nothing.per_accepted_nusd is None


def test_an_audit_is_a_cost_and_no_result() -> None:
    """What was asked again in the background costs, and accepts nothing anew."""
    audit = asked("c5", "large", 2_000, task="t3", why="audit", accepted=True)

    row = total(costs(counted([*STAYED, *audit]), ["tier"]))
    assert (row.cost_nusd, row.accepted, row.per_accepted_nusd) == (2_120, 1, 2_120)


def test_programs_get_money_as_strings() -> None:
    """Dollars with nine places, never floats."""
    row = json.loads(json.dumps(total(costs(counted(STAYED), ["tier"])).as_json()))

    assert row["cost_usd"] == row["cost_per_accepted_usd"] == "0.000000120"
    assert row["doubt_usd"] == "0.000000000"
    assert costs(counted(STAYED), ["tier"])[0].as_json()["tier"] == "mini"
    assert CostRow({}).as_json()["cost_per_accepted_usd"] is None


class TenTimesDearer(NoPrices):
    """A top tier that costs as much as ten nano-dollars a token of output."""

    def top(self, entry: Entry) -> int | None:
        return entry.usage.output_tokens * 10 if entry.usage and entry.policy != "unknown" else None


def test_what_is_saved_counts_everything_that_was_spent() -> None:
    """Climbs, audits and judges are held against the top tier alone, where groups do not divide tasks."""
    audit = asked("c5", "large", 200, task="t3", why="audit", accepted=True)
    counts = counted([*CLIMBED, *STAYED, *audit], TenTimesDearer())

    (whole,) = costs(counts, ["policy"])

    assert (whole.always_top_nusd, whole.saving_nusd, whole.audits_nusd) == (2_000, 2_000 - 2_720, 200)
    assert whole.as_json()["saving_usd"] == "-0.000000720"
    assert [row.saving_nusd for row in costs(counts, ["tier"])] == [None] * 3
    assert total(costs(counts, ["tier"])).saving_nusd == -720


def test_what_cannot_be_compared_is_told() -> None:
    """A task of whose top tier no price is known is in no saving, and is counted."""
    unknown = asked("c6", "mini", 100, task="t6", policy="unknown", accepted=True)

    (row,) = costs(counted(unknown, TenTimesDearer()), ["policy"])
    whole = total(costs(counted([*STAYED, *unknown], TenTimesDearer()), ["policy"]))

    assert (row.always_top_nusd, row.saving_nusd, row.uncompared) == (None, None, 1)
    assert (whole.saving_nusd, whole.uncompared) == (1_000 - 220, 1)


def test_what_was_not_accepted_is_waste() -> None:
    """Each attempt's own cost stands with the accepted or with the wasted; audits are neither."""
    audit = asked("c5", "large", 200, task="t3", why="audit", accepted=True)

    (row,) = costs(counted([*CLIMBED, *STAYED, *audit]), ["policy"])

    assert (row.sums["accepted_cost"], row.waste_nusd, row.audits_nusd) == (2_120, 400, 200)
    assert row.cost_nusd == 2_120 + 400 + 200


def test_every_cent_is_accepted_wasted_audited_or_of_no_attempt() -> None:
    """What a cancelled task's call cost stands in no attempt and is told by itself; groups of tiers cannot tell it."""
    audit = asked("c5", "large", 200, task="t3", why="audit")
    cancelled = [a_line(RESERVED, "c6", 50, task="t4"), a_line(SETTLED, "c6", 40, task="t4")]
    changes = counted([*CLIMBED, *audit, *cancelled])

    (row,) = costs(changes, ["policy"])

    told = [row.sums["accepted_cost"], row.waste_nusd, row.audits_nusd, row.unjudged_nusd]
    assert told == [2_000, 400, 200, 40]
    assert row.cost_nusd == 2_000 + 400 + 200 + 40
    assert total(costs(changes, ["tier"])).unjudged_nusd == 40
    assert {row.unjudged_nusd for row in costs(changes, ["tier"])} == {None}


def test_costs_stand_with_the_verdicts_they_led_to() -> None:
    """By verdict what attempts cost is theirs; what no attempt tells of yet stands alone, and nothing twice."""
    failed = asked("c1", "mini", 100, outcome="fail")
    passed = asked("c2", "small", 300, attempt=2, outcome="pass", accepted=True)
    under_way = [a_line(RESERVED, "c3", 50), a_line(SETTLED, "c3", 40)]

    rows = by(costs(counted([*failed, *passed, *under_way]), ["verdict"]), "verdict")

    assert {verdict: row.cost_nusd for verdict, row in rows.items()} == {"pass": 300, "fail": 100, "-": 40}
    assert rows["-"].calls == 3


@pytest.mark.parametrize("name", ["reason", "tier", "model"])
def test_what_a_check_asked_stands_with_the_verdict_that_it_led_to(name: str) -> None:
    """A judge is of another tier and reason than its attempt: by these and verdict no group owes another money."""
    judge = {"tier": "small", "model": "openai/small", "version": "v1", "purpose": "judge", "usage": USAGE}
    first = {"model": "openai/mini", "version": "v1"}
    lines = [
        *asked("c1", "mini", 100)[:2],
        *(a_line(RESERVED, "c2", 90, **judge), a_line(SETTLED, "c2", 70, **judge)),
        a_line(ATTEMPT, None, 170, outcome="unsure", **first),
        *(a_line(RESERVED, "c3", 50, task="t2", **first), a_line(SETTLED, "c3", 40, task="t2", **first)),
    ]

    rows = costs(counted(lines), [name, "verdict"])

    assert sorted((row.group["verdict"], row.cost_nusd) for row in rows) == [("-", 0), ("-", 40), ("unsure", 170)]
    assert sum(row.calls for row in rows) == 3


def judged_later(hour: int, *, calls: int = 0) -> list[Change]:
    """An answer and its judge, booked in the hour *calls*, of an attempt that was judged in *hour*."""
    mini = Cell("mini", "receipts", "v1", "acme", "openai/mini", "interactive", "first", UNJUDGED)
    judge = mini._replace(tier="small", model="openai/small", reason="judge")
    return [
        Change(calls, mini, Counter(settled=10, calls=1)),
        Change(calls, judge, Counter(settled=5, calls=1)),
        Change(hour, mini._replace(verdict="pass"), Counter(judged=15, attempts=1, accepted=1, accepted_cost=15)),
    ]


@pytest.mark.parametrize("name", ["reason", "tier", "model"])
@pytest.mark.parametrize("bucket_ms", [None, 24 * HOUR_MS])
def test_an_hours_turn_within_one_step_of_time_owes_nothing(name: str, bucket_ms: int | None) -> None:
    """An attempt judged an hour after its calls takes what its judge cost, where both hours are shown as one."""
    rows = costs(judged_later(24, calls=24) + judged_later(26, calls=25), [name, "verdict"], bucket_ms=bucket_ms)

    assert sorted((row.group["verdict"], row.cost_nusd) for row in rows) == [("-", 0), ("-", 0), ("pass", 30)]
    assert sum(row.calls for row in rows) == 4


def test_what_is_judged_on_calls_before_a_cut_keeps_the_sum() -> None:
    """Where the time asked for begins between calls and verdict, its sum is what was paid in it: one group owes it."""
    rows = costs(judged_later(1), ["verdict"], since_ms=HOUR_MS)
    (whole,) = costs(judged_later(1), ["policy"], since_ms=HOUR_MS)

    assert [(row.group["verdict"], row.cost_nusd) for row in rows] == [("pass", 15), ("-", -15)]
    assert (whole.cost_nusd, whole.unjudged_nusd) == (0, -15)


def test_an_attempt_judged_an_hour_later_takes_its_cost_along() -> None:
    """By the hour and verdict, what was booked in one hour and judged in the next is still told once in all."""
    early, later = asked("c1", "mini", 100)[:2], {"at_ms": NOW_MS + HOUR_MS, "version": "v1", "model": "openai/mini"}
    rows = costs(counted([*early, a_line(ATTEMPT, None, 100, outcome="pass", **later)]), ["verdict"], bucket_ms=HOUR_MS)

    assert [(row.group["verdict"], row.cost_nusd) for row in rows] == [("-", 100), ("pass", 100), ("-", -100)]


def test_costs_stand_in_their_hours() -> None:
    """By time all of a call stands in the hour in which it was reserved, however late it is booked."""
    late = [a_line(RESERVED, "c1", 50), a_line(SETTLED, "c1", 40, at_ms=NOW_MS + 3 * HOUR_MS)]
    later = asked("c2", "mini", 7, at_ms=NOW_MS + HOUR_MS)

    rows = costs(counted([*late, *later]), [], bucket_ms=HOUR_MS)

    assert [(row.group[FROM], row.cost_nusd) for row in rows] == [
        ("2027-01-15T08:00:00.000Z", 40),
        ("2027-01-15T09:00:00.000Z", 7),
    ]
    (day,) = costs(counted([*late, *later]), [], bucket_ms=24 * HOUR_MS)
    assert (day.group[FROM], day.cost_nusd) == ("2027-01-15T00:00:00.000Z", 47)


@given(st.integers(0, 2**32), st.lists(st.sampled_from(DIMENSIONS), unique=True))
def test_every_view_comes_to_what_the_balance_says(seed: int, dimensions: list[str]) -> None:
    """However the ledger is cut, its rows add up to the balance: nothing is lost between groups."""
    dice = Random(seed)
    lines = []
    for n in range(dice.randint(0, 10)):
        tier, tenant, why = dice.choice(["mini", "large"]), dice.choice("ab"), dice.choice(["first", "retry"])
        changes = {"tier": tier, "tenant": tenant, "why": why}
        lines += [line.model_copy(update=changes) for line in lived(dice, f"c{n}")[0]]

    whole, balance = total(costs(counted(lines), dimensions)), fold(lines)

    assert whole.cost_nusd == balance.settled_nusd
    assert whole.doubt_nusd == balance.unsettled_nusd + balance.reserved_nusd
    assert whole.calls == balance.calls


def test_costs_stand_by_time_where_that_is_asked() -> None:
    """Each step of time has its own sums, the earliest first; a call counts where it was reserved."""
    hour_ms = 3_600_000
    began = NOW_MS - NOW_MS % hour_ms
    late = [line.model_copy(update={"at_ms": began + hour_ms + 5}) for line in asked("c9", "mini", 70, task="t9")]
    early = [line.model_copy(update={"at_ms": began}) for line in CLIMBED]
    across = [line.model_copy(update={"at_ms": began if line.kind is RESERVED else began + hour_ms}) for line in STAYED]

    rows = costs(counted([*late, *early, *across]), ["tier"], bucket_ms=hour_ms)

    starts = [iso(began), iso(began + hour_ms)]
    assert [(row.group["from"], row.group["tier"], row.cost_nusd, row.doubt_nusd) for row in rows] == [
        (starts[0], "large", 2_000, 0),
        (starts[0], "small", 300, 0),
        (starts[0], "mini", 220, 0),
        (starts[1], "mini", 70, 0),
    ]
