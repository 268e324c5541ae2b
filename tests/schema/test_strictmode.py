"""OpenAI's strict mode, narrower than JSON Schema."""

from __future__ import annotations

import pytest

from router.schema.strictmode import strict_mode_problems


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
        ({"type": "object", "additionalProperties": False}, ["needs `properties` in an object"]),
        ({"type": "object", "properties": {}, "required": ["a"]}, ["no 'a' under `required`"]),
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
