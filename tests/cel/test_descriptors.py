"""The types that a rule is checked against, for every kind of output."""

from __future__ import annotations

import pytest

from tests.rules import value_of

LABEL = {"type": "string", "enum": ["refund", "exchange"]}
TOOL = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
    "required": ["name", "arguments"],
}


@pytest.mark.parametrize(
    ("source", "schema", "output"),
    [
        ("output == 'refund' && output.startsWith('re')", LABEL, "refund"),
        ("output.size() > 3", {"type": "string"}, "hello"),
        ("output.name == 'book' && output.arguments.seats > 1 && has(output.arguments.city)", TOOL, None),
        ("output.all(n, n > 1.0) && output.sum() == 5.0", {"type": "array", "items": {"type": "number"}}, [2, 3]),
        ("output['a'] == 2.0", {"type": "object", "additionalProperties": {"type": "number"}}, {"a": 2}),
        ("output == null || output > 1", {"type": ["integer", "null"]}, 2.0),
        ("output['order-id'] == 1", {"properties": {"order-id": {"type": "integer"}}}, {"order-id": 1}),
        (
            "output.a_b < output.aB",
            {"properties": {"a_b": {"type": "number"}, "aB": {"type": "number"}}},
            {"a_b": 1, "aB": 2},
        ),
        ("output.a == 1.0", {"allOf": [{"properties": {"a": {"type": "number"}}}, {"required": ["a"]}]}, {"a": 1}),
        ("output.x.sum() == 0", {"properties": {"x": {"type": "array", "items": {"type": "integer"}}}}, {"x": []}),
        (
            "output.matrix[1][0] == 3",
            {"properties": {"matrix": {"items": {"items": {"type": "integer"}}}}},
            {"matrix": [[], [3]]},
        ),
    ],
)
def test_every_kind_of_output_has_rules(source, schema, output):
    """Labels and texts are strings, tool calls have a name and open arguments; arrays, maps and odd names work too."""
    output = {"name": "book", "arguments": {"seats": 2, "city": "Rome"}} if output is None else output

    assert value_of(source, output, output_schema=schema) is True
