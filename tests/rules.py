"""A receipt's schemas, and the rules about it that tests compile."""

from __future__ import annotations

import pytest

from router.cel.expression import activation, compile_expression
from router.cel.problem import ExpressionInvalid

INPUT = {"type": "object", "properties": {"text": {"type": "string"}, "lines": {"type": "array"}}}
OUTPUT = {
    "type": "object",
    "required": ["total"],
    "properties": {
        "total": {"type": "number"},
        "tax": {"type": "number"},
        "count": {"type": "integer"},
        "merchant": {"type": "string"},
        "date": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "fees": {"type": ["array", "null"], "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "tip": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "extra": {"type": "object"},
        "rates": {"type": "object", "additionalProperties": {"type": "number"}},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"price": {"type": "number"}, "qty": {"type": "integer"}}},
        },
        "tree": {"$ref": "#/$defs/node"},
    },
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }
    },
}
RECEIPT = {
    "total": 12,
    "count": 2.0,
    "merchant": "ACME",
    "note": None,
    "tip": None,
    "extra": {"flag": True, "order-id": "a", "n": 1},
    "rates": {"eur": 1},
    "items": [{"price": 10, "qty": 1}, {"price": 2.0, "qty": 1}],
    "tree": {"value": 1, "kids": [{"value": 2, "kids": []}]},
}


def compiled(source, output_schema=OUTPUT):
    return compile_expression(source, input_schema=INPUT, output_schema=output_schema)


def value_of(source, output, input=None, output_schema=OUTPUT):
    """What a rule says about an output."""
    values = activation(input or {"text": ""}, output, input_schema=INPUT, output_schema=output_schema)
    return compiled(source, output_schema)(values)


def problems_of(source, output_schema=OUTPUT):
    """The mistakes in a rule."""
    with pytest.raises(ExpressionInvalid) as refused:
        compiled(source, output_schema)
    return list(refused.value.problems)
