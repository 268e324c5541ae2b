"""What kinds of output a policy may want, and the schemas that describe them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.output import Formed, FunctionTool, Kind, Output, Turn
from router.schema.strictmode import strict_mode_problems
from router.schema.validator import Validator, check_schema
from tests.builders import RECEIPT

TOOL = {"name": "call_off", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("settings", "kind", "fields"),
    [
        ({"schema": RECEIPT}, "schema", ("merchant", "total")),
        ({"schema": {"properties": {"a": {}, "b": {}}}}, "schema", ("a", "b")),
        ({"schema": {}}, "schema", ()),
        ({"labels": ["a", "b"]}, "labels", ("label",)),
        ({"text": {}}, "text", ("text",)),
        ({"tools": [TOOL]}, "tools", ("name", "arguments")),
    ],
)
def test_an_output_is_of_one_kind_and_has_fields(settings: dict[str, Any], kind: Kind, fields: tuple[str, ...]) -> None:
    """The kind decides which fields a check looks at that names none; required ones where a schema says so."""
    output = Output.model_validate(settings)

    assert (output.kind, output.required_fields) == (kind, fields)


@pytest.mark.parametrize(
    ("settings", "good", "bad"),
    [
        ({"schema": RECEIPT}, {"merchant": None, "total": 1}, {"total": 1}),
        ({"labels": ["a", "b"]}, "a", "c"),
        ({"text": {}}, "anything", 5),
        ({"tools": [TOOL]}, {"name": "call_off", "arguments": {}}, {"name": "call_on", "arguments": {}}),
    ],
)
def test_the_schema_of_the_value_is_what_checks_and_rules_see(settings: dict[str, Any], good: Any, bad: Any) -> None:
    """A label is a bare string there, a function call a name with arguments."""
    schema = Output.model_validate(settings).value_schema

    assert check_schema(schema) == []
    assert Validator(schema).problem(good) is None
    assert Validator(schema).problem(bad) is not None


def test_the_wire_wants_an_object_around_a_label() -> None:
    """Providers in strict mode take it; text and tools need no schema of their own."""
    wire = Output.model_validate({"labels": ["a", "b"]}).wire_schema

    assert wire is not None
    assert strict_mode_problems(wire) == []
    assert Validator(wire).problem({"label": "a"}) is None
    assert Output.model_validate({"schema": RECEIPT}).wire_schema == RECEIPT
    assert Output.model_validate({"text": {}}).wire_schema is None
    assert Output.model_validate({"tools": [TOOL]}).wire_schema is None


def test_tools_are_found_by_name() -> None:
    """A call is read by the function that it names."""
    assert list(Output.model_validate({"tools": [TOOL]}).tools_by_name) == ["call_off"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"labels": ["a"]},
        {"labels": ["a", "a"]},
        {"tools": []},
        {"tools": [{"name": "no good", "parameters": {}}]},
        {"schema": {}, "text": {}},
        {"text": {"at_most": 5}},
    ],
)
def test_an_output_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    """One kind exactly, two labels at least, names that providers take."""
    with pytest.raises(ValidationError):
        Output.model_validate(settings)


# What callers ask for.


def test_a_turn_is_text_and_calls() -> None:
    """Both members are always there; functions are those of the caller."""
    turn = Turn.model_validate({"tools": [TOOL]})
    called = {"name": "call_off", "arguments": {}}
    verdict = Validator(turn.value_schema)

    assert (turn.kind, turn.required_fields, turn.wire_schema) == ("turn", ("text", "calls"), None)
    assert verdict.problem({"text": None, "calls": [called, called]}) is None
    assert verdict.problem({"text": "Hello", "calls": []}) is None
    assert verdict.problem({"text": "Hello"}) is not None
    assert verdict.problem({"text": 5, "calls": []}) is not None
    assert verdict.problem({"text": None, "calls": [called | {"name": "drop"}]}) is not None


@pytest.mark.parametrize(
    ("output", "value", "text"),
    [
        (Output.model_validate({"text": {}}), "Hello", "Hello"),
        (Output.model_validate({"schema": RECEIPT}), {"total": 1}, None),
        (Formed.model_validate({"schema": RECEIPT}), {"total": 1, "merchant": "Ä"}, '{"merchant":"Ä","total":1}'),
        (Turn.model_validate({"tools": [TOOL]}), {"text": "Hello", "calls": []}, "Hello"),
        (Turn.model_validate({"tools": [TOOL]}), {"text": None, "calls": []}, None),
    ],
)
def test_what_was_asked_for_as_text_has_one(output: Output, value: Any, text: str | None) -> None:
    """Checks of a text's length look at it; an object that a policy asks for is none."""
    assert output.text_of(value) == text


def test_functions_are_strict_unless_a_caller_says_otherwise() -> None:
    """What is not said stands in no published text; what a caller says goes on, nothing included."""
    assert Output.model_validate({"tools": [TOOL]}).model_dump(exclude_defaults=True, by_alias=True) == {
        "tools": (TOOL,)
    }
    assert [FunctionTool(**TOOL, strict=word).strict for word in (True, False, None)] == [True, False, None]
