"""Do two outputs say the same, and how much of them?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks.sameness import agreeing, differing

ONE = {"merchant": "ACME", "items": [{"price": 1}, {"price": 2}]}


@pytest.mark.parametrize(
    ("other", "share"),
    [
        (ONE, 1.0),
        ({"merchant": "acme ", "items": [{"price": 1.0}, {"price": 2}]}, 1.0),
        ({"merchant": "ACME", "items": [{"price": 1}, {"price": 3}]}, 2 / 3),
        ({"merchant": "ACME", "items": [{"price": 1}]}, 2 / 3),
        ({"merchant": "ACME"}, 1 / 3),
        ({}, 0.0),
    ],
)
def test_agreement_has_degrees(other: Any, share: float) -> None:
    """The share of the values that both have at the same place, of all that either has."""
    assert agreeing(ONE, other, ("merchant", "items")) == pytest.approx(share)
    assert agreeing(other, ONE, ("merchant", "items")) == pytest.approx(share)


def test_two_outputs_that_say_nothing_agree() -> None:
    """Empty lists and nulls on both sides are the same answer."""
    assert agreeing({"items": []}, {"items": []}, ("items",)) == 1.0
    assert agreeing({"items": None}, {}, ("items",)) == 1.0


def test_full_agreement_differs_in_nothing() -> None:
    """Where everything agrees no field differs; a label or a text is compared as a whole."""
    assert differing(ONE, ONE, ("merchant", "items")) == []
    assert agreeing("refund", "Refund", ("label",)) == 1.0
    assert agreeing("refund", "exchange", ("label",)) == 0.0
