"""Values in the number types of their schema."""

from __future__ import annotations

from router.cel.expression import activation
from tests.rules import INPUT, OUTPUT, value_of


def test_huge_integers_become_doubles():
    """An integer outside 64 bits, which CEL cannot hold, spoils no rule."""
    output = {"total": 2**70, "count": 2**70, "extra": {"deep": [{"n": -(2**70)}]}, "merchant": "a"}

    assert value_of("output.total > 1e20 && output.extra.deep[0].n < 0 && output.merchant == 'a'", output) is True


def test_activation_changes_nothing_of_the_callers():
    """The given input and output stay as they are."""
    output = {"total": 12, "items": [{"price": 1}]}
    activation({}, output, input_schema=INPUT, output_schema=OUTPUT)

    assert repr(output) == "{'total': 12, 'items': [{'price': 1}]}"
