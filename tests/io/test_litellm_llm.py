"""The seam to the providers: one request a call, and a value for whatever comes of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from time import perf_counter, time
from typing import Any
from uuid import uuid4

import aiohttp
import litellm
import pytest

from router.call import (
    Answer,
    Call,
    Deployment,
    Failure,
    FinishReason,
    Named,
    Parameters,
    Reply,
    ResponseSchema,
    Token,
    ToolCall,
    Usage,
)
from router.call import FailureKind as Kind
from router.io.litellm_errors import retry_after_s
from router.io.litellm_llm import LiteLLM
from router.io.litellm_request import output_limit
from router.io.litellm_wire import SecondRequest, Wire, current_wire, open_session
from tests.fault_provider import MODES, FaultProvider, with_logprobs

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[2]
DEADLINE_S = 0.5
SLOW = ("never", "drip")

USAGE = Usage(input_tokens=1000, output_tokens=200)
TOKENS = (
    Token(text="ja", logprob=-0.25, size=2),
    Token(text="\ufffd", logprob=-0.5, size=2),
    Token(text="é", logprob=-1.0, size=2),
)

REPLIES: dict[str, dict[str, Any]] = {
    "ok": {"text": '{"a": 1}', "usage": USAGE, "request_id": "req_fault", "model": "gpt-4o-mini-2024-07-18"},
    "echo": {"text": "hello", "finish_reason": FinishReason.STOP, "tokens": None},
    "tools": {
        "text": None,
        "tool_calls": (ToolCall(name="f", arguments='{"x": 1}'),),
        "finish_reason": FinishReason.TOOL_CALLS,
    },
    "tools-broken": {"tool_calls": (ToolCall(name="f", arguments='{"x": '),)},
    "refusal": {"text": None, "refusal": "I can not help with that."},
    "length": {"text": '{"a": "cut', "finish_reason": FinishReason.LENGTH},
    "filtered": {"text": "", "finish_reason": FinishReason.CONTENT_FILTER},
    "finish-strange": {"finish_reason": FinishReason.UNKNOWN},
    "finish-null": {"text": "x"},
    "null-content": {"text": None, "refusal": None, "tool_calls": ()},
    "cached": {"usage": Usage(input_tokens=1000, cached_input_tokens=768, output_tokens=200)},
    "reasoning": {"usage": Usage(input_tokens=1000, output_tokens=200, reasoning_tokens=150)},
    "logprobs": {"tokens": TOKENS},
    "logprobs-nan": {"tokens": None},
    "two-choices": {"text": '{"a": 1}'},
    "text-plain": {"text": '{"a": 1}'},
    "no-usage": {"text": '{"a": 1}', "usage": None},
    "null-usage": {"text": '{"a": 1}', "usage": None},
    "negative-usage": {"text": '{"a": 1}', "usage": None},
    "digits-usage": {"usage": Usage(input_tokens=12, output_tokens=3)},
    "endless-usage": {"text": '{"a": 1}', "usage": None},
    "400-output-limit": {"text": "", "finish_reason": FinishReason.LENGTH, "usage": None},
}

MALFORMED = (
    *("string-usage", "no-choices", "null-choices", "empty-choices", "no-message", "content-number", "content-list"),
    *("tools-nameless", "surrogate", "surrogate-token", "error-in-200", "sse-200", "html-200", "cut-json"),
    *("empty-body", "json-list", "json-null", "json-text", "bad-utf8", "deep-json", "huge", "gzip-bomb", "endless"),
)


@dataclass(frozen=True)
class Fails:
    """What is expected of a Failure."""

    kind: Kind
    billed: str
    status: int | None = None
    retry_after_s: float | None = None


FAILURES: dict[str, Fails] = {
    **{mode: Fails(Kind.MALFORMED, "unknown", 200) for mode in MALFORMED},
    "garbage": Fails(Kind.MALFORMED, "unknown"),
    "redirect-302": Fails(Kind.NOT_FOUND, "unknown", 302),
    "redirect-307": Fails(Kind.NOT_FOUND, "unknown", 307),
    "400": Fails(Kind.BAD_REQUEST, "no", 400),
    "400-echo": Fails(Kind.BAD_REQUEST, "no", 400),
    "400-code-echo": Fails(Kind.BAD_REQUEST, "no", 400),
    "400-context": Fails(Kind.CONTEXT_WINDOW, "no", 400),
    "400-policy": Fails(Kind.CONTENT_POLICY, "no", 400),
    "400-prompt": Fails(Kind.CONTENT_POLICY, "no", 400),
    "401": Fails(Kind.AUTH, "no", 401),
    "403": Fails(Kind.AUTH, "no", 403),
    "404": Fails(Kind.NOT_FOUND, "no", 404),
    "408": Fails(Kind.TIMEOUT, "unknown", 408),
    "409": Fails(Kind.SERVER, "no", 409),
    "413": Fails(Kind.BAD_REQUEST, "no", 413),
    "422": Fails(Kind.BAD_REQUEST, "no", 422),
    "429": Fails(Kind.RATE_LIMIT, "no", 429),
    "429-seconds": Fails(Kind.RATE_LIMIT, "no", 429, 7.0),
    "429-ms": Fails(Kind.RATE_LIMIT, "no", 429, 1.5),
    "429-date": Fails(Kind.RATE_LIMIT, "no", 429, 30.0),
    "429-past": Fails(Kind.RATE_LIMIT, "no", 429, 0.0),
    "429-nonsense": Fails(Kind.RATE_LIMIT, "no", 429),
    "429-quota": Fails(Kind.QUOTA, "no", 429),
    "429-capacity": Fails(Kind.OVERLOAD, "no", 429),
    "500": Fails(Kind.SERVER, "unknown", 500),
    "500-echo": Fails(Kind.SERVER, "unknown", 500),
    "huge-error": Fails(Kind.SERVER, "unknown", 500),
    "502-html": Fails(Kind.SERVER, "unknown", 502),
    "503-seconds": Fails(Kind.OVERLOAD, "unknown", 503, 3.0),
    "504": Fails(Kind.TIMEOUT, "unknown", 504),
    "529-empty": Fails(Kind.OVERLOAD, "unknown", 529),
    "reset": Fails(Kind.NETWORK, "unknown"),
    "reset-in-body": Fails(Kind.NETWORK, "unknown", 200),
    "close": Fails(Kind.NETWORK, "unknown"),
    "close-in-body": Fails(Kind.NETWORK, "unknown", 200),
    "never": Fails(Kind.TIMEOUT, "unknown"),
    "drip": Fails(Kind.TIMEOUT, "unknown", 200),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultProvider]:
    with FaultProvider() as serving:
        yield serving


def a_call(api_base: str | None, *, model: str = "openai/gpt-4o-mini", **changes: Any) -> Call:
    fields: dict[str, Any] = {
        "id": uuid4().hex,
        "tier": "mini",
        "deployment": Deployment(model=model, api_base=api_base),
        "messages": ({"role": "user", "content": "hello"},),
        "max_output_tokens": 50,
        "timeout_s": 10.0,
    }
    return Call(**fields | changes)


async def ask(call: Call) -> Answer:
    async with LiteLLM() as llm:
        return await llm.complete(call)


async def ask_and_fail(call: Call) -> Failure:
    answer = await ask(call)
    assert isinstance(answer, Failure)
    return answer


# What comes back


async def test_every_fault_is_expected_somewhere() -> None:
    """The two tables of this file speak of each fault that the provider can play."""
    assert REPLIES.keys() | FAILURES.keys() == set(MODES)


@pytest.mark.parametrize("mode", REPLIES)
async def test_an_answer_becomes_a_reply(provider: FaultProvider, mode: str) -> None:
    """A usable answer is read as the provider meant it, and nothing that litellm made up is left in it."""
    call = a_call(provider.url(mode), logprobs=True)

    reply = await ask(call)

    assert isinstance(reply, Reply)
    assert {name: getattr(reply, name) for name in REPLIES[mode]} == REPLIES[mode]
    assert provider.count(call.id) == 1


@pytest.mark.parametrize("mode", FAILURES)
async def test_a_fault_becomes_a_failure(provider: FaultProvider, mode: str) -> None:
    """A fault says its kind, whether it may have cost money, and when to come back; it is one HTTP request too."""
    call = a_call(provider.url(mode), timeout_s=DEADLINE_S if mode in SLOW else 10)
    expected = FAILURES[mode]

    failed = await ask_and_fail(call)

    assert (failed.kind, failed.billed, failed.status) == (expected.kind, expected.billed, expected.status)
    assert failed.retry_after_s == pytest.approx(expected.retry_after_s, abs=2)
    assert provider.count(call.id) == 1


@pytest.mark.parametrize("mode", SLOW)
async def test_the_deadline_bounds_the_whole_call(provider: FaultProvider, mode: str) -> None:
    """A provider that is silent, or sends a byte now and then, is left at the deadline."""
    started = perf_counter()

    await ask(a_call(provider.url(mode), timeout_s=DEADLINE_S))

    assert DEADLINE_S <= perf_counter() - started < DEADLINE_S + 2


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "9999999999"}, 86_400.0),
        ({"retry-after": "Mon, 99 Foo 2026"}, None),
        ({"retry-after": formatdate(time() + 10**7, usegmt=True)}, 86_400.0),
    ],
)
async def test_a_wait_is_believed_within_reason(headers: dict[str, str], expected: float | None) -> None:
    """What a provider says about coming back later is a finite number of seconds, a day at most, or nothing."""
    assert retry_after_s(headers) == expected


# What callers ask for

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": False}}

ASKED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0.0}, {"temperature": 0.0}),
    ({"top_p": 0.25}, {"top_p": 0.25}),
    ({"seed": -7}, {"seed": -7}),
    ({"stop": ("END", "###")}, {"stop": ["END", "###"]}),
    ({"presence_penalty": 0.5}, {"presence_penalty": 0.5}),
    ({"frequency_penalty": -2.0}, {"frequency_penalty": -2.0}),
    ({"logit_bias": {"50256": -100.0}}, {"logit_bias": {"50256": -100.0}}),
    ({"logprobs": True, "top_logprobs": 5}, {"logprobs": True, "top_logprobs": 5}),
    ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
    ({"verbosity": "low"}, {"verbosity": "low"}),
    ({"user": "u1"}, {"user": "u1"}),
    ({"safety_identifier": "s1"}, {"safety_identifier": "s1"}),
    ({"prompt_cache_key": "k1"}, {"prompt_cache_key": "k1"}),
    ({"json_object": True}, {"response_format": {"type": "json_object"}}),
    (
        {"response_schema": ResponseSchema(name="r", body=SCHEMA, strict=None)},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA}}},
    ),
    (
        {"response_schema": ResponseSchema(name="r", body=SCHEMA, strict=False)},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA, "strict": False}}},
    ),
    (
        {"tools": (FUNCTION,), "tool_choice": "auto", "parallel_tool_calls": None},
        {"tools": [FUNCTION], "tool_choice": "auto"},
    ),
    (
        {"tools": (FUNCTION,), "tool_choice": "none", "parallel_tool_calls": True},
        {"tools": [FUNCTION], "tool_choice": "none", "parallel_tool_calls": True},
    ),
    (
        {"tools": (FUNCTION,), "tool_choice": Named(name="f"), "parallel_tool_calls": False},
        {
            "tools": [FUNCTION],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": False,
        },
    ),
]


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "openai/gpt-5.4", "openai/some-local-model"])
@pytest.mark.parametrize(("asked", "sent"), ASKED, ids="-".join)
async def test_what_is_asked_for_arrives_as_it_was(
    provider: FaultProvider, model: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    """The body has every parameter with its value and no other one, whatever litellm knows of the model."""
    call = a_call(provider.url("ok"), model=model, **asked)

    assert isinstance(await ask(call), Reply)

    body = dict(provider.last.body)
    limit = {name: body.pop(name) for name in ("max_tokens", "max_completion_tokens") if name in body}
    assert list(limit.values()) == [50]
    assert body == {"model": model.removeprefix("openai/"), "messages": [{"role": "user", "content": "hello"}]} | sent


async def test_every_parameter_is_tried_above() -> None:
    """A new parameter gets a line in the table."""
    assert set(Parameters.model_fields) <= {name for asked, _ in ASKED for name in asked}


async def test_a_conversation_arrives_as_it_was(provider: FaultProvider) -> None:
    """Roles, names, images with their detail, calls and their results are not touched."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "high"}}
    called = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = (
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "What?"}, image]},
        {"role": "assistant", "content": None, "tool_calls": called},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    )

    await ask(a_call(provider.url("ok"), messages=messages))

    assert tuple(provider.last.body["messages"]) == messages


async def test_alternatives_come_as_the_provider_wrote_them() -> None:
    """Who asked for log-probabilities gets each token with its bytes and its alternatives; others get none."""
    others = [{"token": "ja", "logprob": -0.25, "bytes": [106, 97]}, {"token": "n", "logprob": -1.5, "bytes": None}]
    token = {"token": "ja", "logprob": -0.25, "bytes": [106, 97], "top_logprobs": others}

    with FaultProvider(lambda _: with_logprobs(token)) as serving:
        kept = await ask(a_call(serving.url(), logprobs=True, top_logprobs=2, keeps_logprobs=True))
        plain = await ask(a_call(serving.url(), logprobs=True))

    assert isinstance(kept, Reply)
    assert isinstance(plain, Reply)
    assert kept.logprobs == (token,)
    assert (plain.logprobs, plain.tokens) == (None, kept.tokens)


@pytest.mark.parametrize(
    "odd", [{"logprob": float("-inf")}, {"top_logprobs": [{"token": "x", "logprob": float("nan")}]}]
)
async def test_log_probabilities_that_are_no_numbers_are_none(odd: dict[str, Any]) -> None:
    """They could not be given on as JSON."""
    token = {"token": "ja", "logprob": -0.25, "bytes": None, "top_logprobs": []} | odd

    with FaultProvider(lambda _: with_logprobs(token)) as serving:
        reply = await ask(a_call(serving.url(), logprobs=True, keeps_logprobs=True))

    assert isinstance(reply, Reply)
    assert reply.logprobs is None


# What never leaves


async def test_a_missing_key_is_named(provider: FaultProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not set, or empty, stops the call here; the message says which variable to set."""
    monkeypatch.setenv("EMPTY_KEY", "")
    for name in ("EMPTY_KEY", "ABSENT_KEY"):
        call = a_call(None, deployment=Deployment(model="openai/m", api_base=provider.url("ok"), api_key_env=name))

        failed = await ask_and_fail(call)

        assert (failed.kind, failed.billed) == (Kind.AUTH, "no")
        assert name in failed.message
        assert provider.count(call.id) == 0


@pytest.mark.parametrize(
    ("api_base", "kind"),
    [
        ("http://127.0.0.1:9/v1", Kind.NETWORK),
        ("http://nowhere.invalid/v1", Kind.NETWORK),
        ("ftp://127.0.0.1/v1", Kind.BAD_REQUEST),
        ("nonsense", Kind.BAD_REQUEST),
        ("http://[broken/v1", Kind.INTERNAL),
    ],
)
async def test_who_was_not_reached_charges_nothing(api_base: str, kind: Kind) -> None:
    """Without a connection there is no bill."""
    failed = await ask_and_fail(a_call(api_base))

    assert (failed.kind, failed.billed) == (kind, "no")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"timeout_s": 0.0}, Kind.TIMEOUT),
        ({"timeout_s": -1.0}, Kind.TIMEOUT),
        ({"messages": ({"role": "user", "content": "\ud800"},)}, Kind.BAD_REQUEST),
        ({"model": "openai/gpt-5.5", "temperature": 0.0}, Kind.BAD_REQUEST),
        ({"model": "openai/gpt-5.4", "temperature": 0.0, "reasoning_effort": "low"}, Kind.BAD_REQUEST),
        ({"model": "openai/gpt-5.5", "logprobs": True}, Kind.BAD_REQUEST),
        ({"model": "anthropic/claude-sonnet-4-5", "seed": 7}, Kind.BAD_REQUEST),
    ],
)
async def test_what_can_not_be_sent_is_a_clear_failure(
    provider: FaultProvider, changes: dict[str, Any], kind: Kind
) -> None:
    """A call without time, without a UTF-8 form, or with a parameter that its model refuses is not sent in part."""
    call = a_call(provider.url("ok"), **changes)

    failed = await ask_and_fail(call)

    assert (failed.kind, failed.billed) == (kind, "no")
    assert provider.count(call.id) == 0


async def test_a_model_without_a_provider_is_a_clear_failure(provider: FaultProvider) -> None:
    """A model name that litellm can not place says how to write it."""
    failed = await ask_and_fail(a_call(provider.url("ok"), model="no-such-model"))

    assert failed.kind is Kind.BAD_REQUEST
    assert "provider/model" in failed.message


async def test_after_closing_nothing_is_sent(provider: FaultProvider) -> None:
    """A call after the end of the `async with` fails; it does not make litellm open a session without bounds."""
    call = a_call(provider.url("ok"))
    async with LiteLLM() as llm:
        pass

    failed = await llm.complete(call)

    assert isinstance(failed, Failure)
    assert (failed.kind, failed.billed, provider.count(call.id)) == (Kind.INTERNAL, "no", 0)


# What arrives

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA, "strict": True}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
WITH_SCHEMA = {"response_schema": ResponseSchema(name="r", body=SCHEMA)}
WITH_TOOLS = {"tools": (TOOL,)}
TOOLS_SENT = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
SAMPLED = {"temperature": 0.0, "logprobs": True, "seed": 7}
UNREASONED = SAMPLED | {"reasoning_effort": "none"}


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-4o-mini", SAMPLED | WITH_SCHEMA, SAMPLED | {"response_format": FORMAT, "max_tokens": 50}),
        ("gpt-4o-mini", WITH_TOOLS, TOOLS_SENT | {"max_tokens": 50}),
        (
            "gpt-5.4-mini",
            UNREASONED | WITH_SCHEMA,
            UNREASONED | {"response_format": FORMAT, "max_completion_tokens": 50},
        ),
        ("gpt-5.4-mini", SAMPLED, SAMPLED | {"max_completion_tokens": 50}),
        (
            "gpt-5.4-mini",
            WITH_TOOLS | {"reasoning_effort": "low"},
            TOOLS_SENT | {"reasoning_effort": "low", "max_completion_tokens": 50},
        ),
        ("gpt-5.4", UNREASONED | WITH_SCHEMA, UNREASONED | {"response_format": FORMAT, "max_completion_tokens": 50}),
        ("gpt-5.4", {"reasoning_effort": "high"}, {"reasoning_effort": "high", "max_completion_tokens": 50}),
        ("gpt-5.5", UNREASONED, UNREASONED | {"max_completion_tokens": 50}),
        ("gpt-5.5", {"seed": 7} | WITH_SCHEMA, {"seed": 7, "response_format": FORMAT, "max_completion_tokens": 50}),
        ("gpt-6-luna", UNREASONED, UNREASONED | {"max_completion_tokens": 50}),
        ("gpt-4", WITH_SCHEMA, {"response_format": FORMAT, "max_tokens": 50}),
        ("local-mini", UNREASONED | WITH_SCHEMA, UNREASONED | {"response_format": FORMAT, "max_tokens": 50}),
        ("meta/llama-9:8b", SAMPLED | WITH_TOOLS, SAMPLED | TOOLS_SENT | {"max_tokens": 50}),
    ],
)
async def test_parameters_arrive(
    provider: FaultProvider, model: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    """What a call asks for stands in the request, no more and no less, and on the chat route; names may be unknown."""
    call = a_call(provider.url("ok"), model=f"openai/{model}", **asked)
    before = call.model_dump_json()

    assert isinstance(await ask(call), Reply)

    arrived = provider.last
    assert arrived.path == "/ok/v1/chat/completions"
    assert arrived.body == {"model": model, "messages": list(call.messages), **sent}
    assert call.model_dump_json() == before


async def test_headers_arrive(provider: FaultProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is told the call's id and its key; it is asked not to compress."""
    monkeypatch.setenv("SOME_KEY", "sk-some")
    deployment = Deployment(model="openai/m", api_base=provider.url("ok"), api_key_env="SOME_KEY")
    call = a_call(None, deployment=deployment)

    await ask(call)

    headers = provider.last.headers
    assert headers["x-client-request-id"] == call.id
    assert headers["authorization"] == "Bearer sk-some"
    assert headers["accept-encoding"] == "identity"


async def test_images_arrive_and_the_call_stays_as_it_was(provider: FaultProvider) -> None:
    """litellm rewrites images into their long form; not in our messages."""
    image = {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}
    call = a_call(provider.url("ok"), messages=({"role": "user", "content": [image]},))

    assert isinstance(await ask(call), Reply)

    assert provider.last.body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert call.messages[0]["content"] == [image]


async def test_the_environment_chooses_no_key_and_no_place(
    provider: FaultProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment without a word about place and key goes to OpenAI without a key, whatever litellm finds set.

    The request is caught by naming the fault provider as the proxy: it sees for whom the tunnel is meant.
    """
    monkeypatch.setenv("OPENAI_BASE_URL", provider.url("ok"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("HTTPS_PROXY", provider.url("ok").removesuffix("/ok/v1"))

    await ask(a_call(None))
    assert provider.last.path == "api.openai.com:443"

    await ask(a_call(provider.url("ok")))
    assert provider.last.headers["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("api_base", "name"),
    [
        (None, "max_completion_tokens"),
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1/", "max_completion_tokens"),
        ("https://api.openai.com.example.org/v1", "max_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
    ],
)
async def test_the_output_limit_has_the_name_its_place_knows(api_base: str | None, name: str) -> None:
    """OpenAI takes the new name for all its models; servers like it may only know the old one."""
    assert output_limit(Deployment(model="openai/x", api_base=api_base)) == name


# Connections


async def test_many_calls_share_few_connections(provider: FaultProvider) -> None:
    """Two hundred calls, eight at a time and each with a time limit of its own, take one client, eight connections."""
    provider.clear()
    gate = asyncio.Semaphore(8)

    async def one(llm: LiteLLM, number: int) -> Answer:
        async with gate:
            return await llm.complete(a_call(provider.url("ok"), timeout_s=10 + number / 100))

    async with LiteLLM() as llm:
        answers = await asyncio.gather(*(one(llm, number) for number in range(200)))
        clients = len(litellm.in_memory_llm_clients_cache.cache_dict)

    assert all(isinstance(answer, Reply) for answer in answers)
    assert (len(provider.requests), clients) == (200, 1)
    assert provider.connections <= 8


async def test_answers_reach_their_own_calls(provider: FaultProvider) -> None:
    """Calls in flight together do not mix up their answers, nor what is recorded of their requests."""
    modes = ("echo", "400", "503-seconds", "reset") * 10
    calls = [
        a_call(provider.url(mode), messages=({"role": "user", "content": f"{mode} {number}"},))
        for number, mode in enumerate(modes)
    ]

    async with LiteLLM() as llm:
        answers = await asyncio.gather(*(llm.complete(call) for call in calls))

    for call, mode, answer in zip(calls, modes, answers, strict=True):
        if isinstance(answer, Reply):
            assert answer.text == call.messages[0]["content"]
        else:
            assert answer.kind is FAILURES[mode].kind


async def test_a_cancelled_call_raises_and_lets_go(provider: FaultProvider) -> None:
    """Cancelling passes through; the connection is closed and nothing of the call goes on."""
    async with LiteLLM() as llm:
        call = a_call(provider.url("never"))
        asking = asyncio.create_task(llm.complete(call))
        while provider.count(call.id) == 0:
            await asyncio.sleep(0)

        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert isinstance(await llm.complete(a_call(provider.url("ok"))), Reply)


async def test_a_second_request_is_stopped(provider: FaultProvider) -> None:
    """Should a library ever retry by itself, its second request does not leave."""
    wire = Wire()
    current_wire.set(wire)
    async with open_session() as session:
        await (await session.post(provider.url("500"), json={}, headers={"X-Client-Request-Id": "twice"})).read()
        with pytest.raises(SecondRequest):
            await session.post(provider.url("500"), json={}, headers={"X-Client-Request-Id": "twice"})

    assert provider.count("twice") == 1
    assert (wire.sent, wire.status) == (True, 500)


async def test_cookies_are_not_kept() -> None:
    """What one tenant's answer sets is not sent along with the next tenant's call."""
    async with open_session() as session:
        assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)


async def test_a_new_session_is_as_bounded_as_the_first(provider: FaultProvider) -> None:
    """litellm keeps clients with the session they saw first; closing ours makes it forget them."""
    for _ in range(2):
        failed = await ask_and_fail(a_call(provider.url("huge")))

        assert failed.message == "the answer is larger than 8 MB"


async def test_litellm_keeps_nothing_of_a_call(provider: FaultProvider) -> None:
    """No task of litellm's outlives a call, good or bad: none of them could be waited for at the end of a shift."""
    async with LiteLLM() as llm:
        for mode in ("ok", "500", "reset"):
            await llm.complete(a_call(provider.url(mode)))
            await asyncio.sleep(0)  # a turn of the loop, for what was about to end

            assert asyncio.all_tasks() == {asyncio.current_task()}


# Whole processes

TELL_ALL = """
import asyncio, logging, os, sys, warnings
logging.basicConfig(level=logging.DEBUG)
warnings.simplefilter("always")
from router.call import Call, Deployment
from router.io.litellm_llm import LiteLLM

async def main(modes, prompt):
    async with LiteLLM() as llm:
        for mode in modes:
            deployment = Deployment(model="openai/m", api_base=f"{sys.argv[1]}/{mode}/v1", api_key_env="SECRET")
            message = {"role": "user", "content": prompt}
            call = Call(
                id=mode, tier="t", deployment=deployment, messages=(message,), max_output_tokens=9, timeout_s=1.0
            )
            answer = await llm.complete(call)
            print(mode, type(answer).__name__, getattr(answer, "message", ""))

asyncio.run(main(sys.argv[2].split(), os.environ["PROMPT"]))
"""


async def test_prompts_and_keys_are_never_printed(provider: FaultProvider) -> None:
    """With every logger at DEBUG and every warning on, no fault makes the prompt or the key appear anywhere."""
    modes = [mode for mode in MODES if mode not in ("huge", "huge-error", "gzip-bomb")]
    secrets = {"SECRET": "sk-canary-5417", "PROMPT": "canary_prompt please", "LITELLM_LOG": "DEBUG"}

    printed = run(TELL_ALL, root(provider), " ".join(modes), **secrets)

    assert printed.count("Failure") >= len(FAILURES) - 3
    assert "canary" not in printed


FORK = """
import asyncio, os, sys, threading
from router.call import Call, Deployment, Reply
from router.io.litellm_llm import LiteLLM, warm

def files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

async def ask(name):
    deployment = Deployment(model="openai/m", api_base=sys.argv[1] + "/ok/v1")
    message = {"role": "user", "content": "hello"}
    async with LiteLLM() as llm:
        call = Call(id=name, tier="t", deployment=deployment, messages=(message,), max_output_tokens=9, timeout_s=9)
        return await llm.complete(call)

def child(name):
    before = set(sys.modules)
    answer = asyncio.run(ask(name))
    late = sorted(set(sys.modules) - before)
    print("child", type(answer).__name__, "late modules:", len(late), late[:3], flush=True)
    os._exit(0)

before = files()
warm()
print("files", files() - before, "threads", threading.active_count(), flush=True)
for name in ("one", "two"):
    if os.fork() == 0:
        child(name)
for _ in range(2):
    os.wait()
"""


async def test_warm_pays_before_the_fork(provider: FaultProvider) -> None:
    """After `warm` the parent holds no socket and no thread; each child imports nothing more and connects by itself."""
    provider.clear()

    printed = run(FORK, root(provider))

    assert "files 0 threads 1" in printed
    assert printed.count("child Reply late modules: 0") == 2
    assert len({provider.requests[0].connection, provider.requests[1].connection}) == 2


NO_NETWORK = """
import socket

def refuse(*_):
    raise AssertionError("a connection was opened")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from router.io.litellm_llm import warm

warm()
"""


async def test_importing_and_warming_touch_no_network() -> None:
    """The import downloads no price list, and `warm` reaches nobody: not even a socket is connected."""
    assert run(NO_NETWORK, LITELLM_LOCAL_MODEL_COST_MAP="False") == ""


def root(provider: FaultProvider) -> str:
    return provider.url("").removesuffix("//v1")


def run(script: str, *arguments: str, **environment: str) -> str:
    """Run a script in a process of its own; give all that it printed, tracebacks included."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.parametrize(("calls_at_once", "connections"), [(1, 256), (500, 500)])
async def test_no_call_waits_for_another_s_connection(calls_at_once: int, connections: int) -> None:
    """A process that carries more calls at once has as many connections for them."""
    async with open_session(calls_at_once) as session:
        assert session.connector is not None
        assert session.connector.limit == connections
