"""What a caller asks for reaches the provider as it was asked."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.openai.conftest import Service

PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def at_the_provider(service: Service, path: str, body: dict[str, Any], mark: str) -> dict[str, Any]:
    """The body of the one request that the provider got of this one."""
    answer = httpx.post(f"{service.url}/v1/{path}", json={"model": "tier/mini"} | body, timeout=60)
    assert answer.status_code == 200, answer.text
    (request,) = [request for request in service.provider.requests if mark in str(request.body)]
    sent: dict[str, Any] = request.body
    return sent


def test_every_parameter_arrives_unchanged(service: Service) -> None:
    """Each under its own name, with its own value; the conversation with images, names, calls and results as it is."""
    mark = str(uuid4())
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "ada", "content": [
            {"type": "text", "text": mark},
            {"type": "image_url", "image_url": {"url": PHOTO, "detail": "low"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "sunny"},
    ]  # fmt: skip
    asked = {
        "messages": messages,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 11,
        "stop": ["END"],
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "logit_bias": {"42": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u1",
        "safety_identifier": "s1",
        "prompt_cache_key": "p1",
        "verbosity": "low",
        "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    }
    sent = at_the_provider(service, "chat/completions", asked, mark)

    assert {name: sent.get(name) for name in asked if name != "tools"} == {
        name: value for name, value in asked.items() if name != "tools"
    }
    (tool,) = sent["tools"]
    assert (tool["function"]["name"], tool["function"]["parameters"], tool["function"]["strict"]) == (
        "weather", CITY, True,
    )  # fmt: skip


def test_a_form_arrives_under_its_own_name(service: Service) -> None:
    """With the caller's schema and strictness, by either interface; the smaller limit of tokens holds."""
    mark, name = str(uuid4()), "price"
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    form = {"type": "json_schema", "name": name, "schema": schema, "strict": False}
    body = {"input": mark, "instructions": "Be brief.", "text": {"format": form}, "max_output_tokens": 77}
    sent = at_the_provider(service, "responses", body, mark)

    assert sent["response_format"] == {
        "type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": False},
    }  # fmt: skip
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": mark}]
    assert 77 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))


def test_nothing_that_was_not_asked_is_sent(service: Service) -> None:
    """A plain question carries the tier's own settings and no others."""
    mark = str(uuid4())
    sent = at_the_provider(service, "chat/completions", {"messages": [{"role": "user", "content": mark}]}, mark)

    assert set(sent) <= {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "logprobs"}
