"""How many requests a tenant sends in a minute: counted for all processes together, and told in every answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..allowance import MINUTE_MS, Allowance
from ..io.commands.key import KeyCommands
from ..io.redis_link import AsyncLink
from .problems import Refused


class Pace:
    """Counts the requests of tenants that have a limit; the others cost nothing."""

    def __init__(self, link: AsyncLink, commands: KeyCommands) -> None:
        self._link = link
        self._commands = commands
        self._process = uuid4().hex
        self._numbers: Iterator[int] = count()

    async def step(self, request: Request, tenant: str, per_minute: int | None) -> None:
        """Let a request in, or raise: Refused."""
        if per_minute is None:
            return
        asked = f"{self._process}-{next(self._numbers)}"
        allowance = await self._link.run(self._commands.request(tenant, asked, per_minute=per_minute))
        request.state.allowance = allowance
        if not allowance.granted:
            raise _too_many(tenant, allowance)


def headers(allowance: Allowance) -> dict[str, str]:
    """
    Tell how a tenant stands in both families of headers: draft-ietf-httpapi-ratelimit-headers-10, and OpenAI's.

    `t` counts the seconds until the quota is whole again, or, where nothing is left of it, until one may be sent.
    """
    wait_ms = allowance.whole_ms if allowance.remaining else allowance.next_ms
    return {
        "ratelimit-policy": f'"requests";q={allowance.per_minute};w={MINUTE_MS // 1000}',
        "ratelimit": f'"requests";r={allowance.remaining};t={_seconds(wait_ms)}',
        "x-ratelimit-limit-requests": str(allowance.per_minute),
        "x-ratelimit-remaining-requests": str(allowance.remaining),
        "x-ratelimit-reset-requests": _go_duration(allowance.whole_ms),
    }


_ABOUT = {
    "RateLimit-Policy": "Requests that a tenant may send in so many seconds; where it has a limit.",
    "RateLimit": "Requests that are left, and the seconds until all are there again, or, where none is left, one.",
    "x-ratelimit-limit-requests": "Requests that a tenant may send in a minute; where it has a limit.",
    "x-ratelimit-remaining-requests": "Requests that may be sent at once.",
    "x-ratelimit-reset-requests": "The time until all are there again, such as `1.5s`.",
}


def document(openapi: dict[str, Any]) -> None:
    """Add these headers to every answer that an OpenAPI document has for operations that need a key."""
    components = openapi.setdefault("components", {}).setdefault("headers", {})
    components.update({name: {"description": said, "schema": {"type": "string"}} for name, said in _ABOUT.items()})
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in _ABOUT}
    for path in openapi["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values() if "security" in operation else ():
                answer["headers"] = answer.get("headers", {}) | told


class Paced:
    """ASGI middleware that adds these headers to whatever is answered, problems and streams too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and (allowance := state.get("allowance")):
                MutableHeaders(scope=message).update(headers(allowance))
            await send(message)

        await self._app(scope, receive, told)


def _too_many(tenant: str, allowance: Allowance) -> Refused:
    wait_s = _seconds(allowance.next_ms)
    return Refused(
        429,
        "rate_limited",
        f"the requests of tenant {tenant!r} are limited to {allowance.per_minute:,} a minute; "
        f"send this one again in {wait_s} s",
        headers={"retry-after": str(wait_s)},
    )


def _seconds(ms: int) -> int:
    return math.ceil(ms / 1000)


def _go_duration(ms: int) -> str:
    """A time as OpenAI writes it: `0s`, `120ms`, `1.5s`, `1m0s`."""
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, MINUTE_MS)
    return (f"{minutes}m" if minutes else "") + f"{rest_ms / 1000:g}s"
