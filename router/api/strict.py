"""Bodies as they must be: bounded in size, depth and time, and strict JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any, ClassVar, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from ..jsontext import NotJson, parse
from .caller import let_in, needed
from .problems import Refused
from .query import check_query, parameters

BODY_MAX = 32 * 2**20
"""Bytes of one body, for two images of ten megabytes in base64; batches are read line by line instead."""

MARKS_MAX: Final = 500_000
"""Texts, commas and opening brackets of one body: as values they take a hundred times the memory of their text."""

BODY_S = 60.0
"""How long a client may take to send a body."""

THREAD_FROM = 256 * 1024
"""A larger body is parsed beside the event loop: it takes longer than others should wait."""


class StrictRequest(Request):
    """A request whose body is bounded, takes *body_s* at most, and is parsed without lenience."""

    def __init__(self, scope: Scope, receive: Receive, *, body_s: float = BODY_S) -> None:
        super().__init__(scope, receive)
        self._body_s = body_s

    async def body(self) -> bytes:
        """Raises: Refused for a body that is too large, too slow, or compressed."""
        if not hasattr(self, "_body"):
            _check_head(self)
            try:
                async with asyncio.timeout(self._body_s):
                    self._body = await self._bounded()
            except TimeoutError:
                said = f"the body did not arrive within {self._body_s:.0f} s; send it again"
                raise Refused(408, "body_slow", said) from None
        return self._body

    async def json(self) -> Any:
        """Raises: JSONDecodeError, which tells where the text is not strict JSON."""
        body = await self.body()
        return await asyncio.to_thread(_parsed, body) if len(body) > THREAD_FROM else _parsed(body)

    async def _bounded(self) -> bytes:
        chunks, size = [], 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > BODY_MAX:
                raise _too_large()
            chunks.append(chunk)
        return b"".join(chunks)


class StrictRoute(APIRoute):
    """
    A route whose body is read by StrictRequest, and is JSON by its content type.

    Who calls is looked at first: of strangers not a byte is read or parsed. What queries of `/v1` say must be known.
    """

    body_s: ClassVar[float] = BODY_S

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None
        scopes, asked_by = needed(self.dependant), parameters(self.dependant)
        strict_query = self.path.startswith("/v1/")

        async def strictly(request: Request) -> Response:
            if scopes:
                await let_in(request, scopes)
            if strict_query:
                check_query(request, asked_by)
            strict = StrictRequest(request.scope, request.receive, body_s=self.body_s)
            if takes_json and not _is_json(request.headers.get("content-type", "")):
                raise Refused(415, "content_type", "send the body as JSON, with `content-type: application/json`")
            return await handle(strict)

        return strictly


def _check_head(request: Request) -> None:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "content_encoding", "send the body as it is, without content-encoding")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_MAX:
        raise _too_large()


def _too_large() -> Refused:
    said = f"the body has more than {BODY_MAX:,} bytes; store what is large and pass its URL, or send several requests"
    return Refused(413, "body_too_large", said, headers={"connection": "close"})


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def bounded(text: str) -> str:
    """The same text. Raises: NotJson where it would become more values than should be held."""
    if sum(map(text.count, ',[{"')) > MARKS_MAX:
        for number, _ in enumerate(_MARKS.finditer(text)):
            if number >= MARKS_MAX:
                raise NotJson(
                    f"it holds more than {MARKS_MAX:,} values; send several requests, or what is large as a text"
                )
    return text


_MARKS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,\[{]', re.DOTALL)


def _parsed(body: bytes) -> Any:
    try:
        return parse(bounded(body.decode()), max_bytes=BODY_MAX)
    except UnicodeDecodeError as why:
        raise JSONDecodeError(f"byte {why.start:,} is not UTF-8", "", 0) from None
    except NotJson as why:
        raise JSONDecodeError(str(why), "", 0) from None
