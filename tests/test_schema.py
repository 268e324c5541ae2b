"""Hardened JSON Schema: sound schemas only, verdicts that two engines share, words for people, no bombs."""

from __future__ import annotations

import subprocess
import sys

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.schema import (
    SchemaInvalid,
    Validator,
    check_schema,
    hardened,
    is_deeper,
    resolve,
    strict_mode_problems,
)

RECEIPT = {
    "type": "object",
    "required": ["total", "items"],
    "additionalProperties": False,
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "note": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["price"],
            "properties": {
                "price": {"type": "number"},
                "part": {"anyOf": [{"$ref": "#/$defs/item"}, {"type": "null"}]},
            },
        }
    },
}
GOOD = {"total": 12.5, "items": [{"price": 12.5}]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"total": "abc"}, "$.total: 'abc' is not a number"),
        ({"total": -1}, "$.total: -1 is less than 0"),
        ({"currency": "GBP"}, "$.currency: 'GBP' is none of 'EUR', 'USD'"),
        ({"note": 3}, "$.note: 3 is not a string or null"),
        ({"zz": 1}, "$: 'zz' is not allowed, only 'total', 'currency', 'note', 'items'"),
        ({"items": [{"price": 1}, {}]}, "$.items[1]: 'price' is missing"),
        ({"items": [{"price": 1, "part": {"price": "q"}}]}, "$.items[0].part.price: 'q' is not a number"),
        ({"total": "x" * 500}, f"$.total: '{'x' * 77}...' is not a number"),
        ({"items": {"a": [1] * 500}}, None),
    ],
)
def test_says_what_is_wrong_and_where(change, sentence):
    """A refused value gets one sentence: the place first, the value shortened."""
    said = Validator(RECEIPT).problem({**GOOD, **change})

    assert said is not None
    assert said == sentence or sentence is None
    assert len(said) < 200


def test_has_nothing_to_say_about_a_sound_value():
    """A value under its schema has no problem."""
    assert Validator(RECEIPT).problem(GOOD) is None


def test_formats_are_annotations():
    """`format` does not judge, as the standard has it."""
    assert Validator({"format": "date"}).problem("not a date") is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("\ud800", "$: not a JSON value"),
        ({1: 2}, "$: not a JSON value"),
        (float("nan"), "$"),
        ({1, 2}, "$: not a JSON value"),
    ],
)
def test_refuses_what_is_not_json(value, sentence):
    """Values that JSON cannot hold are refused in words, never with an exception."""
    assert (Validator({"type": ["string", "number", "object"]}).problem(value) or "").startswith(sentence)


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ({"type": "strin"}, ("type",), "'strin'"),
        ({"minimum": "a"}, ("minimum",), "'a' is not a number"),
        ({"required": "a"}, ("required",), "'a' is not a list"),
        ({"items": [{}]}, ("items",), "is not an object or true or false"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "only JSON Schema 2020-12"),
        ({"$ref": "https://example.com/x.json"}, ("$ref",), "outside this schema"),
        ({"properties": {"a": {"$ref": "other.json"}}}, ("properties", "a", "$ref"), "outside this schema"),
        ({"$ref": "#/$defs/nothing"}, ("$ref",), "leads nowhere"),
        ({"enum": [{}], "$ref": "#/enum/0"}, ("$ref",), "not a schema"),
        ({"$ref": "#name"}, ("$ref",), "outside this schema"),
        ({"pattern": "(?=a)b"}, ("pattern",), "is refused"),
        ({"items": {"patternProperties": {"(": {}}}}, ("items", "patternProperties", "("), "is refused"),
        ({"pattern": "[\\d-z]"}, ("pattern",), "different engines"),
        ({"$ref": "#"}, (), "without going deeper"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, (), "without going deeper"),
        ({"dependencies": {"a": ["b"]}}, ("dependencies",), "dependentRequired"),
        ({"properties": {"a": {"$id": "b"}}}, ("properties", "a", "$id"), "below the root"),
        ({"$dynamicRef": "#a"}, ("$dynamicRef",), "not supported"),
        ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, ("unevaluatedProperties",), "cannot stand"),
        ({"const": float("nan")}, (), "cannot be written as JSON"),
        ({"description": "x" * 300_000}, (), "the limit is 262,144"),
        (5, (), "a schema is an object, true or false"),
    ],
)
def test_refuses_unsound_schemas(schema, path, words):
    """Each mistake in a schema is told with the path that leads to it, and such a schema validates nothing."""
    problems = check_schema(schema)

    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message
    with pytest.raises(SchemaInvalid):
        Validator(schema)


def test_tells_all_mistakes_at_once():
    """An author sees every mistake of a schema in one go."""
    problems = check_schema({"properties": {"a": {"type": "x"}, "b": {"$ref": "#/no"}, "c": {"pattern": "("}}})

    assert {problem.path for problem in problems} == {
        ("properties", "a", "type"),
        ("properties", "b", "$ref"),
        ("properties", "c", "pattern"),
    }


@pytest.mark.parametrize(
    "schema", [True, {}, RECEIPT, {"properties": {"next": {"$ref": "#"}}}, {"$id": "receipt.json"}]
)
def test_sound_schemas_have_no_problems(schema):
    """Recursion through the value, references within the schema and an `$id` at its root are fine."""
    assert check_schema(schema) == []


def _doubling(levels, branch):
    """A schema whose every level refers to the next one twice."""
    schemas = {f"d{n}": branch({"$ref": f"#/$defs/d{n + 1}"}) for n in range(levels)}
    return {"$defs": {**schemas, f"d{levels}": {"const": 1}}, "$ref": "#/$defs/d0"}


def test_refuses_schemas_that_double_in_place():
    """A tower of `anyOf` that looks at one value 2 ** 22 times is no schema."""
    (problem,) = check_schema(_doubling(22, lambda ref: {"anyOf": [ref, ref]}))

    assert "look at one value" in problem.message


def test_refuses_schemas_that_double_on_the_way_down():
    """So is one that asks the same of each property twice, 24 levels deep."""
    (problem,) = check_schema(
        _doubling(24, lambda ref: {"anyOf": [{"properties": {"a": ref}}, {"properties": {"a": ref}}]})
    )

    assert "references written out" in problem.message


def test_refuses_endless_chains_of_references():
    """Thousands of references in a row do not overflow the stack."""
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(3_000)}

    assert check_schema({"$defs": {**chain, "d3000": {}}, "$ref": "#/$defs/d0"}) != []


@pytest.mark.parametrize("depth", [16, 40, 60])
def test_words_for_recursive_alternatives_are_bounded(depth):
    """A deep value under a recursive `anyOf`, where searching for words would take 2 ** depth steps, is refused."""
    branches = [
        {"type": "object", "required": ["c"], "properties": {"c": {"$ref": "#"}, "kind": {"const": kind}}}
        for kind in "ab"
    ]
    value = "wrong"
    for _ in range(depth):
        value = {"kind": "b", "c": value}

    assert Validator({"anyOf": [*branches, {"type": "null"}]}).problem(value)


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


def test_depth_is_capped():
    """A value nested deeper than 64 is refused before any engine recurses into it."""
    value: object = 1
    for _ in range(5_000):
        value = [value]

    assert Validator({"items": {"$ref": "#"}}).problem(value) == "$: nested deeper than 64"
    assert not is_deeper([[1]], 2)
    assert is_deeper([[1]], 1)


def test_references_are_pointers():
    """`~1`, `~0` and percent signs in references are read as the standard has it."""
    schema = {"$defs": {"a/b": {"c~d": {"e f": {"const": 1}}}}}

    assert resolve(schema, "#/$defs/a~1b/c~0d/e%20f") == {"const": 1}
    assert resolve(schema, "#/$defs/x") is None
    assert resolve(schema, "#") is schema


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


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"anyOf": [{"type": "object"}]}, ["`type: object` at the root", "no anyOf at the root"]),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            ["`additionalProperties: false`", "'a' under `required`"],
        ),
        ({"properties": {"a": {"type": "array"}}}, ["needs `items`"]),
        ({"properties": {"a": {"type": "string", "minLength": 1}}}, ["does not support minLength"]),
        ({"properties": {"a": {"oneOf": [{"type": "null"}]}}}, ["does not support oneOf"]),
        ({"properties": {"a": {"$ref": "#", "description": "x"}}}, ["`$ref` to stand alone"]),
        ({"properties": {"a": {"type": "string", "format": "iri"}}}, ["the format 'iri'"]),
        ({"properties": {"a": {"description": "anything"}}}, ["needs a `type`"]),
        ({"properties": {f"p{n}": {"type": "null"} for n in range(5_001)}}, ["5,000 properties, here are 5,001"]),
        ({"properties": {"a": {"enum": [str(n) for n in range(1_001)]}}}, ["1,000 enum values"]),
        ({"properties": {"a": {"enum": ["x" * 100 + str(n) for n in range(251)]}}}, ["15,000 characters"]),
        ({"properties": {"a": {"const": "x" * 120_000}}}, ["120,000 characters"]),
        (True, ["an object"]),
    ],
)
def test_strict_mode_is_narrower(schema, words):
    """What OpenAI's strict mode would refuse is told at load, not by the provider."""
    said = "\n".join(map(str, strict_mode_problems(schema)))

    assert [word for word in words if word not in said] == []


def _nested(levels):
    inner = {"type": "string"}
    for _ in range(levels):
        inner = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    return inner


def test_strict_mode_allows_ten_levels():
    """Ten objects within each other are fine, eleven are not; recursion counts once."""
    assert strict_mode_problems(_nested(10)) == []
    assert "10 levels of objects, here are 11" in str(strict_mode_problems(_nested(11))[0])


def test_import_is_light():
    """A producer that validates its inputs does not load `jsonschema`."""
    code = "import sys, router.schema; router.schema.Validator({}).problem(1); print('jsonschema' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
