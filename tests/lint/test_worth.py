"""Tiers that cost more than they save."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.certificate import Certificate
from router.cost import PriceBook
from router.lint.surroundings import Measured, Surroundings
from router.lint.worth import break_even, worth_doubts
from router.problem import Code
from tests.builders import TIERS, a_policy, a_price, a_tier

TODAY = date(2026, 11, 20)


def priced(*dollars: float) -> PriceBook:
    """Prices of mini, small and large: as much for input as for output."""
    amounts = [Decimal(str(one)) for one in dollars]
    rows = {
        tier.model: (a_price(input=amount, output=amount),)
        for tier, amount in zip(TIERS.values(), amounts, strict=True)
    }
    return PriceBook(prices=rows)


def told(prices: PriceBook, measured: Any = None, tiers: Any = TIERS, **changes: Any) -> list[tuple[Any, Code]]:
    around = Surroundings(tiers, prices, TODAY, measured or {})
    return [(doubt.path, doubt.code) for doubt in worth_doubts(a_policy(**changes).on(tiers), around)]


def test_a_rung_pays_by_its_price_and_its_share() -> None:
    """The worked example: 1 against a chance of a half to save 10, then 4 against a tenth of 10."""
    first, second = break_even([(1, 0.5), (4, 0.1), (10, 1)])

    assert (first.cost, first.saves, first.pays) == (1, 5, True)
    assert (second.cost, second.saves, second.pays) == (4, 1, False)


def test_a_single_rung_has_nothing_to_save() -> None:
    """The last tier's reply stands, so it is not weighed."""
    assert break_even([(10, 1)]) == []


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=1, max_size=5))
def test_rungs_that_pay_make_the_cheapest_way(rungs: list[tuple[float, float]]) -> None:
    """Taking exactly the rungs that pay costs no more, on average, than any other choice among them."""

    def expected(chosen: tuple[bool, ...]) -> float:
        total, reached = 0.0, 1.0
        for (cost, share), taken in zip(rungs, (*chosen, True), strict=True):
            if taken:
                total, reached = total + reached * cost, reached * (1 - share)
        return total

    best = min(expected(choice) for choice in product((True, False), repeat=len(rungs) - 1))

    assert expected(tuple(worth.pays for worth in break_even(rungs))) == pytest.approx(best)


def test_a_plain_path_pays() -> None:
    """Tiers that grow dearer raise no doubt."""
    assert told(priced(1, 5, 20)) == []


@pytest.mark.parametrize(
    ("prices", "found"),
    [
        ((30, 5, 20), [(("tiers", 0), Code.NOT_WORTH_IT)]),
        ((6, 5, 20), [(("tiers", 1), Code.ODD_ORDER)]),
        ((1, 20, 20), [(("tiers", 1), Code.NOT_WORTH_IT)]),
        ((1, 20, 5), [(("tiers", 1), Code.NOT_WORTH_IT)]),
    ],
)
def test_without_measurements_only_prices_speak(prices: Any, found: list[Any]) -> None:
    """A tier as dear as all that follows saves nothing, whatever is accepted; a cheaper one belongs below."""
    assert told(priced(*prices)) == found


def test_a_price_that_is_higher_in_one_way_proves_nothing() -> None:
    """Which of two is cheaper depends on the lengths of input and output, so nothing is claimed."""
    rows = dict(priced(1, 5, 20).prices)
    rows["openai/mini-model"] = (a_price(input=Decimal(30), output=Decimal(1)),)

    assert told(PriceBook(prices=rows)) == []


def test_the_same_model_at_another_effort_proves_nothing() -> None:
    """Thoughts are output: the same price per token is not the same price per reply."""
    thinking = a_tier("large", model="openai/small-model", reasoning_effort="high")

    assert told(priced(1, 5, 20), tiers=TIERS | {"large": thinking}) == []


def test_an_unknown_price_proves_nothing() -> None:
    """Where a price is missing, that is told as such, and nothing else of the path."""
    rows = {model: price for model, price in priced(30, 5, 20).prices.items() if "small" not in model}

    assert told(PriceBook(prices=rows)) == []


@pytest.mark.parametrize(
    ("share", "replies", "found"),
    [(0.9, 100, []), (0.02, 100, [(("tiers", 0), Code.NOT_WORTH_IT)]), (0.02, 29, [])],
)
def test_what_traffic_showed(share: float, replies: int, found: list[Any]) -> None:
    """A tier whose replies are hardly ever accepted costs more than it saves; a few replies are no measurement."""
    measured = {
        "mini": Measured(share, 1_000, replies),
        "small": Measured(0.9, 5_000, replies),
        "large": Measured(1.0, 20_000, replies),
    }

    assert told(priced(1, 5, 20), measured) == found


def test_what_the_certificate_showed() -> None:
    """The evidence behind a certificate that holds is a measurement too."""
    changes: dict[str, Any] = {"promise": {"kind": "regret", "at_most": 0.01}}
    bound = a_policy(**changes).bound_to(TIERS)
    certificate = Certificate.model_validate(
        {
            "policy": "receipts",
            "made": TODAY,
            "promise": changes["promise"],
            "basis": bound.basis,
            "evidence": {"sha256": "0", "labels": "shadow", "fitted": 100, "certified": 300},
            "levels": {
                "mini": {"trust": {"intercept": 0}, "threshold": 0.9, "accepted_share": 0.001},
                "small": {"trust": {"intercept": 0}, "threshold": 0.9, "accepted_share": 0.6},
            },
            "usual": {"mini": {"cost_nusd": 1000}, "small": {"cost_nusd": 5000}, "large": {"cost_nusd": 20000}},
        }
    )

    assert told(priced(1, 5, 20), certificate=certificate, **changes) == [(("tiers", 0), Code.NOT_WORTH_IT)]
    assert told(priced(1, 5, 20), **changes) == []
