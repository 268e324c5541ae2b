"""What a schema lets a value be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from router.cel.domain import Domain, Spot


def a_spot(schema: Any, **defs: Any) -> Spot:
    return Spot(schema, schema | {"$defs": defs})


@pytest.mark.parametrize(
    ("schema", "domain"),
    [
        ({"enum": ["a", "b"]}, Domain(values=("a", "b"))),
        ({"type": "string", "enum": ["a", None]}, Domain(values=("a",))),
        ({"enum": ["a", None]}, Domain(values=("a",), null=True)),
        ({"const": 3}, Domain(values=(3,))),
        ({"type": "boolean"}, Domain(values=(True, False))),
        ({"type": ["boolean", "null"]}, Domain(values=(True, False), null=True)),
        ({"type": "number"}, Domain(number=True)),
        ({"type": "integer", "minimum": 1, "maximum": 9}, Domain(number=True, low=1, high=9)),
        ({"type": "number", "exclusiveMinimum": 0}, Domain(number=True, low=0)),
        ({"type": "number", "minimum": 1, "allOf": [{"maximum": 5}]}, Domain()),
        ({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]}, Domain(number=True, high=5, null=True)),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, Domain(null=True)),
        ({"type": "string"}, Domain()),
        ({"type": ["string", "null"]}, Domain(null=True)),
        ({}, Domain(null=True)),
    ],
)
def test_a_schema_bounds_a_value(schema: Any, domain: Domain) -> None:
    """Values that can be counted, numbers within bounds, and whether null is one: nothing that is not sure."""
    assert a_spot(schema).domain() == domain


def test_references_are_followed() -> None:
    """A `$ref` is what it points to; one that goes round in circles is anything."""
    root = {"$defs": {"kind": {"enum": ["a"]}, "loop": {"$ref": "#/$defs/loop"}}}

    assert Spot({"$ref": "#/$defs/kind"}, root).domain() == Domain(values=("a",))
    assert Spot({"$ref": "#/$defs/loop"}, root).domain() == Domain(null=True)


@pytest.mark.parametrize(
    ("schema", "sure"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, True),
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": ["object", "null"], "properties": {"a": {}}, "required": ["a"]}, False),
        ({"properties": {"a": {}}, "required": ["a"]}, False),
    ],
)
def test_a_member_is_sure_where_nothing_lets_it_be_away(schema: Any, sure: bool) -> None:
    """Only a required member of what is always an object is sure to be there."""
    spot = a_spot(schema)

    assert spot.member("a").sure is sure
    assert spot.has("a") is (True if sure else None)


@pytest.mark.parametrize(
    ("schema", "domain"),
    [
        ({"type": "string", "minLength": 2, "maxLength": 5}, Domain(number=True, low=2, high=5)),
        ({"type": "array"}, Domain(number=True, low=0, high=math.inf)),
        ({"type": ["array", "null"]}, Domain(number=True, low=0, sure=False)),
        ({}, Domain(number=True, low=0, sure=False)),
    ],
)
def test_a_size_is_bounded_too(schema: Any, domain: Domain) -> None:
    """Texts and lists are as long as their schema says; nothing is shorter than nothing."""
    assert a_spot(schema).size() == domain


def test_elements_have_the_schema_of_their_list() -> None:
    """Elements are what `items` says; those of a tuple are anything."""
    items = {"enum": ["a"]}

    assert a_spot({"type": "array", "items": items}).element(sure=True).domain() == Domain(values=("a",))
    assert a_spot({"type": "array", "items": items}).element(sure=False).domain().sure is False
    assert a_spot({"prefixItems": [items], "items": items}).element(sure=True).domain() == Domain(null=True)
