"""Two engines of JSON Schema: one verdict, in linear time."""

from __future__ import annotations

import jsonschema_rs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.schema.engines import hardened
from router.schema.validator import Validator, check_schema

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, -1, 0.1, 2.5, 19.99, 2**53 + 1, 1e300, "", "a", "ab", "12", "é"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "ab", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
COUNTS = st.integers(0, 3)
NUMBERS = st.sampled_from([0, 1, 1.0, 0.01, 2.5, -1, 2**53])
NAMES = st.sampled_from(["a", "ab", "b"])
PATTERNS = st.sampled_from(["a", "^a$", "^[a-z]+$", "\\d", "b|c", "", "^.$", "é"])
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _schemas(inner):
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "multipleOf": st.sampled_from([1, 2, 0.01, 0.1, 2.5, 1e-5]),
            "minimum": NUMBERS,
            "exclusiveMaximum": NUMBERS,
            "minLength": COUNTS,
            "maxLength": COUNTS,
            "pattern": PATTERNS,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "minContains": COUNTS,
            "maxItems": COUNTS,
            "uniqueItems": st.booleans(),
            "properties": st.dictionaries(NAMES, inner, max_size=2),
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            "additionalProperties": inner,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "propertyNames": inner,
            "minProperties": COUNTS,
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    )


SCHEMAS = st.recursive(st.booleans() | _schemas(st.booleans()), _schemas, max_leaves=4)


@settings(max_examples=400, deadline=None)
@given(SCHEMAS, VALUES)
def test_two_engines_agree(schema, value):
    """jsonschema-rs and the hardened `jsonschema` give the same verdict, so words are found for what is refused."""
    assume(check_schema(schema) == [])
    verdict = jsonschema_rs.Draft202012Validator(schema, offline=True, validate_formats=False).is_valid(value)

    assert hardened(schema).is_valid(value) == verdict
    assert (Validator(schema).problem(value) is None) == verdict


def test_hostile_patterns_run_in_linear_time():
    """A pattern that would backtrack 2 ** 100,000 times in `re` is answered, as pattern and as name of properties."""
    hostile = "a" * 100_000 + "!"

    assert "does not match" in str(Validator({"pattern": "^(a+)+$"}).problem(hostile))
    named = Validator({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False})
    assert "not allowed" in str(named.problem({hostile: 1}))


def test_unique_items_are_hashed():
    """30,000 objects are compared without comparing each with each."""
    items = [{"a": n} for n in range(30_000)]

    assert Validator({"uniqueItems": True}).problem(items) is None
    assert "has equal items" in str(Validator({"uniqueItems": True}).problem([*items, {"a": 0.0}]))
