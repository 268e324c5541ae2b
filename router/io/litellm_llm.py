"""The one seam to model providers: a Call goes out through litellm as one HTTP request, an Answer comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Self

os.environ |= {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import downloads a price list
    "LITELLM_MODE": "PRODUCTION",  # else it loads any `.env` that lies about
    "LITELLM_HTTP2": "False",  # this and the next would lead past our bounded session
    "DISABLE_AIOHTTP_TRANSPORT": "False",
}

import httpx
import litellm  # here and nowhere else: the import takes 3 s of CPU and 160 MB
import openai
from litellm._internal_context import is_internal_call
from litellm.exceptions import UnsupportedParamsError

from ..call import Answer, Call, Deployment, FailureKind
from .litellm_errors import failure, unsent, unusable
from .litellm_reply import read
from .litellm_request import arguments, speaks_openai, wishes
from .litellm_wire import CONNECTIONS_MIN, Wire, current_wire, open_session

litellm.suppress_debug_info = True
litellm.drop_params = False  # a parameter that is silently dropped is a check that silently does nothing
litellm.num_retries = 0
for _name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # DEBUG prints prompts, WARNING prints what providers send
warnings.filterwarnings("ignore", message="Pydantic serializer warnings")  # they print pieces of strange answers

_NO_KEY = "none"
"""Local servers want some key; litellm would look for one in the environment if it got none."""


class LiteLLM:
    """Asks models through litellm: exactly one HTTP request a call, and a Failure instead of any exception.

    One per process: litellm keeps its clients, and with them the first session that it sees, for the whole process.
    """

    def __init__(self, *, calls_at_once: int = CONNECTIONS_MIN) -> None:
        self._calls_at_once = calls_at_once

    async def __aenter__(self) -> Self:
        _forget_clients()
        self._session = open_session(self._calls_at_once)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        _forget_clients()

    async def complete(self, call: Call) -> Answer:
        """Send the call and wait for the whole answer, `call.timeout_s` at most. Raises nothing but CancelledError."""
        api_key = _api_key(call.deployment)
        if api_key is None:
            return unsent(FailureKind.AUTH, f"the environment variable {call.deployment.api_key_env} is not set")
        if call.timeout_s <= 0:
            return unsent(FailureKind.TIMEOUT, "no time is left for the call")
        if self._session.closed:
            return unsent(FailureKind.INTERNAL, "the session is closed; use LiteLLM inside its `async with`")
        with _watched(call.deployment) as wire:
            return await _complete(call, wire, api_key=api_key, shared_session=self._session)


def warm() -> None:
    """Pay what litellm's first calls cost, half a second and 500 modules. It opens no connection.

    For a parent that is about to fork, outside of any event loop. Do not fork after a true call: children would share
    its connection.
    """
    asyncio.run(_rehearse())


async def _complete(call: Call, wire: Wire, **way: Any) -> Answer:
    started = perf_counter()
    try:
        async with asyncio.timeout(call.timeout_s):  # the only bound on the total: others start anew with each byte
            answer = await litellm.acompletion(**arguments(call), **way)
    except UnsupportedParamsError:  # comes before anything is sent, whoever the provider is
        return unsent(
            FailureKind.BAD_REQUEST, f"litellm knows that the model refuses one of: {', '.join(wishes(call))}"
        )
    except Exception as exc:  # noqa: BLE001  # litellm raises what it likes: its own, openai's, httpx's, KeyError
        return failure(exc, wire, latency_ms=_ms_since(started))
    latency_ms = _ms_since(started)
    try:
        return read(answer, wire, latency_ms=latency_ms, keeps_logprobs=call.keeps_logprobs)
    except (ValueError, TypeError, AttributeError, IndexError):
        return unusable("the answer is a chat completion, but not a usable one", wire, latency_ms=latency_ms)


@contextmanager
def _watched(deployment: Deployment) -> Iterator[Wire]:
    """Record what happens on the network in this block, and keep litellm from logging it.

    An "internal" call skips litellm's logging objects and callbacks: these hold prompts, start tasks that outlive the
    call, and double the CPU of a failing call.
    """
    wire = Wire(watched=speaks_openai(deployment))
    watching = current_wire.set(wire)
    quiet = is_internal_call.set(True)
    try:
        yield wire
    finally:
        is_internal_call.reset(quiet)
        current_wire.reset(watching)


def _api_key(deployment: Deployment) -> str | None:
    return os.environ.get(deployment.api_key_env) or None if deployment.api_key_env else _NO_KEY


def _forget_clients() -> None:
    """Drop litellm's clients: they hold a session, and one they find closed they replace with an unbounded one."""
    clients: Any = litellm.in_memory_llm_clients_cache
    clients.flush_cache()


def _ms_since(started: float) -> int:
    return round((perf_counter() - started) * 1000)


async def _rehearse() -> None:
    """Play one good and one failing call against a transport in memory."""
    for status in (200, 500):
        transport = httpx.MockTransport(partial(_rehearsed, status))
        client = openai.AsyncOpenAI(api_key=_NO_KEY, max_retries=0, http_client=httpx.AsyncClient(transport=transport))
        with _watched(_REHEARSAL.deployment) as wire:
            await _complete(_REHEARSAL, wire, api_key=_NO_KEY, client=client)


def _rehearsed(status: int, _: httpx.Request) -> httpx.Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    return httpx.Response(status, json={"id": "1", "model": "m", "created": 1, "choices": [choice]})


_REHEARSAL = Call(
    id="warm",
    tier="warm",
    deployment=Deployment(model="openai/gpt-4o-mini"),
    messages=({"role": "user", "content": "yes?"},),
    max_output_tokens=1,
    timeout_s=60,
    logprobs=True,
)
