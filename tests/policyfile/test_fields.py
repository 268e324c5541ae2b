"""Dotted paths into an output: those that lead nowhere, and what was meant by them."""

from __future__ import annotations

from typing import Any

import pytest

from router.output import Output
from router.policyfile.fields import Stray, nowhere, stray

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
