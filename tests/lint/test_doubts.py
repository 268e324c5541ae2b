"""Warnings: what a folder may say but its author hardly means, gathered from all families."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from router.cost import PriceBook
from router.lint.doubts import doubts, prices_doubts, tiers_doubts
from router.lint.surroundings import Surroundings
from router.problem import Code
from tests.builders import TIERS, a_policy, a_price, a_tier

TODAY = date(2026, 11, 20)
PRICES = PriceBook(
    prices={
        tier.model: (a_price(input=Decimal(dollars), output=Decimal(4 * dollars)),)
        for dollars, tier in enumerate(TIERS.values(), start=1)
    }
)
AROUND = Surroundings(TIERS, PRICES, TODAY)
LOOSE = {"type": "object", "properties": {"total": {"type": "number"}}}
TOOLS = [{"name": "pay", "parameters": LOOSE | {"required": ["total"], "additionalProperties": False}}]


def told(known: Any = TIERS, **changes: Any) -> list[tuple[Any, str]]:
    around = Surroundings(known, PRICES, TODAY)
    return [(doubt.path, doubt.message) for doubt in doubts(a_policy(**changes), around)]


def test_a_plain_policy_raises_no_doubt() -> None:
    """Nothing is warned of where nothing is odd."""
    assert told(checks=[{"check": "confidence", "at_least": 0.8, "tiers": ["mini", "small"]}]) == []


def test_a_schema_that_the_provider_refuses() -> None:
    """A schema that strict mode cannot hold would make every call fail, so it is told beforehand."""
    found = told(output={"schema": LOOSE}, checks=[])

    assert {path for path, _ in found} == {("output", "schema")}
    assert any("additionalProperties: false" in said for _, said in found)


def test_a_function_that_the_provider_refuses() -> None:
    """The same holds for the arguments of functions, and the function is named."""
    (first, *_) = told(output={"tools": [TOOLS[0] | {"parameters": LOOSE}]}, checks=[])

    assert first[0] == ("output", "tools", 0, "parameters")
    assert "function pay" in first[1]


def test_a_function_that_is_not_strict_is_not_held_to_it() -> None:
    """An author may do without the provider's strictness; the arguments are checked here all the same."""
    open_ended = {"name": "f", "parameters": {"type": "object", "patternProperties": {"^a": {}}}}

    assert [d.code for d in doubts(a_policy(output={"tools": [open_ended]}, checks=[]), AROUND)] != []
    assert doubts(a_policy(output={"tools": [open_ended | {"strict": False}]}, checks=[]), AROUND) == []


def test_every_family_has_its_say() -> None:
    """What is odd in the prompt, path, rules, checks, models, limits, money and promise is all told."""
    twice = {"check": "length", "at_least": 5, "at_most": 2}
    thinking = a_tier("large", model="openai/gpt-5.5", tools=True)

    found = doubts(
        a_policy(
            prompt={"system": "Pay.", "user": "the bill"},
            output={"tools": TOOLS},
            tiers=["mini", {"tier": "small", "attempts": 2}, "large"],
            checks=[twice, twice | {"id": "again"}, {"check": "agreement"}, {"check": "confidence", "at_least": 0.5}],
            limits={"attempts": 8, "deadline_s": 5, "cost_usd": 1},
            promise={"kind": "regret", "at_most": 0.01},
        ),
        Surroundings(TIERS | {"large": thinking, "mini": a_tier("mini", model="openai/small-model")}, PRICES, TODAY),
    )

    assert {doubt.code for doubt in found} == {
        *(Code.MOVE_NEVER_MADE, Code.CONSTANT, Code.CHECK_NEVER_RUN, Code.NO_LOGPROBS, Code.PARAMETER, Code.LIMIT),
        *(Code.ODD_ORDER, Code.IDLE_PROMISE, Code.UNCERTIFIED, Code.UNLIKELY),
    }


def test_the_end_of_the_path_has_its_say() -> None:
    """What nobody above the last tier can settle is told with the rest."""
    ((path, said),) = told()

    assert path == ("checks", 0)
    assert said.startswith("what is unsure at large, the last tier, ends as dead_letter")


def test_the_tiers_file_has_doubts_of_its_own() -> None:
    """A model that leaves, a setting that it refuses and a deployment at another price stand in the tiers file."""
    tier = a_tier(
        "mini",
        model="openai/gpt-4o-mini",
        price_of="openai/mini-model",
        sunset=date(2027, 1, 14),
        reasoning_effort="none",
        deployments=[{"name": "a"}, {"name": "b", "model": "openai/large-model"}],
    )

    found = tiers_doubts(Surroundings({"mini": tier}, PRICES, TODAY))

    assert [(doubt.path, doubt.code) for doubt in found] == [
        (("tiers", "mini", "sunset"), Code.SUNSET),
        (("tiers", "mini", "reasoning_effort"), Code.PARAMETER),
        (("tiers", "mini", "deployments", 1, "model"), Code.OLD_PRICE),
    ]


@pytest.mark.parametrize(("model", "count"), [("openai/mini-model", 1), ("openai/nobodys", 0)])
def test_only_prices_in_use_grow_old(model: str, count: int) -> None:
    """A price that nothing is booked at harms nobody, however old it is."""
    prices = PriceBook(prices={model: (a_price(source="a list of March 2024"),)})

    found = prices_doubts(prices, AROUND)

    assert [doubt.code for doubt in found] == [Code.OLD_PRICE] * count


def test_an_unknown_tier_hides_no_other_doubt() -> None:
    """A tier that is missing is told as a mistake; what is odd beside it is told all the same."""
    found = told(
        {"mini": TIERS["mini"]},
        checks=[{"check": "length", "at_least": 5, "at_most": 2}],
        promise={"kind": "regret", "at_most": 0.01},
        moves={"fail": "repair"},
    )

    assert [path for path, _ in found] == [("moves", "fail"), ("checks", 0)]
