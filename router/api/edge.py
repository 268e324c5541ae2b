"""The outermost edge of the service: every request gets an id and one line in the log, every surprise a problem."""

from __future__ import annotations

import time
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import log
from ..io.haste import SILENCE_S, hastening
from .problems import Refused, problem
from .tally import Tally

REFUSED = "router.refused"
"""Where the scope of a request that could not be read says why; nothing else of it is looked at."""
TOLD_BY = "router.told_by"
"""Where a route says in its scope how it tells of a surprise, if not by a problem."""
_BROKEN = Refused(500, "internal", "an error of ours; the log has it under this id, and a repetition may well succeed")


class Edge:
    """
    ASGI middleware. The log says which route was asked, never a path with its ids, a query or a body; *tally*
    counts it. Nobody waits longer than *silence_s* for a store that says nothing, but for what may have been changed.
    """

    def __init__(self, app: ASGIApp, *, tally: Tally | None = None, silence_s: float = SILENCE_S) -> None:
        self._app = app
        self._silence_s = silence_s
        self._tally = tally or Tally()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = f"req_{uuid4().hex}"
        answer = _Answer(scope["request_id"], send)
        started_s = time.perf_counter()
        try:
            with hastening(self._silence_s):
                await self._answering(scope)(scope, receive, answer.send)
        except Exception:  # noqa: BLE001  # the outermost edge: what nobody foresaw becomes an event and a 500
            log.logger().exception("http.surprise", request=scope["request_id"], route=_route(scope))
            if not answer.status:
                tell = scope.get(TOLD_BY, problem)
                await tell(Request(scope), _BROKEN)(scope, receive, answer.send)
        finally:
            ms = round((time.perf_counter() - started_s) * 1000)
            self._tally.note(scope["method"], _route(scope), answer.status, ms)
            log.logger().info(
                "http.answered",
                request=scope["request_id"],
                route=_route(scope),
                method=scope["method"],
                status=answer.status,
                ms=ms,
            )

    def _answering(self, scope: Scope) -> ASGIApp:
        refused: Refused | None = scope.get(REFUSED)
        return self._app if refused is None else problem(Request(scope), refused)


class _Answer:
    """Notes the status on its way out, and adds the request's id."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status = 0
        self._request_id = request_id
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self._request_id
        await self._send(message)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unknown")
