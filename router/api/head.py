"""What a connection says around bodies: bounded in size and time, for it is read before anybody knows who asks."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .edge import REFUSED
from .problems import Refused

HEAD_MAX: Final = 64 * 1024
"""Bytes of a request line with its headers, or of what stands around a body, that are waited for."""
HEAD_S: Final = 75.0
"""
How long a connection may take to say its first request, and each one that it has begun to say: no less than idle ones
are kept, for load balancers open some ahead.
"""

_STEP: Final = 16 * 1024
"""Bytes that are read at once: so much of what is held may not be counted, because something of use was among it."""
_ENDLESS: Final = Refused(
    431,
    "head_too_large",
    f"the headers, or what stands around the body, have more than {HEAD_MAX:,} bytes; put what is large into the body",
)


class BoundedHead(HttpToolsProtocol):
    """
    uvicorn's reader of HTTP, which by itself takes headers without end: a stranger could fill the memory with them.

    What cannot be read is refused as other requests are, with an id, a problem and a line in the log, after the answers
    to what was asked before; then the connection is closed.
    """

    head_s = HEAD_S

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._begun = self._in_body = self._offered = self._over = False
        self._held = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._unset_keepalive_if_required()
        for at in range(0, len(data), _STEP):
            if (refused := self._taken(data[at : at + _STEP])) is not None:
                self._refuse(refused)
                return
        if self._late is None and (self._begun or self._idle):
            self._wait()

    def _taken(self, data: bytes) -> Refused | None:
        self._held += len(data)
        try:
            self._feed(data)
        except HttpParserError as why:
            return _unreadable(why)
        return _ENDLESS if self._held > HEAD_MAX else None

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except HttpParserUpgrade as offered:
                data = self._declined() + data[offered.args[0] :]

    def _declined(self) -> bytes:
        """
        The head that was read, without its offer of another protocol: none is spoken here, and an offer may be ignored.

        The parser takes what follows an offer for that protocol, a body too; Java's client sends it with every request.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise HttpParserError("CONNECT is for proxies")
        lines = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self._offered = False
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return b"\r\n".join([method + b" " + self.url + b" HTTP/" + version, *lines, b"", b""])

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # what follows a body in chunks is of no use to anybody
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._held = 0
        self._offered = self.parser.should_upgrade()
        if not self._offered:
            super().on_headers_complete()
            self._in_body = True

    def on_body(self, body: bytes) -> None:
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        self._begun = self._in_body = False
        self._held = 0
        self._stop_waiting()
        super().on_message_complete()

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.head_s, self._let_go)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _let_go(self) -> None:
        """Close, unless a request of the connection is still being answered: its end has a time of its own."""
        self._late = None
        if self._idle:
            self.transport.close()

    def _refuse(self, why: Refused) -> None:
        """Say *why* in place of the request that goes wrong here, when its turn comes; nothing more is read."""
        self._over = True
        self._stop_waiting()
        in_turn = not self._idle
        if self._in_body:
            if self.pipeline:
                self.pipeline.popleft()
            elif self.cycle.response_started:
                self.transport.close()
                return
            else:
                in_turn = False
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.cycle = self._refusing(why)
        if in_turn:
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def _refusing(self, why: Refused) -> RequestResponseCycle:
        super().on_message_begin()
        asked = {"method": "unknown", "path": "", "raw_path": b"", "query_string": b"", REFUSED: why}
        return RequestResponseCycle(
            scope=self.scope | asked,  # type: ignore[arg-type]  # with a member of ours
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )


def _unreadable(why: HttpParserError) -> Refused:
    because = "its address is not one" if isinstance(why, HttpParserCallbackError) else str(why)
    said = f"this cannot be read as HTTP/1.1: {because}; send a request as RFC 9112 has it; TLS is not spoken here"
    return Refused(400, "bad_request", said)
