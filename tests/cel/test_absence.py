"""What becomes of a rule where a field that need not be there is missing."""

from __future__ import annotations

import pytest

from router.cel.absence import Absence
from router.cel.expression import ExpressionError
from router.cel.scope import scope_of
from router.cel.tree import Node, tree_of
from tests.rules import INPUT, OUTPUT, value_of

BARE = {"total": 12, "items": [{"qty": 2}]}
"""A sound output without the tax of the whole and the price of an item."""
ANSWERS = frozenset((True, False))
NO_ANSWER = frozenset((None,))


def tree(source: str) -> Node:
    return tree_of(source, scope_of(INPUT, OUTPUT))


def asked(source: str) -> dict[str, str]:
    return {".".join(way): found.text for way, found in Absence(INPUT, OUTPUT).optional(tree(source))}


def test_fields_that_need_not_be_there_are_found() -> None:
    """By the way to them and as they are written; required and tested ones, and those of open objects, are none."""
    assert asked("output.total > 0.0 && has(output.tax)") == {}
    assert asked("output.extra.x == 1") == {"output.extra": "output.extra"}
    assert asked("output.items[0].price > 0.0") == {
        "output.items.[].price": "output.items[0].price",
        "output.items": "output.items",
    }
    assert asked("output.items.all(i, i.qty > 0)")["output.items.[].qty"] == "i.qty"
    assert asked("input.text != ''") == {"input.text": "input.text"}


@pytest.mark.parametrize(
    ("source", "missing", "outcomes"),
    [
        ("output.tax > 0.0", "output.tax", NO_ANSWER),
        ("has(output.tax)", "output.tax", frozenset((False,))),
        ("has(output.tax) && output.tax > 0.0", "output.tax", frozenset((False,))),
        ("!has(output.tax) || output.tax > 0.0", "output.tax", frozenset((True,))),
        ("has(output.tax) ? output.tax > 0.0 : output.total > 0.0", "output.tax", ANSWERS),
        ("output.tax > 0.0 ? true : true", "output.tax", NO_ANSWER),
        ("output.total > 0.0 && output.tax > 0.0", "output.tax", frozenset((False, None))),
        ("output.total > 0.0 || output.tax > 0.0", "output.tax", frozenset((True, None))),
        ("output.total == 12.0", "output.tax", ANSWERS),
        ("output.tax in [1.0, 2.0]", "output.tax", NO_ANSWER),
        ("output.items.all(i, i.price > 0.0)", "output.items.[].price", frozenset((False, None))),
        ("output.items.exists(i, i.price > 0.0)", "output.items.[].price", frozenset((True, None))),
        ("output.items.map(i, i.price).sum() > 0.0", "output.items.[].price", NO_ANSWER),
        ("output.items.filter(i, has(i.price)).all(i, i.price > 0.0)", "output.items.[].price", ANSWERS),
        ("output.items[0].price > 0.0", "output.items.[].price", NO_ANSWER),
    ],
)
def test_what_a_rule_comes_to_without_a_field(source: str, missing: str, outcomes: frozenset[bool | None]) -> None:
    """Nothing that the rule then really comes to is left out."""
    value = value_of(source, BARE)

    assert Absence(INPUT, OUTPUT).outcomes(tree(source), tuple(missing.split("."))) == outcomes
    assert (None if isinstance(value, ExpressionError) else value) in outcomes


@pytest.mark.parametrize(
    "keyword", [{"allOf": [{"required": ["tax"]}]}, {"dependentRequired": {"total": ["tax"]}}, {"required": ["tax"]}]
)
def test_what_another_keyword_may_require_is_not_called_missing(keyword: dict[str, object]) -> None:
    """Only what the schema plainly leaves open is told."""
    schema = {"type": "object", "properties": {"tax": {"type": "number"}, "total": {"type": "number"}}, **keyword}
    node = tree_of("output.tax > 0.0", scope_of(INPUT, schema))

    assert list(Absence(INPUT, schema).optional(node)) == []
