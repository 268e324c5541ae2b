"""Prices that may not hold any more."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from router.cost import PriceBook
from router.lint.prices import deployment_doubts, price_doubts, read_on
from router.lint.surroundings import Surroundings
from tests.builders import PRICES, a_price, a_tier

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("OpenAI price list, November 2026", date(2026, 11, 1)),
        ("seen on 2025-03-09", date(2025, 3, 1)),
        ("a page of may 2024, read again in June 2025", date(2025, 6, 1)),
        ("a mail of our buyer", None),
        ("version 2026-99-01", None),
    ],
)
def test_when_a_price_was_read(source: str, read: date | None) -> None:
    """The month that a source names last is when its price was read."""
    assert read_on(source) == read


def told(*rows: Any) -> list[Any]:
    book = PriceBook(prices={"m": rows})
    return [doubt.path for doubt in price_doubts(book, frozenset({"m"}), TODAY)]


@pytest.mark.parametrize(
    ("source", "paths"),
    [("a list of March 2024", [("prices", "m", 0, "source")]), ("a list of March 2026", []), ("a list", [])],
)
def test_a_price_read_long_ago(source: str, paths: list[Any]) -> None:
    """After a year somebody should look again; a source without a date is left alone."""
    assert told(a_price(source=source)) == paths


def test_only_the_price_in_force_grows_old() -> None:
    """Old rows stay for old calls, and rows of days to come were read when they were announced."""
    old = a_price(source="March 2024")
    new = a_price(source="November 2026", **{"from": "2026-01-01"})

    assert told(old, new) == []


def test_rows_out_of_order() -> None:
    """The newest price counts, so a row that begins before the one above it is a slip."""
    assert told(a_price(**{"from": "2026-01-01"}), a_price(**{"from": "2025-01-01"})) == [("prices", "m", 1, "from")]


def test_a_deployment_with_a_price_of_its_own() -> None:
    """All places of a tier are booked at its price, so a model that is priced otherwise is booked wrongly."""
    book = PriceBook(prices=dict(PRICES.prices) | {"azure/dear": (a_price(output=Decimal(9)),)})
    tier = a_tier(
        "mini",
        deployments=[
            {"name": "own"},
            {"name": "same", "model": "openai/large-model"},
            {"name": "dear", "model": "azure/dear"},
            {"name": "unknown", "model": "azure/unknown"},
        ],
    )

    found = deployment_doubts(tier, Surroundings({"mini": tier}, book, TODAY))

    assert [doubt.path for doubt in found] == [("tiers", "mini", "deployments", 2, "model")]
