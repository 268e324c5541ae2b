"""The network under litellm: one bounded request per call, and a record of what really happened to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

BODY_BYTES_MAX = 8 * 1024 * 1024
"""A reply of 16,000 tokens with logprobs has 2 MB; 256 of the largest at once still fit into 2 GB."""

CONNECTIONS_MIN = 256
"""Connections that a process may always have; more where it carries more calls: none of them waits for another."""


class AnswerUnusable(aiohttp.ClientError):
    """An answer that we refuse to read."""


class AnswerTooLarge(AnswerUnusable):
    """The body has more than `BODY_BYTES_MAX` bytes."""


class AnswerCompressed(AnswerUnusable):
    """The body is compressed though we asked for `identity`: its true size can not be known in time."""


class Redirected(AnswerUnusable):
    """The provider points elsewhere; keys and prompts go to the configured place only."""


class SecondRequest(aiohttp.ClientError):
    """The library tried to send another request for the same call."""


@dataclass(slots=True)
class Wire:
    """What happened on the network during one call; the hooks below write into it, hence not frozen.

    litellm guesses classes and status codes from the *text* of an error, which may echo the prompt; here are the facts.
    """

    watched: bool = True
    """False for a provider that litellm may reach past our session: silence then proves nothing."""

    requests: int = 0
    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


current_wire: ContextVar[Wire] = ContextVar("current_wire")
"""The record of the call that runs in this task. litellm awaits its request in the caller's task, so hooks see it."""


def open_session(connections: int = CONNECTIONS_MIN) -> aiohttp.ClientSession:
    """Open the session every call shares: so many *connections*, no cookies, bounded bodies, one request per call."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max(connections, CONNECTIONS_MIN), ttl_dns_cache=60, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=BoundedResponse,
        trace_configs=[_recorder()],
    )


class BoundedResponse(aiohttp.ClientResponse):
    """A response that can not take the process down, by size, by compression or by pointing elsewhere."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        await super().start(connection)
        wire = current_wire.get()
        wire.status, wire.headers = self.status, self.headers
        self._refuse_unusable()
        self.content = cast(aiohttp.StreamReader, BoundedBody(self.content))
        return self

    def _refuse_unusable(self) -> None:
        if 300 <= self.status < 400:
            raise Redirected
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise AnswerCompressed


class BoundedBody:
    """A stream of bytes that stops at a limit, whatever length it told beforehand."""

    def __init__(self, body: aiohttp.StreamReader) -> None:
        self._body = body
        self._left = BODY_BYTES_MAX

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield the body in chunks; the one way in which litellm's transport reads."""
        async for chunk in self._body.iter_chunked(size):
            self._left -= len(chunk)
            if self._left < 0:
                raise AnswerTooLarge
            yield chunk


def _recorder() -> aiohttp.TraceConfig:
    recorder = aiohttp.TraceConfig()
    recorder.on_request_start.append(_count)
    recorder.on_request_headers_sent.append(_mark_sent)
    return recorder


async def _count(_session: aiohttp.ClientSession, _: SimpleNamespace, _start: aiohttp.TraceRequestStartParams) -> None:
    wire = current_wire.get()
    wire.requests += 1
    if wire.requests > 1:
        raise SecondRequest


async def _mark_sent(
    _session: aiohttp.ClientSession, _: SimpleNamespace, _sent: aiohttp.TraceRequestHeadersSentParams
) -> None:
    current_wire.get().sent = True
