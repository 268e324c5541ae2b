"""Shapes: any schema has one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from router.cel.expression import ExpressionError, activation, compile_expression
from router.cel.shape import Object, Shape, read_shape

NAMES = st.sampled_from(["a", "a_b", "aB", "ABEntry", "items", "items_", "order-id", "in", "é", "", "size", "_x", "9"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _schemas(inner):
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "properties": st.dictionaries(NAMES, inner, max_size=4),
            "additionalProperties": inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "enum": st.lists(JSON, min_size=1, max_size=2),
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/no"]),
        },
    )


SCHEMAS = st.builds(
    lambda root, a: {**root, "$defs": {"a": a}}, *[st.recursive(_schemas(st.booleans()), _schemas, max_leaves=5)] * 2
)


@settings(deadline=None)
@given(SCHEMAS, JSON)
def test_any_schema_and_any_value_can_be_ruled(schema, value):
    """Whatever the schema and whatever the value, rules compile and answer, if only with an error."""
    rule = compile_expression("dyn(output) == dyn(input)", input_schema=schema, output_schema=schema)

    assert isinstance(rule(activation(value, value, input_schema=schema, output_schema=schema)), bool | ExpressionError)


def test_alternatives_references_and_parts_are_one_shape():
    """Null is set apart from a type, `allOf` is merged, and an object may contain itself by its name."""
    objects: dict[str, Object] = {}
    schema = {
        "allOf": [{"properties": {"tip": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}, {"required": ["tip"]}],
        "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}, "odd": {"type": ["string", "integer"]}},
    }

    top = read_shape(schema, "output", objects)

    assert top == Shape("object", name="O0")
    assert objects["O0"].place == "output"
    assert objects["O0"].fields == {
        "tip": Shape("double", nullable=True),
        "kids": Shape("list", item=top),
        "odd": Shape("any"),
    }
