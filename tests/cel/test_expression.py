"""Rules in CEL: typed by schemas, evaluated without raising, bounded."""

from __future__ import annotations

import pytest

from router.cel.expression import ELEMENTS_MAX
from tests.rules import RECEIPT, problems_of, value_of


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("math.abs(output.items.map(i, i.price).sum() - output.total) < 0.01", True),
        ("output.items.map(i, i.qty).sum() == output.count", True),
        ("output.items.filter(i, i.price > 99.0).map(i, i.price).sum() - output.total < 0.0", True),
        ("output.items.map(i, i.qty).sum() + 1 == 3 && output.items.map(i, i.price).sum() + 1.0 == 13.0", True),
        ("output.items.map(i, i.price).sum() + 1.0 == 13.0 && output.items.map(i, i.qty).sum() + 1 == 3", True),
        ("output.items.filter(i, i.price > 99.0).map(i, i.qty).sum() == 0", True),
        ("output.total == 12.0 && output.count == 2 && output.rates.eur == 1.0", True),
        ("output.tree.kids[0].value == 2.0 && output.tree.kids.all(k, k.kids.size() == 0)", True),
        ("input.text.contains(output.merchant)", False),
        ("output.extra['order-id'] == 'a' && output.extra.flag", True),
        ("has(output.tax) && output.tax > 1.0", False),
        ("output.tip == null || output.tip > 1.0", True),
        ("output.note == null || output.note.startsWith('a')", True),
        ("'a.sum()' == r'a.sum()' && output.count.type() == 1 || true // .sum()", None),
    ],
)
def test_rules_answer(source, answer):
    """Numbers take the types of the schema, null can be guarded, absence can be asked for."""
    if answer is None:
        assert problems_of(source)
    else:
        assert value_of(source, RECEIPT) is answer


LONG = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "integer"}}}}


@pytest.mark.parametrize(
    "source", ["output.l.map(i, i).size() > 0", "output.l.filter(i, i > 0).size() > 0", "output.l.sum() > 0"]
)
def test_copying_loops_take_shorter_lists(source):
    """Rules with map, filter or sum, which CEL runs in quadratic time, refuse long lists; other rules do not mind."""
    assert value_of(source, {"l": [1] * ELEMENTS_MAX}, output_schema=LONG) is True
    assert "2,001 elements" in str(value_of(source, {"l": [1] * (ELEMENTS_MAX + 1)}, output_schema=LONG))
    assert value_of("output.l[0] == 1", {"l": [1] * 200_000}, output_schema=LONG) is True
