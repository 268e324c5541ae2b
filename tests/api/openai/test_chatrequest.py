"""Chat completions requests: every parameter is mapped, known to change nothing, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import ValidationError

from router.api.openai.asked import Target
from router.api.openai.chatrequest import ChatRequest, wishes
from router.api.openai.formats import NO_ARGUMENTS
from router.call import ResponseSchema
from router.output import FunctionTool
from router.wishes import Named, Parameters, Wishes
from tests.api.openai.desk import ASKED

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA, "strict": True}}


def a_request(**changes: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "policy/chat", "messages": [ASKED]} | changes)


def wished(**changes: Any) -> Wishes:
    return wishes(a_request(**changes), Target("chat"))


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        a_request(**changes)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


def test_every_parameter_of_the_sdk_has_its_place() -> None:
    """A parameter that OpenAI's SDK can send is never merely unknown: something is said about each."""
    known = set(CompletionCreateParamsNonStreaming.__annotations__) | {
        name for base in CompletionCreateParamsNonStreaming.__mro__ for name in getattr(base, "__annotations__", {})
    }
    known |= {name for base in CompletionCreateParamsNonStreaming.__orig_bases__ for name in base.__annotations__}

    assert known - set(ChatRequest.model_fields) == set()
    assert {"messages", "temperature", "web_search_options"} <= known


def test_nothing_asked_is_nothing_wished() -> None:
    """A request with only messages leaves the policy as it is; so do nulls, and defaults that change nothing."""
    nothing = {name: None for name in ChatRequest.model_fields if name not in ("model", "messages", "router")}
    defaults = {
        "store": False,
        "service_tier": "auto",
        "modalities": ["text"],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "n": 1,
        "stream": False,
    }

    assert wished() == wished(**nothing) == wished(**defaults) == Wishes()


def test_parameters_are_passed_on_unchanged() -> None:
    """Each of them under its own name."""
    given = {
        "temperature": 0.3,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END", "\n\n"],
        "presence_penalty": -1.5,
        "frequency_penalty": 2,
        "logit_bias": {"1234": -100},
        "logprobs": True,
        "top_logprobs": 3,
        "reasoning_effort": "max",
        "verbosity": "low",
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "p",
    }
    asked = wished(**given)

    expected = {name: value for name, value in given.items() if name != "logprobs"}
    assert asked.logprobs
    assert asked.parameters == Parameters.model_validate(expected | {"stop": ("END", "\n\n")})


def test_one_stop_is_a_list_of_one() -> None:
    """OpenAI takes both."""
    assert wished(stop="END").parameters.stop == ("END",)


def test_both_names_of_the_output_limit_are_known() -> None:
    """The older one too, but not both at once."""
    assert wished(max_tokens=5).max_output_tokens == wished(max_completion_tokens=5).max_output_tokens == 5
    assert "both given" in refused(max_tokens=5, max_completion_tokens=5)[""]


def test_a_response_format_is_wished_as_it_is() -> None:
    """Its name, schema and strictness are the caller's."""
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}

    assert wished(response_format=schema).response_schema == ResponseSchema(name="answer", body=SCHEMA, strict=True)
    assert wished(response_format={"type": "json_object"}) == Wishes(json_object=True)


def test_tools_are_wished_as_they_are() -> None:
    """With the choice among them; one without parameters takes none, as at OpenAI."""
    bare = {"type": "function", "function": {"name": "now", "description": "Tells the time."}}
    choice = {"type": "function", "function": {"name": "now"}}
    asked = wished(tools=[TOOL, bare], tool_choice=choice, parallel_tool_calls=False)

    assert asked.tools == (
        FunctionTool(name="look_up", parameters=SCHEMA, strict=True),
        FunctionTool(name="now", description="Tells the time.", parameters=NO_ARGUMENTS, strict=None),
    )
    assert (asked.tool_choice, asked.parallel_tool_calls) == (Named(name="now"), False)
    assert wished(tools=[TOOL], tool_choice="required").tool_choice == "required"


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "leave it out"),
        ({"functions": [{"name": "f"}]}, "use tools"),
        ({"function_call": "auto"}, "use tool_choice"),
        ({"modalities": ["text", "audio"]}, "only ['text']"),
        ({"prediction": {"type": "content", "content": "x"}}, "leave it out"),
        ({"service_tier": "flex"}, "'auto' and 'default'"),
        ({"store": True}, "GET /v1/tasks"),
        ({"web_search_options": {}}, "leave it out"),
        ({"prompt_cache_retention": "24h"}, "leave it out"),
        ({"prompt_cache_options": {"mode": "explicit"}}, "leave it out"),
        ({"moderation": {"model": "m"}}, "leave it out"),
    ],
)
def test_what_is_not_served_is_refused_with_advice(given: dict[str, Any], advice: str) -> None:
    """A parameter that could not be honoured is an error, never dropped."""
    (name,) = given

    assert advice in refused(**given)[name]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"seed": 2**63}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [""]}, "stop.0"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {str(i): "x" for i in range(17)}}, "metadata"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0.type"),
        ({"tools": []}, "tools"),
        ({"tool_choice": {"type": "allowed_tools"}, "tools": [TOOL]}, "tool_choice.type"),
        ({"temprature": 1}, "temprature"),
        ({"router": {"polcy": "x"}}, "router.polcy"),
        ({"router": {"deadline_s": 0}}, "router.deadline_s"),
    ],
)
def test_wrong_values_are_told_with_their_place(given: dict[str, Any], place: str) -> None:
    """So that `error.param` names what is to blame."""
    assert place in refused(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"top_logprobs": 3}, "needs logprobs"),
        ({"stream_options": {"include_usage": True}}, "needs stream"),
        ({"n": 2, "seed": 1}, "seed and n"),
        ({"tool_choice": "required"}, "need tools"),
        ({"parallel_tool_calls": False}, "need tools"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(given: dict[str, Any], said: str) -> None:
    """Each would change nothing, or could not be kept."""
    assert said in refused(**given)[""]


@pytest.mark.parametrize(
    "messages",
    [[{}] * 1000, [{"role": "user", "content": [{"type": "text"}] * 1000}]],
    ids=["messages", "parts"],
)
def test_the_first_wrong_message_is_enough(messages: Any) -> None:
    """A list that has no bound ends at its first mistake: to collect a million of them took gigabytes."""
    assert len(refused(messages=messages)) == 1
