"""Responses requests: every parameter is mapped, known to change nothing, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import ValidationError

from router.api.openai.asked import Target
from router.api.openai.responserequest import LOGPROBS, ResponseRequest, wishes
from router.call import ResponseSchema
from router.output import FunctionTool
from router.wishes import Named, Parameters, Wishes

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"type": "function", "name": "look_up", "parameters": SCHEMA, "strict": True}


def a_request(**changes: Any) -> ResponseRequest:
    return ResponseRequest.model_validate({"model": "policy/chat", "input": "Hello"} | changes)


def wished(**changes: Any) -> Wishes:
    return wishes(a_request(**changes), Target("chat"))


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        a_request(**changes)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


def test_every_parameter_of_the_sdk_has_its_place() -> None:
    """A parameter that OpenAI's SDK can send is never merely unknown: something is said about each."""
    known = {n for base in ResponseCreateParamsNonStreaming.__orig_bases__ for n in base.__annotations__} | {"stream"}

    assert known - set(ResponseRequest.model_fields) == set()
    assert {"input", "temperature", "truncation"} <= known


def test_nothing_asked_is_nothing_wished() -> None:
    """A request with only an input leaves the policy as it is; so do nulls, and defaults that change nothing."""
    nothing = {name: None for name in ResponseRequest.model_fields if name not in ("model", "input", "router")}
    defaults = {
        "store": True,
        "service_tier": "default",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "reasoning": {"mode": "standard"},
        "background": False,
    }

    assert wished() == wished(**nothing) == wished(**defaults) == Wishes()


def test_parameters_are_passed_on_unchanged() -> None:
    """In the words of chat completions, which is how models are asked."""
    asked = wished(
        temperature=0.3,
        top_p=0.9,
        include=[LOGPROBS],
        top_logprobs=2,
        max_output_tokens=50,
        reasoning={"effort": "low"},
        text={"verbosity": "high"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="p",
    )

    own = {"temperature": 0.3, "top_p": 0.9, "top_logprobs": 2, "user": "u"}
    named = {"safety_identifier": "s", "prompt_cache_key": "p", "reasoning_effort": "low", "verbosity": "high"}
    assert asked == Wishes(logprobs=True, max_output_tokens=50, parameters=Parameters.model_validate(own | named))


def test_formats_and_tools_are_flat_here() -> None:
    """The same wishes as those of chat completions, written otherwise."""
    schema = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    asked = wished(text={"format": schema}, tools=[TOOL], tool_choice={"type": "function", "name": "look_up"})

    assert asked == Wishes(
        response_schema=ResponseSchema(name="answer", body=SCHEMA, strict=True),
        tools=(FunctionTool(name="look_up", parameters=SCHEMA, strict=True),),
        tool_choice=Named(name="look_up"),
    )


@pytest.mark.parametrize(
    ("given", "place", "advice"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "whole conversation"),
        ({"conversation": "conv_1"}, "conversation", "whole conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "policies"),
        ({"truncation": "auto"}, "truncation", "'disabled'"),
        ({"max_tool_calls": 3}, "max_tool_calls", "leave it out"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary", "leave it out"),
        ({"include": ["reasoning.encrypted_content"]}, "include.0", "leave it out"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type", "'function'"),
        ({"top_logprobs": 3}, "", "needs include"),
        ({"background": True, "store": False}, "", "background needs store"),
        ({"stream_options": {}}, "", "needs stream"),
    ],
)
def test_what_is_not_served_is_refused_with_advice(given: dict[str, Any], place: str, advice: str) -> None:
    """A parameter that could not be honoured is an error, never dropped."""
    assert advice in refused(**given)[place]


def test_the_kind_of_a_tool_is_told_first() -> None:
    """Who brings a tool that is not served is not asked for a function's name first: `param` is the first mistake."""
    assert [*refused(tools=[{"type": "web_search"}])] == ["tools.0.type", "tools.0.name"]
