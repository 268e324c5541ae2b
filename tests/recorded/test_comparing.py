"""Two versions of a policy on the same traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from router.policy import Policy
from router.recorded.comparing import Comparison, Measure, compare
from router.recorded.recording import Recording
from router.recorded.replay import replay
from router.recorded.replaycost import dearest
from router.recorded.replayed import Missing
from tests.builders import a_policy
from tests.science.data import DATA, SOURCES

RECEIPT = {"merchant": "ACME", "total": 12.5}
OLD, NEW = (
    a_policy(checks=[{"check": "confidence", "at_least": level}], tiers=["mini", "large"]) for level in (0.5, 0.8)
)


def a_task(number: int, sure: float, *, right: bool | None = True, large: bool = True) -> Recording:
    mini: dict[str, Any] = {"output": RECEIPT, "confidence": sure, "cost_usd": "0.001", "latency_ms": 500}
    if right is not None:
        mini["correct"] = right
    dear = {"output": RECEIPT, "confidence": 0.99, "cost_usd": "0.01", "latency_ms": 1500, "correct": True}
    told = {"id": f"t{number}", "input": {}, "replies": {"mini": mini} | ({"large": dear} if large else {})}
    return Recording.model_validate(told)


def compared(*log: Recording, old: Policy = OLD, new: Policy = NEW) -> Comparison:
    most = dearest(log)
    return compare(*([replay(policy, each, dearest=most) for each in log] for policy in (old, new)))


def measures(comparison: Comparison) -> Mapping[str, Measure]:
    return {measure.name: measure for measure in comparison.measures}


def test_says_what_is_decided_otherwise() -> None:
    """Tasks are counted by how they end under both, and those that end otherwise are listed with their costs."""
    told = compared(*(a_task(number, 0.9) for number in range(6)), *(a_task(number, 0.6) for number in range(6, 10)))

    assert dict(told.outcomes) == {("mini", "mini"): 6, ("mini", "large"): 4}
    assert [moved.task for moved in told.moved] == ["t6", "t7", "t8", "t9"]
    assert (told.moved[0].old_cost.known, told.moved[0].new_cost.known) == (1_000_000, 11_000_000)
    assert (told.changed.count, told.changed.of) == (4, 10)


def test_adds_up_what_that_costs_and_gains() -> None:
    """Escalations, cost, time and wrong accepts, of both and their difference, with intervals that hold them."""
    told = measures(
        compared(*(a_task(number, 0.6 if number < 40 else 0.9, right=number >= 30) for number in range(100)))
    )

    values = {name: (each.old.value, each.new.value, each.difference.value) for name, each in told.items()}
    assert values["escalated"] == pytest.approx((0.0, 0.4, 0.4))
    assert values["cost a task"] == pytest.approx((1_000_000, 5_000_000, 4_000_000))
    assert values["latency, mean"] == pytest.approx((500, 1100, 600))
    assert values["latency, 95th percentile"] == pytest.approx((500, 2000, 1500))
    assert values["accepted although wrong"] == pytest.approx((0.3, 0.0, -0.3))
    assert values["accepted and right"] == pytest.approx((0.7, 1.0, 0.3))
    for measure in told.values():
        for one in (measure.old, measure.new, measure.difference):
            assert one.value is not None
            assert one.low <= one.value <= one.high
        assert measure.bounds is None


def test_what_the_log_lacks_is_bounded() -> None:
    """Where a reply is missing, the numbers are of the others, and bounds say what they are over all tasks."""
    told = compared(a_task(1, 0.9), a_task(2, 0.9), a_task(3, 0.6), a_task(4, 0.6, large=False))

    assert told.missing == ({}, {Missing("reply", "large"): 1})
    cost = measures(told)["cost a task"]
    assert (cost.tasks, cost.new.value) == (3, pytest.approx((1 + 1 + 11) * 1e6 / 3))
    assert cost.bounds == ((1e6, 1e6), (3.5e6, 6e6))
    assert measures(told)["accepted although wrong"].bounds == ((0.0, 0.0), (0.0, 0.25))


def test_nothing_known_is_no_number() -> None:
    """Where right and wrong are known of no task, nothing is said of them."""
    told = measures(compared(a_task(1, 0.9, right=None), a_task(2, 0.9, right=None)))["accepted although wrong"]

    assert (told.tasks, told.old.value, told.difference.value) == (0, None, None)
    assert told.bounds == ((0.0, 1.0), (0.0, 1.0))


def test_a_version_held_against_itself_differs_in_nothing() -> None:
    """The same policy decides the same of every task, and every difference is 0."""
    told = compared(*(a_task(number, number / 20) for number in range(20)), new=OLD)

    assert (told.moved, [measure.difference.value for measure in told.measures]) == ((), [0.0] * 6)


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data beside the checkout")
def test_real_traffic_is_compared() -> None:
    """A stricter threshold on recorded runs asks the larger model more often, and is wrong less often, for more."""
    source = SOURCES["triviaqa"]
    checks = ([{"check": "confidence", "at_least": level, "tiers": ["mini"]}] for level in (1e-6, 0.9))
    old, new = (source.bound(checks=each) for each in checks)

    told = compared(*source.recordings(), old=old, new=new)

    shares = {name: each.difference for name, each in measures(told).items()}
    assert shares["escalated"].low > 0
    assert shares["cost a task"].low > 0
    assert shares["accepted although wrong"].high < 0
    assert set(told.outcomes) == {("mini", "mini"), ("mini", "large"), ("large", "large")}
