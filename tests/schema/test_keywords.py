"""Misspelt keywords of a JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from router.schema.keywords import impossible_names, misspelt_keywords


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("minLenght", "minLength"), ("minimun", "minimum"), ("tpye", "type"), ("require", "required")),
        *(("additionalProperty", "additionalProperties"), ("one_of", "oneOf"), ("enums", "enum")),
    ],
)
def test_a_misspelt_keyword_has_one_that_was_meant(word: str, meant: str) -> None:
    """It would check nothing; the path leads to it."""
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"anyOf": [{word: 1}]}}}

    assert list(misspelt_keywords(schema)) == [(("properties", "a", "anyOf", 0, word), meant)]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"tpye": {"type": "string"}, "minimun": True}, "required": ["tpye"]},
        {"const": {"tpye": 1}, "default": {"minimun": 1}},
        {"title": "A", "example": "a", "nullable": True, "discriminator": {}, "x-order": 1, "propertyOrdering": []},
        {"x-pattern": "a", "x-enum": [], "X-Type": 1, "@type": "a", "_type": "a", "ui:items": 1, "acme.required": True},
        {"note": "a", "typeof": "function", "tsType": "Date", "anyRequired": [], "deepRequired": []},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"requird": {"format": "date"}}},
    ],
)
def test_names_and_notes_are_no_keywords(schema: Any) -> None:
    """Names of properties, values, and words of other dialects are let be."""
    assert list(misspelt_keywords(schema)) == []


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"required": ["nubmer"]}, [(("required", 0), "nubmer", "number")]),
        ({"required": ["number", "what"]}, [(("required", 1), "what", None)]),
        ({"required": ["number"]}, []),
        ({"required": ["nubmer"], "additionalProperties": True}, []),
        ({"required": ["nubmer"], "patternProperties": {"^n": {}}}, []),
        ({"required": ["nubmer"], "type": ["object", "null"]}, [(("required", 0), "nubmer", "number")]),
        ({"required": ["nubmer"], "type": ["string", "null"]}, []),
    ],
)
def test_a_name_that_must_and_may_not_be_there_is_found(schema: dict[str, Any], found: list[Any]) -> None:
    """Nothing could meet such a schema, at any depth; what is only asked about need not be met."""
    whole = {"type": "object", "properties": {"number": {"type": "string"}}, "additionalProperties": False} | schema

    assert list(impossible_names(whole)) == found
    assert list(impossible_names({"items": whole})) == [(("items", *path), name, near) for path, name, near in found]
    assert list(impossible_names({"not": whole})) == []


def test_of_many_impossible_names_the_first_are_told() -> None:
    """What each was meant to be is looked for among all, which would take a file of thousands many seconds."""
    names = [f"wanted{number}" for number in range(100)]
    schema = {"type": "object", "properties": {}, "required": names, "additionalProperties": False}

    assert [name for _, name, _ in impossible_names(schema)] == names[:20]
