"""The parts of a rule with their values."""

from __future__ import annotations

from typing import Any

import pytest

from router.cel.expression import ELEMENTS_MAX, ExpressionError, activation
from router.cel.parts import one_line, parts
from tests.rules import INPUT, OUTPUT, RECEIPT


def taken_apart(source: str, output: Any = None, schema: Any = None) -> dict[str, Any]:
    """The parts of a rule by their text; why there is no value as a text."""
    schemas = {"input_schema": INPUT, "output_schema": schema or OUTPUT}
    values = activation({"text": "for ACME"}, RECEIPT if output is None else output, **schemas)
    found = parts(source, values, **schemas)
    return {p.text: str(p.value) if isinstance(p.value, ExpressionError) else p.value for p in found}


def test_gives_fields_then_what_is_made_of_them_then_the_whole() -> None:
    """A rule about a sum shows the list, the total, the sum, the difference, and what the comparison says."""
    found = taken_apart("math.abs(output.items.map(i, i.price).sum() - output.total) < 0.01")

    assert list(found.items()) == [
        ("output.items", [{"price": 10.0, "qty": 1}, {"price": 2.0, "qty": 1}]),
        ("output.total", 12.0),
        ("output.items.map(i, i.price).sum()", 12.0),
        ("math.abs(output.items.map(i, i.price).sum() - output.total)", 0.0),
        ("math.abs(output.items.map(i, i.price).sum() - output.total) < 0.01", True),
    ]


@pytest.mark.parametrize(
    ("source", "statements"),
    [
        ("output.count == 2 && output.total > 99.0", {"output.count == 2": True, "output.total > 99.0": False}),
        ("output.tip == null || output.tip > 1.0", {"output.tip == null": True}),
        ("!(output.count == 3)", {"output.count == 3": False, "!(output.count == 3)": True}),
        ("(output.count == 2) ? output.total > 1.0 : output.total < 1.0", {"output.count == 2": True}),
        ("output.merchant in ['ACME', 'b']", {"output.merchant": "ACME", "output.merchant in ['ACME', 'b']": True}),
        ("output.total * 2.0 - 1.0 < 3.0 / 1.5", {"output.total * 2.0 - 1.0": 23.0}),
        ("input.text.contains(output.merchant)", {"input.text": "for ACME", "output.merchant": "ACME"}),
        ("output.extra['order-id'] == 'a && b'", {"output.extra['order-id']": "a"}),
        ("type(output.extra.n) == int", {"type(output.extra.n)": "INT"}),
        ("timestamp('2026-01-02T00:00:00Z') < timestamp(output.merchant)", {"output.merchant": "ACME"}),
    ],
)
def test_takes_statements_and_comparisons_apart(source: str, statements: dict[str, Any]) -> None:
    """Each side of `&&`, `||`, `? :`, `!` and of a comparison has its value, the whole comes last."""
    found = taken_apart(source)

    assert {text: found[text] for text in statements} == statements
    assert list(found)[-1] == source


def test_shows_the_elements_of_which_a_rule_is_not_true() -> None:
    """Where `all` is false, the exceptions are listed; where it is true there are none."""
    found = taken_apart("output.items.all(i, i.price > 5.0)")

    assert found["output.items.filter(i, !(i.price > 5.0))"] == [{"price": 2.0, "qty": 1}]
    assert list(found)[-1] == "output.items.all(i, i.price > 5.0)"
    assert not any("filter" in text for text in taken_apart("output.items.all(i, i.price > 1.0)"))


def test_what_stands_within_a_loop_has_no_value_of_its_own() -> None:
    """The variable of a loop means nothing outside of it; what does not use it is shown."""
    found = taken_apart("output.items.exists(i, i.price == output.total)")

    assert list(found) == ["output.items", "output.total", "output.items.exists(i, i.price == output.total)"]


def test_says_why_a_part_has_no_value() -> None:
    """A field that is not there is told so, and so is what cannot be made of a value."""
    absent = taken_apart("has(output.tax) && output.tax > 1.0")
    wrong = taken_apart("double(output.merchant.replace(',', '')) > 1.0")

    assert absent["output.tax"] == "there is no 'tax' here; guard it with has(...)"
    assert absent["has(output.tax)"] is False
    assert wrong["double(output.merchant.replace(',', ''))"] == "cannot convert string to double"


def test_long_lists_are_not_copied() -> None:
    """What a rule refuses to compute is not computed for a story either."""
    schema = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "integer"}}}}

    found = taken_apart("output.l.sum() > 0", {"l": [1] * (ELEMENTS_MAX + 1)}, schema)

    assert found["output.l.sum()"] == "a list has 2,001 elements"


def test_a_rule_of_several_lines_is_told_in_one() -> None:
    """Line breaks are layout; before a dot or a bracket they leave no blank."""
    assert one_line("output.items\n  .all(i,\n    i.price > 1.0\n  )\n") == "output.items.all(i, i.price > 1.0)"
    assert (
        list(taken_apart("output.count == 2\n  && output.total > 1.0"))[-1] == "output.count == 2 && output.total > 1.0"
    )
