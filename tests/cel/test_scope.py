"""The types of one pair of schemas."""

from __future__ import annotations

from router.cel.problem import ExpressionProblem
from router.cel.scope import scope_of
from tests.rules import INPUT, OUTPUT, problems_of, value_of


def test_lists_that_can_be_null_are_typed_too():
    """Such a list is compared with null, and its elements have the fields that the schema gives them."""
    rule = "output.fees == null || math.abs(output.fees.map(f, f.price).sum() - output.total) < 0.01"

    assert value_of(rule, {"fees": None, "total": 1}) is True
    assert value_of(rule, {"fees": [{"price": 1}], "total": 1}) is True
    assert problems_of("output.fees != null && output.fees.all(f, f.prise > 0.0)") == [
        ExpressionProblem(1, 45, "output.fees[] has no field 'prise'", "price")
    ]


def test_a_scope_is_made_once_for_the_same_objects():
    """Schemas are recognised by identity: equal ones of another policy have a scope of their own."""
    assert scope_of(INPUT, OUTPUT) is scope_of(INPUT, OUTPUT)
    assert scope_of(INPUT, OUTPUT) is not scope_of(INPUT, dict(OUTPUT))
