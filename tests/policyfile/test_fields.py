"""Dotted paths into an output: those that lead nowhere, and what was meant by them."""

from __future__ import annotations

from typing import Any

import pytest

from router.output import Output
from router.policyfile.fields import Nowhere, Stray, names_of, nowhere, stray

LINE = {"type": "object", "properties": {"what": {"type": "string"}, "net": {"type": "number"}}}
INVOICE = {
    "type": "object",
    "properties": {
        "total": {"type": ["number", "null"]},
        "lines": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/line"}}]},
        "extra": {"type": "object"},
        "payer": {"allOf": [{"$ref": "#/$defs/line"}]},
        "7": {"type": "string"},
        "itself": {"$ref": "#"},
    },
    "$defs": {"line": LINE},
}
TOOLS = [
    {"name": "assign", "parameters": {"type": "object", "properties": {"team": {"type": "string"}}}},
    {"name": "close", "parameters": {"type": "object", "properties": {"reason": {"type": "string"}}}},
]


def output(**given: Any) -> Output:
    return Output.model_validate(given or {"schema": INVOICE})


@pytest.mark.parametrize(
    "field",
    [
        *("total", "lines", "lines.0", "lines.12.net", "extra.anything.else", "payer.what", "7"),
        *("itself.itself.lines.0.what", "itself.itself.itself.itself.itself.total"),
    ],
)
def test_a_path_may_lead_somewhere(field: str) -> None:
    """Through objects, lists, references and choices; where a schema is open nothing is guessed."""
    assert nowhere(output(), field) is None


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("totl", "total"),
        ("total.net", None),
        ("lines.0.nett", "lines.0.net"),
        ("lines.net", "lines.0.net"),
        ("lines.nothing", "lines.0"),
        ("totl.0", "total"),
        ("payer.waht", "payer.what"),
        ("itself.lines.0.nett", "itself.lines.0.net"),
        ("0", None),
    ],
)
def test_a_path_that_leads_nowhere_has_one_that_was_meant(field: str, meant: str | None) -> None:
    """Every part of a path counts; the way is given as far as it leads."""
    found = nowhere(output(), field)

    assert found is not None
    assert found.meant == meant


def test_arguments_are_those_of_any_function() -> None:
    """An argument that one function has is known; one that none has checks nothing, ever."""
    tools = output(tools=TOOLS)

    assert [nowhere(tools, f"arguments.{name}") for name in ("team", "reason")] == [None, None]
    wrong = nowhere(tools, "arguments.resaon")
    assert wrong is not None
    assert wrong.meant == "arguments.reason"
    assert nowhere(output(tools=[*TOOLS, {"name": "any", "parameters": {"type": "object"}}]), "arguments.x") is None


@pytest.mark.parametrize(("given", "whole"), [({"labels": ["a", "b"]}, "label"), ({"text": {}}, "text")])
def test_a_label_or_text_is_its_only_field(given: Any, whole: str) -> None:
    """Such an output has no fields within."""
    assert nowhere(output(**given), whole) is None
    assert nowhere(output(**given), "total") is not None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("a", "nmae"), Stray("name", sure=True)),
        (("a", "zzz"), Stray(None, sure=True)),
        (("a", "name"), None),
        (("a", "name", "text"), Stray(None, sure=True)),
        (("b", "nmae"), Stray("name", sure=False)),
        (("b", "named_otherwise"), None),
        (("list", None, "nmae"), Stray("name", sure=False)),
        (("list", "name"), Stray(None, sure=True)),
        (("a", None), None),
        (("nothing", "at", "all"), None),
    ],
)
def test_the_last_name_of_a_path_is_held_against_a_schema(path: tuple[str | None, ...], found: Stray | None) -> None:
    """Of closed objects, lists and scalars everything is known; an open object may have any name but a misspelt one."""
    named = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "a": named | {"additionalProperties": False},
            "b": named,
            "list": {"type": "array", "items": named},
        },
    }

    assert stray(schema, path) == found


TEXT = {"type": "string"}
NAMED = {"type": "object", "properties": {"name": TEXT}}
ODD: dict[str, dict[str, Any]] = {
    "beside a reference": {"$ref": "#/$defs/named", "properties": {"more": TEXT}},
    "under a condition": NAMED | {"if": {"required": ["name"]}, "then": {"properties": {"more": TEXT}}},
    "under another condition": NAMED | {"if": {"required": ["name"]}, "else": {"properties": {"more": TEXT}}},
    "with another field": NAMED | {"dependentSchemas": {"name": {"properties": {"more": TEXT}}}},
    "by a pattern under a condition": NAMED | {"if": True, "then": {"patternProperties": {"^m": TEXT}}},
    "in one of all": NAMED | {"allOf": [{"properties": {"more": TEXT}}]},
    "as one of more": NAMED | {"additionalProperties": TEXT},
    "as anything more": NAMED | {"additionalProperties": True},
    "in an object or a list": {"type": ["object", "array"], "items": TEXT},
    "in what may be a list": {"items": TEXT},
}


@pytest.mark.parametrize("schema", ODD.values(), ids=ODD.keys())
def test_every_way_to_say_that_a_field_may_be_there_counts(schema: dict[str, Any]) -> None:
    """A legal policy is never refused, however its schemas are written."""
    whole = {"type": "object", "properties": {"odd": schema}, "$defs": {"named": NAMED}}

    assert nowhere(output(schema=whole), "odd.more") is None
    assert stray(whole, ("odd", "more")) is None


def test_what_a_condition_only_requires_opens_nothing() -> None:
    """A misspelt field is told beside it as it is without it."""
    asked = {"required": ["name"]}
    for more in ({"if": asked, "then": asked}, {"anyOf": [asked, True]}, {"dependentSchemas": {"name": asked}}):
        found = output(schema=NAMED | more)

        assert [nowhere(found, field) for field in ("name", "nmae")] == [None, Nowhere("name")]
        assert names_of(NAMED | more) == ["name"]


def test_a_list_that_may_be_an_object_has_elements_and_fields() -> None:
    """Both lead somewhere, and what is neither does not."""
    either = NAMED | {"type": ["object", "array"], "items": NAMED}
    schema = output(schema={"type": "object", "properties": {"either": either}})

    assert [nowhere(schema, f"either.{path}") for path in ("name", "0.name")] == [None, None]
    assert nowhere(schema, "either.0.nmae") is not None


def test_a_long_path_through_a_schema_that_branches_is_walked_at_once() -> None:
    """A place that is reached by two ways is one place: two to the power of sixty would never end."""
    node = {"$ref": "#/$defs/node"}
    tree = {"type": "object", "properties": {"next": {"oneOf": [node, node]}, "value": TEXT}}
    schema = tree | {"additionalProperties": False, "$defs": {"node": tree | {"additionalProperties": False}}}

    assert stray(schema, ("next",) * 60 + ("valeu",)) == Stray("value", sure=True)


def test_names_are_those_that_a_schema_lists_unless_it_takes_others() -> None:
    """Where nothing is listed, or more is let in, any name may be there."""
    assert [names_of(schema) for schema in (NAMED, {"type": "object"}, ODD["as one of more"])] == [["name"], None, None]
    assert names_of(ODD["in one of all"]) == ["name", "more"]
