"""What a policy would do with an input, told without asking anybody."""

from __future__ import annotations

from datetime import date
from typing import Any

from router.decision import Ask, Reject
from router.policyexplain import Explanation, explain
from tests.builders import PRICES, THRIFT, TIERS, a_certified_policy, a_policy, a_promise, a_tier

TODAY = date(2026, 11, 20)


def explained(tiers: Any = TIERS, text: str = "ACME total 12.50", **changes: Any) -> Explanation:
    return explain(a_policy(**changes), {"text": text}, tiers=tiers, prices=PRICES, day=TODAY)


def test_shows_the_rendered_prompt_of_each_tier() -> None:
    """Every tier of the path is shown with the call that it would get."""
    explanation = explained()
    contents = [message["content"] for message in explanation.steps[0].call.messages]

    assert [step.rung.tier for step in explanation.steps] == ["mini", "small", "large"]
    assert explanation.first == Ask("mini", "first")
    assert contents == ["Read the receipt.", "ACME total 12.50"]


def test_shows_which_checks_apply_at_a_tier() -> None:
    """A check that is for some tiers is shown at these alone; those that no policy goes without are shown too."""
    explanation = explained(checks=[{"check": "confidence", "at_least": 0.8, "tiers": ["mini"]}])

    assert [[check.name for check in step.checks] for step in explanation.steps] == [
        ["refusal", "schema", "confidence"],
        ["refusal", "schema"],
        ["refusal", "schema"],
    ]


def test_bounds_what_a_call_could_cost() -> None:
    """The worst cost is what a real call would reserve: more for a longer input, unknown without a price."""
    short, long = explained().steps[0].worst_nusd, explained(text="x" * 1000).steps[0].worst_nusd
    unpriced = explained(TIERS | {"mini": a_tier("mini", model="openai/other")}).steps[0].worst_nusd

    assert short is not None
    assert long is not None
    assert long - short == (1000 - len("ACME total 12.50")) * 150
    assert unpriced is None


def test_says_why_a_tier_is_left_out() -> None:
    """A tier that cannot hold the input says so, and the first that can is asked."""
    explanation = explained(TIERS | {"mini": a_tier("mini", context_tokens=2000)}, text="x" * 40_000)

    assert explanation.steps[0].misfit == "mini holds 2,000 tokens, this takes about 11,028"
    assert explanation.first == Ask("small", "first")


def test_says_that_nobody_can_take_it() -> None:
    """Where no tier can take the input, the end is told at once."""
    explanation = explained(text="x" * 4_000_000)

    assert isinstance(explanation.first, Reject)
    assert all(step.misfit for step in explanation.steps)


def test_says_from_which_trust_on_replies_are_accepted() -> None:
    """A promised tier shows what was certified for it, the tier that it is held against shows nothing."""
    explanation = explain(a_certified_policy(), {"text": "a"}, tiers=TIERS, prices=PRICES, day=TODAY)

    assert [step.promise for step in explanation.steps] == [
        "accepted from trust 0.900 on, in the evidence 0% of its replies",
        "nothing is accepted here: no threshold could be certified for this tier",
        None,
    ]


def test_says_where_costs_count() -> None:
    """A threshold of trust is that of an input for which the larger tier costs what is usual, where costs count."""
    certified = a_certified_policy(certificate={"thrift": THRIFT})

    explanation = explain(certified, {"text": "a"}, tiers=TIERS, prices=PRICES, day=TODAY)

    assert explanation.steps[0].promise == (
        "accepted from trust 0.900 on where large costs what is usual, in the evidence 0% of its replies"
    )


def test_says_why_a_promise_accepts_nothing() -> None:
    """Without a certificate, or with one that was made for something else, the way to get one is told."""
    promise = a_promise().model_dump()
    changed = a_certified_policy().bound_to(TIERS | {"mini": a_tier("mini", model="openai/newer")})

    without = explained(promise=promise).steps[0].promise
    outdated = explain(changed, {"text": "a"}, tiers=TIERS, prices=PRICES, day=TODAY).steps[0].promise

    assert without == "nothing is accepted here: there is no certificate; run `router calibrate`"
    assert outdated is not None
    assert "tier mini answers with openai/newer, it was openai/mini-model" in outdated
