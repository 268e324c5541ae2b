"""Server-sent events: lines of a stream that may stand still for a while."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from fastapi import Request
from fastapi.responses import StreamingResponse

from ...errors import RouterError
from ...values import Json
from ..events import HEADERS
from ..problems import Refused, refusal, told

HEARTBEAT: Final = b": still there\n\n"
DONE: Final = b"data: [DONE]\n\n"


def event(data: Json, *, kind: str | None = None) -> bytes:
    """One event; JSON has no raw line breaks that could end it early, and no others that some clients cut lines at."""
    named = f"event: {kind}\n" if kind is not None else ""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_BREAKS)
    return f"{named}data: {text}\n\n".encode()


_BREAKS: Final = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""What Python's `splitlines` and httpx's `iter_lines` take for the end of a line."""


def progress(said: dict[str, Json]) -> bytes:
    """A comment, which SDKs pass over: what happens until there is an answer."""
    return f": router {json.dumps(said, ensure_ascii=True, separators=(',', ':'))}\n\n".encode()


def streamed(lines: AsyncGenerator[bytes], headers: Mapping[str, str]) -> StreamingResponse:
    """The answer that carries these lines."""
    return StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS | dict(headers))


async def to_the_end(request: Request, lines: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What goes wrong after a stream has begun is its last event, which OpenAI's SDKs raise."""
    async with aclosing(lines):
        try:
            async for line in lines:
                yield line
        except RouterError as why:
            yield event(told(request, refusal(why)), kind="error")
        except Refused as why:
            yield event(told(request, why), kind="error")
