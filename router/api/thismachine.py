"""Where nobody needs a key, requests must be meant for this machine."""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import Refused, problem


class ThisMachine:
    """
    ASGI middleware that refuses every `Host` but a loopback one.

    Without keys a page of any site in the user's browser could ask us, once its name is bound anew to 127.0.0.1 (DNS
    rebinding): its requests still carry that name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_loopback(_host(Headers(scope=scope).get("host", ""))):
            said = "without keys (--insecure) only this machine is served: ask for 127.0.0.1 or localhost"
            await problem(Request(scope), Refused(421, "not_this_machine", said))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(header: str) -> str:
    """The name in a `Host` header, without port and brackets."""
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdecimal() else header
    return name.strip("[]").lower()
