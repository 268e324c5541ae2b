"""Families of metrics: few labels, exact amounts, always in the same order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.cost import usd
from router.metrics.family import OTHER, bounded, counter, dollars, first, histogram, merged, summed
from router.timings import Timings
from tests.scrape import Scraped, encoded, exact

EXACT_NUSD = 2**53
"""Nine million dollars."""


@given(st.lists(st.integers(0, EXACT_NUSD // 100), max_size=100))
def test_dollars_are_exact_to_the_nano_dollar(amounts: list[int]) -> None:
    """As a scraper reads a sum, rounded to nine places, it is the amount that the ledger has."""
    family = counter("router_cost_dollars_total", "What it cost.", ("tier",), dollars((("mini",), n) for n in amounts))

    read = Scraped(encoded([family]))["router_cost_dollars_total"]

    assert {labels: exact(number) for labels, number in read.items()} == (
        {("mini",): usd(sum(amounts))} if amounts else {}
    )


def test_names_beyond_the_bound_are_one() -> None:
    """What is added under the name for others is the sum of all of them: nothing is lost."""
    name = bounded(first({"a", "b"}, {f"n{i}" for i in range(10_000)}, 3))

    assert summed(((name(n),), 1) for n in ("a", "b", "n0", "n1", "n9999")) == {
        ("a",): 1,
        ("b",): 1,
        ("n0",): 1,
        (OTHER,): 2,
    }


def test_names_in_use_come_first() -> None:
    """What is known takes the room before what only was, and either in an order that does not change."""
    assert first({"z", "y"}, {"a", "z", "b"}, 3) == ["y", "z", "a"]
    assert first({"z", "y"}, {"b", "z", "a"}, 3) == ["y", "z", "a"]


def test_durations_of_others_are_added() -> None:
    """Two tiers under one name are one histogram."""
    one, two = Timings(), Timings()
    one.add(70)
    two.add(7_000)
    family = histogram("router_took_seconds", "How long.", ("tier",), merged([(("other",), one), (("other",), two)]))

    read = Scraped(encoded([family]))
    assert read["router_took_seconds_count"] == {("other",): 2}
    assert read["router_took_seconds_sum"] == {("other",): 7.07}
    assert read["router_took_seconds_bucket"]["0.1", "other"] == 1


def test_order_is_that_of_the_labels() -> None:
    """Whatever the order in which values are found, they are told in one."""
    there = encoded([counter("router_x_total", "X.", ("tier",), {("b",): 1, ("a",): 2})])

    assert there == encoded([counter("router_x_total", "X.", ("tier",), {("a",): 2, ("b",): 1})])
