"""What keeps a policy from doing what a caller wishes: told before anything is paid for."""

from __future__ import annotations

from typing import Any

import pytest

from router.objection import SCHEMA_BYTES_MAX, objection
from router.output import FunctionTool, Kind
from router.wishes import Wishes

OBJECT = {"type": "object"}
SCHEMA = {"name": "answer", "body": OBJECT}
TOOL = {"name": "look_up", "parameters": OBJECT}


def objected(output: Kind = "text", *, text_checks: tuple[str, ...] = (), **wished: Any) -> tuple[str, str] | None:
    found = objection(
        Wishes.model_validate(wished), policy="chat", output=output, tiers=("mini", "large"), text_checks=text_checks
    )
    return None if found is None else (found.parameter, found.reason)


@pytest.mark.parametrize(
    ("output", "wished"),
    [
        ("text", {}),
        ("text", {"tier": "large"}),
        ("text", {"response_schema": SCHEMA, "tools": [TOOL], "tool_choice": "required"}),
        ("text", {"json_object": True, "logprobs": True, "parameters": {"top_logprobs": 3}}),
        ("text", {"tools": [TOOL], "tool_choice": {"name": "look_up"}, "parallel_tool_calls": False}),
        ("schema", {"response_schema": SCHEMA}),
        ("labels", {"json_object": True}),
        ("tools", {"tool_choice": "none", "parameters": {"temperature": 0.2}}),
    ],
)
def test_what_a_policy_can_do_is_not_objected_to(output: Kind, wished: dict[str, Any]) -> None:
    """Forms, tools, tiers and settings go where they fit."""
    assert objected(output, **wished) is None


@pytest.mark.parametrize(
    ("output", "wished", "parameter", "reason"),
    [
        ("text", {"tier": "huge"}, "tier", "policy 'chat' has no tier 'huge'; it climbs mini, large"),
        ("text", {"parameters": {"top_logprobs": 3}}, "top_logprobs", "needs logprobs: true"),
        ("tools", {"logprobs": True}, "logprobs", "has no log-probabilities"),
        ("tools", {"response_schema": SCHEMA}, "response_format", "answers with a function call"),
        ("text", {"response_schema": SCHEMA, "json_object": True}, "response_format", "both asked for"),
        ("schema", {"tools": [TOOL]}, "tools", "has an output of its own (schema); ask a policy that answers"),
        ("tools", {"tools": [TOOL]}, "tools", "has an output of its own (tools)"),
        ("text", {"tools": [TOOL, TOOL]}, "tools", "'look_up' is there twice"),
        ("text", {"tools": [TOOL], "tool_choice": {"name": "f"}}, "tool_choice", "no function 'f' among the tools"),
        ("text", {"tool_choice": "required"}, "tool_choice", "needs tools"),
        ("text", {"parallel_tool_calls": False}, "parallel_tool_calls", "needs tools"),
        ("text", {"response_schema": {"name": "a b", "body": OBJECT}}, "response_format", "the name 'a b'"),
    ],
)
def test_what_does_not_fit_is_told_by_the_parameters_name(
    output: Kind, wished: dict[str, Any], parameter: str, reason: str
) -> None:
    """The caller hears which of the parameters to change, and why."""
    found = objected(output, **wished)

    assert found is not None
    assert found[0] == parameter
    assert reason in found[1]


@pytest.mark.parametrize("wished", [{"response_schema": SCHEMA}, {"json_object": True}, {"tools": [TOOL]}])
def test_a_text_that_is_checked_keeps_its_form(wished: dict[str, Any]) -> None:
    """What a rule or a pattern finds in a text it could miss in JSON or in calls, so nothing gets past it so."""
    found = objected(text_checks=("no_commentary",), **wished)

    assert found is not None
    assert found[0] == ("tools" if "tools" in wished else "response_format")
    assert "checks its text (no_commentary), which it could not in another form" in found[1]


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


HOSTILE = {
    "far": ({"$ref": "http://127.0.0.1:9/s.json"}, "outside this schema"),
    "wide": ({"description": "x" * SCHEMA_BYTES_MAX}, "the limit is 65,536"),
    "deep": (deep(40), "nested deeper than 64"),
    "backtracking": ({"pattern": r"^(a+)+\1$"}, "regular expression"),
    "endless": ({"$ref": "#"}, "refers to itself without going deeper"),
    "doubling": (
        {"$defs": {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)} | {"d30": {}}}
        | {"$ref": "#/$defs/d0"},
        "subschemas look at one value",
    ),
    "no schema": ({"type": "strange"}, "type"),
    "no JSON": ({"const": float("nan")}, "not JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_refused(name: str) -> None:
    """Nothing is fetched, nothing takes forever, whether a form or a function brings the schema."""
    schema, reason = HOSTILE[name]

    formed = objected(response_schema={"name": "answer", "body": schema})
    called = objected(tools=[{"name": "f", "parameters": schema}])

    assert formed is not None
    assert called is not None
    assert (formed[0], called[0]) == ("response_format", "tools")
    assert reason in formed[1]
    assert reason in called[1]


def test_all_wishes_together_are_bounded() -> None:
    """They lie in the store with every task, so a hundred large schemas are too many."""
    tools = [FunctionTool(name=f"f{i}", description="x" * 30_000, parameters=OBJECT) for i in range(10)]

    found = objected(tools=[tool.model_dump() for tool in tools])

    assert found is not None
    assert found[0] == "tools"
    assert "the limit is 262,144" in found[1]
