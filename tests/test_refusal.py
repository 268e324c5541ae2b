"""What a refused call tells: which limit it was, and what there is to be done."""

from __future__ import annotations

import pytest

from router.refusal import broken, budget_held, lost_lease, over_budget, over_cost, too_fast
from tests.builders import NOW_MS

LATER_MS = NOW_MS + 60_000


def test_a_refusal_says_whether_waiting_helps() -> None:
    """Budgets and rates may have room later; a broken tier counts as a failure, other limits are for good."""
    waits = over_budget("global", "day", asked_nusd=2, limit_nusd=5, used_nusd=4, until_ms=NOW_MS, deadline_ms=LATER_MS)

    assert [waits.passing, too_fast("mini", NOW_MS).passing] == [True, True]
    others = (
        over_cost(1, asked_nusd=2, limit_nusd=2),
        lost_lease("done"),
        broken("mini", NOW_MS),
        waits.model_copy(update={"until_ms": None}),
    )
    assert not any(refusal.passing for refusal in others)


def test_a_budget_that_has_no_room_says_how_much_and_until_when() -> None:
    """The scope, its window, what was asked, used and allowed; and what would help."""
    sums = {"asked_nusd": 20_000, "limit_nusd": 1_000_000, "used_nusd": 990_000}
    refusal = over_budget("tenant:acme", "day", **sums, until_ms=NOW_MS, deadline_ms=LATER_MS)

    assert refusal.message == (
        "no room in the budget of tenant:acme: a call may cost $0.000020, $0.000990 of $0.001000 per day are spent or"
        " held; it waits until 2027-01-15 08:00:00 UTC, or until the budget is raised"
    )


def test_a_window_that_turns_too_late_is_not_told() -> None:
    """A task does not outlive its deadline: that is told where it comes first."""
    sums = {"asked_nusd": 20_000, "limit_nusd": 1_000_000, "used_nusd": 990_000}
    refusal = over_budget("global", "day", **sums, until_ms=LATER_MS, deadline_ms=NOW_MS)

    assert refusal.until_ms == LATER_MS
    assert refusal.message.endswith(
        "; it waits until its deadline, 2027-01-15 08:00:00 UTC, or until the budget is raised"
    )


@pytest.mark.parametrize(
    ("asked_nusd", "why"),
    [
        (20_000, "it may cost $0.000020, $0.000009500 of $0.000025 are spent or held already"),
        (25_001, "it may cost $0.000025001, more than the whole limit of $0.000025"),
    ],
)
def test_a_call_above_its_tasks_limit_says_by_how_much(asked_nusd: int, why: str) -> None:
    """The worst case, the limit and what is left of it, to the nano-dollar, and what would help."""
    refusal = over_cost(9_500, asked_nusd=asked_nusd, limit_nusd=25_000)

    assert (refusal.limit, refusal.until_ms) == ("cost", None)
    assert refusal.message == (
        f"the call might pass limits.cost_usd: {why}; raise that limit in the policy, or lower limits.output_tokens"
    )


@pytest.mark.parametrize(
    ("stands_back", "held_by"), [(False, "calls under way"), (True, "calls under way and for one that waits longer")]
)
def test_room_that_is_held_is_told_apart_from_money_that_is_spent(stands_back: bool, held_by: str) -> None:
    """What is spent, what is held and by whom, and how soon the call is tried again."""
    sums = {"asked_nusd": 900_000, "limit_nusd": 1_200_000, "spent_nusd": 90_000, "held_nusd": 900_000}
    refusal = budget_held("global", "day", **sums, stands_back=stands_back, until_ms=LATER_MS, pause_ms=1000)

    assert (refusal.until_ms, refusal.passing) == (LATER_MS, True)
    assert refusal.message == (
        "no room in the budget of global: a call may cost $0.000900, $0.000090 of $0.001200 per day are spent;"
        f" $0.000900 is held by {held_by}; tried again in 1 s"
    )


def test_a_call_above_a_whole_budget_is_told_so() -> None:
    """To wait for such a call would be for nothing."""
    refusal = over_budget("global", "day", asked_nusd=9, limit_nusd=5, used_nusd=0, until_ms=None, deadline_ms=LATER_MS)

    assert refusal.message.endswith("that is more than the whole budget, so waiting would not help: raise it")
