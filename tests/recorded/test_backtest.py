"""Cost against quality: a policy among the ways to do without one."""

from __future__ import annotations

from typing import Any

import pytest

from router.cost import PriceBook
from router.recorded.backtest import Backtest, Point, backtest
from router.recorded.recording import Recording
from tests.builders import PRICES, a_policy
from tests.science.data import DATA, SOURCES

RECEIPT = {"merchant": "ACME", "total": 12.5}
NONE = PriceBook(prices={})
POLICY = a_policy(checks=[{"check": "confidence", "at_least": 0.5, "tiers": ["mini"]}], tiers=["mini", "large"])


def a_task(number: int, sure: float, mini: bool, large: bool = True, **changes: Any) -> Recording:
    replies = {
        "mini": {"output": RECEIPT, "confidence": sure, "cost_usd": "0.001", "correct": mini},
        "large": {"output": RECEIPT, "confidence": 0.99, "cost_usd": "0.01", "correct": large},
    }
    return Recording.model_validate({"id": f"t{number}", "input": {}, "replies": replies} | changes)


LOG = [
    a_task(1, 0.9, mini=True),
    a_task(2, 0.9, mini=False),
    a_task(3, 0.4, mini=False),
    a_task(4, 0.3, mini=True, large=False),
]


def point(found: Backtest, name: str, threshold: float | None = None) -> Point:
    (one,) = [each for each in found.points if (each.name, each.threshold) == (name, threshold)]
    return one


def numbers(one: Point) -> tuple[float | None, ...]:
    return one.cost.value, one.of_top.value, one.right.value, one.per_right.value


def test_tries_every_way_on_the_same_tasks() -> None:
    """One tier always, knowing beforehand, the policy, and dealing by lot at its cost."""
    found = backtest(POLICY, LOG, NONE)

    assert (found.tasks, found.cheapest, found.top) == (4, "mini", "large")
    assert numbers(point(found, "always mini")) == pytest.approx((1e6, 0.1, 0.5, 2e6))
    assert numbers(point(found, "always large")) == pytest.approx((1e7, 1.0, 0.75, 1e7 * 4 / 3))
    assert numbers(point(found, "oracle")) == pytest.approx((5.5e6, 0.55, 1.0, 5.5e6))
    assert numbers(point(found, "this policy")) == pytest.approx((6e6, 0.6, 0.5, 1.2e7))
    lot = 5 / 9
    assert numbers(point(found, "random mix of the same cost"))[:3] == pytest.approx((6e6, 0.6, 0.5 + lot * 0.25))


def test_tries_other_thresholds() -> None:
    """From one under which nothing lies to one above all: cost rises with it, and the ends are those of one tier."""
    found = backtest(POLICY, LOG, NONE)

    curve = found.of_kind("threshold")
    assert [each.threshold for each in curve] == [0.0, 0.3, 0.4, 0.9, 1.0]
    assert [each.cost.value for each in curve] == pytest.approx([1e6, 1e6, 3.5e6, 6e6, 1.1e7])
    assert {each.name for each in curve} == {"confidence at_least"}


def test_each_check_is_varied_by_itself() -> None:
    """With two confidence checks there are two curves, and the policy lies on both."""
    checks = [{"check": "confidence", "at_least": 0.5}, {"check": "confidence", "id": "strict", "at_least": 0.1}]

    found = backtest(a_policy(checks=checks, tiers=["mini", "large"]), LOG, NONE)

    assert {each.name for each in found.of_kind("threshold")} == {"confidence at_least", "strict at_least"}
    assert numbers(point(found, "strict at_least", 0.0)) == numbers(point(found, "this policy"))


def test_tasks_that_lack_something_are_left_out() -> None:
    """All ways are tried on the same tasks: what lacks a reply, a cost or a grade is counted by what it lacks."""
    mini, large = ({"output": RECEIPT, "cost_usd": "0.001", "correct": True} for _ in range(2))
    ungraded, unpriced = ({key: large[key] for key in large if key != left} for left in ("correct", "cost_usd"))
    others = [
        a_task(5, 0.9, mini=True, replies={"mini": mini}),
        a_task(6, 0.9, mini=True, replies={"mini": mini, "large": ungraded}),
        a_task(7, 0.9, mini=True, replies={"mini": mini, "large": unpriced}),
    ]

    found = backtest(POLICY, [*LOG, *others], NONE)

    assert found.tasks == 4
    assert found.left_out == {
        "a reply of large": 1,
        "whether the reply of large was right": 1,
        "the cost of a reply of large": 1,
    }
    assert backtest(POLICY, others, NONE).points == ()


def test_a_failure_is_never_right_and_costs_nothing() -> None:
    """A tier that did not answer counts as wrong for who always asks it."""
    replies = {"mini": {"failure": "server"}, "large": {"output": RECEIPT, "cost_usd": "0.01", "correct": True}}
    failed = a_task(1, 0.9, mini=True, replies=replies)

    found = backtest(POLICY, [failed], NONE)

    assert numbers(point(found, "always mini")) == (0.0, 0.0, 0.0, None)


def test_costs_follow_from_tokens() -> None:
    """Without costs in the log tokens are priced."""
    counted = {
        "output": RECEIPT,
        "confidence": 0.9,
        "usage": {"input_tokens": 1000, "output_tokens": 100},
        "correct": True,
    }

    found = backtest(POLICY, [a_task(1, 0.9, mini=True, replies={"mini": counted, "large": counted})], PRICES)

    assert point(found, "always mini").cost.value == 210_000


def test_an_end_that_the_log_does_not_tell_is_bounded() -> None:
    """A policy that asks more than the log holds is measured where it is known, and bounded over all."""
    asking = a_policy(checks=[{"check": "agreement", "tiers": ["mini"]}], tiers=["mini", "large"])

    own = point(backtest(asking, LOG, NONE), "this policy")

    assert own.open == 4
    assert own.bounds is not None
    assert own.bounds[0] == (1e6, 1.2e7)


@pytest.mark.parametrize("thrift", [None, {"features": {"input_length": {"mean": 2.0, "weight": 1.0}}}])
def test_promises_are_varied_by_their_trust(thrift: Any) -> None:
    """A certified policy is tried with other thresholds of trust; without a certificate there is nothing to vary."""
    promise = {"kind": "regret", "at_most": 0.05}
    plain = a_policy(promise=promise, checks=[], tiers=["mini", "large"])
    level = {"trust": {"intercept": 0, "features": {"confidence": {"weight": 1}}}, "thrift": thrift, "threshold": 0.5}
    certificate = {
        "policy": "receipts",
        "made": "2026-11-20",
        "promise": promise,
        "basis": plain.basis.model_dump(),
        "evidence": {"sha256": "0", "labels": "graded", "fitted": 1, "certified": 1},
        "levels": {"mini": level},
    }
    certified = a_policy(promise=promise, checks=[], tiers=["mini", "large"], certificate=certificate)

    found = backtest(certified, LOG, NONE)

    assert backtest(plain, LOG, NONE).of_kind("threshold") == ()
    assert {each.name for each in found.of_kind("threshold")} == {"trust"}
    assert numbers(point(found, "trust", 0.0))[0] == 1e6
    assert numbers(point(found, "trust", 1.0))[0] == 1.1e7


def test_levels_by_eye_are_tried_without_the_promise() -> None:
    """Another level would void a promise's certificate, so it shows what a threshold by eye does in its place."""
    promised = a_policy(checks=POLICY.checks, tiers=["mini", "large"], promise={"kind": "regret", "at_most": 0.05})

    found, plain = backtest(promised, LOG, NONE), backtest(POLICY, LOG, NONE)

    assert point(found, "this policy").cost.value == 1.1e7
    assert {each.name for each in found.of_kind("threshold")} == {"without the promise: confidence at_least"}
    assert [numbers(each) for each in found.of_kind("threshold")] == [numbers(e) for e in plain.of_kind("threshold")]


def test_a_level_that_only_warns_is_not_varied() -> None:
    """A warning stops no reply, whatever its level."""
    warned = {"check": "confidence", "at_least": 0.5, "severity": "warn"}

    found = backtest(a_policy(checks=[warned], tiers=["mini", "large"]), LOG, NONE)

    assert found.of_kind("threshold") == ()


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data beside the checkout")
def test_real_traffic_has_its_frontier() -> None:
    """On recorded runs of two models confidence beats dealing by lot, and stays under who knows beforehand."""
    source = SOURCES["triviaqa"]
    policy = source.bound(checks=[{"check": "confidence", "at_least": 0.7, "tiers": ["mini"]}])

    found = backtest(policy, source.recordings()[:600], NONE)

    own, lot, best = (found.of_kind(kind)[0] for kind in ("policy", "mix", "oracle"))
    assert (lot.right.value or 1) < (own.right.value or 0) <= (best.right.value or 0)
    assert (own.of_top.value or 1) < 0.4
    rising = [each.cost.value or 0 for each in found.of_kind("threshold")]
    assert rising == sorted(rising)
