"""Words for a refused value: the place first, then what is wrong."""

from __future__ import annotations

import pytest

from router.schema.validator import Validator

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


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"txet": "a"}, "$: 'text' is missing; did you mean 'text' by 'txet'?"),
        (
            {"text": "a", "langauge": "de"},
            "$: 'langauge' is not allowed, only 'text', 'language'; did you mean 'language' by 'langauge'?",
        ),
        ({"text": "a", "texts": "b"}, "$: 'texts' is not allowed, only 'text', 'language'"),
        ({"zzz": "a"}, "$: 'text' is missing"),
    ],
)
def test_says_which_name_was_meant(value, sentence):
    """A misspelt name is told with the one that it is near to and that is missing; where none is near, none is told."""
    properties = {"text": {"type": "string"}, "language": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["text"], "additionalProperties": False}

    assert Validator(schema).problem(value) == sentence
    assert Validator({**schema, "additionalProperties": True}).problem({"txet": "a"}) == "$: 'text' is missing"


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
