"""Where rules run: exact sums, bounded loops, linear regular expressions."""

from __future__ import annotations

from tests.rules import value_of

LONG = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "integer"}}}}


def test_sums_are_exact():
    """Ten dimes are one dollar."""
    items = [{"price": 0.1}] * 10

    assert value_of("output.items.map(i, i.price).sum() == 1.0", {"items": items}) is True


def test_loops_are_bounded():
    """More than 10,000 iterations are an error, nested loops counted together."""
    for source, length in (("output.l.all(i, i > 0)", 10_001), ("output.l.all(i, output.l.all(j, j > 0))", 101)):
        assert "10,000 times" in str(value_of(source, {"l": [1] * length}, output_schema=LONG))


def test_sums_count_against_the_budget():
    """A sum within a loop cannot multiply the work beyond the 10,000 iterations."""
    assert "10,000 times" in str(
        value_of("output.l.all(i, output.l.sum() > i)", {"l": [1] * 2_000}, output_schema=LONG)
    )


def test_hostile_regular_expressions_are_linear():
    """A pattern that would backtrack 2 ** 100,000 times elsewhere is answered."""
    assert value_of("output.merchant.matches('^(a+)+$')", {"merchant": "a" * 100_000 + "!"}) is False
