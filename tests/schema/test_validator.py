"""Hardened JSON Schema: sound schemas only, no bombs, and a verdict for any value."""

from __future__ import annotations

import subprocess
import sys

import pytest

from router.schema.validator import PROBLEMS_MAX, SchemaInvalid, Validator, check_schema
from tests.rules import OUTPUT, RECEIPT


def test_has_nothing_to_say_about_a_sound_value():
    """A value under its schema has no problem."""
    assert Validator(OUTPUT).problem(RECEIPT) is None


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


def test_tells_all_that_is_wrong_with_a_value():
    """Each mistake is a sentence with its place, told once; what `problem` says comes first."""
    schema = {
        "properties": {"total": {"type": "number"}, "items": {"type": "array", "items": {"type": "string"}}},
        "required": ["total"],
        "additionalProperties": False,
    }
    value = {"items": [1, "a", 2], "tip": 3}

    problems = Validator(schema).problems(value)

    assert problems[0] == Validator(schema).problem(value)
    assert sorted(problems) == [
        "$.items[0]: 1 is not a string",
        "$.items[2]: 2 is not a string",
        "$: 'tip' is not allowed, only 'total', 'items'",
        "$: 'total' is missing",
    ]
    assert Validator(schema).problems({"total": 1}) == []
    assert len(Validator(schema).problems({"total": 1, "items": [*range(1000)]})) == PROBLEMS_MAX


@pytest.mark.parametrize("value", ["\ud800", {1: 2}, {1, 2}, [[[]]] * 3])
def test_every_value_gets_its_problems(value):
    """Also what JSON cannot hold, in words."""
    assert Validator({"type": "number"}).problems(value)


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


@pytest.mark.parametrize("schema", [True, {}, OUTPUT, {"properties": {"next": {"$ref": "#"}}}, {"$id": "receipt.json"}])
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


def test_depth_is_capped():
    """A value nested deeper than 64 is refused before any engine recurses into it."""
    value: object = 1
    for _ in range(5_000):
        value = [value]

    assert Validator({"items": {"$ref": "#"}}).problem(value) == "$: nested deeper than 64"


def test_import_is_light():
    """A producer that validates its inputs does not load `jsonschema`."""
    told = "Validator({}).problem(1); print('jsonschema' in sys.modules)"
    code = f"import sys; from router.schema.validator import Validator; {told}"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
