"""Lines of streams: one event each, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

from fastapi import Request

from router.api.openai.sse import event, progress, to_the_end
from router.errors import StoreUnavailable

WILD = "two\nlines\r\n\r\ndata: [DONE]\u2028\n\n"


def test_an_event_is_one_line_of_data() -> None:
    """Line breaks in what is said do not end it."""
    line = event({"said": WILD}, kind="response.created").decode()
    kind, data, *end = line.split("\n")

    assert (kind, end) == ("event: response.created", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"said": WILD}


def test_an_event_is_one_line_for_whoever_cuts_lines_elsewhere() -> None:
    """Clients that read lines with Python's `splitlines`, as httpx does, find as many as others."""
    line = event({"said": WILD + "\x85\u2029"}).decode()

    assert len(line.splitlines()) == 2
    assert json.loads(line.removeprefix("data: ")) == {"said": WILD + "\x85\u2029"}


def test_progress_is_a_comment() -> None:
    """One line that begins with a colon, which every client passes over."""
    line = progress({"reason": WILD}).decode()

    assert line.startswith(": router {")
    assert line.count("\n") == 2
    assert line.isascii()


async def test_what_goes_wrong_is_the_last_event() -> None:
    """A stream that has begun cannot change its status: the problem comes in it, in a form that SDKs raise."""

    async def broken() -> AsyncGenerator[bytes]:
        yield progress({"status": "ready"})
        raise StoreUnavailable("Redis cannot be reached")

    first, last = [line async for line in to_the_end(Request({"type": "http", "headers": []}), broken())]
    kind, data, *_ = last.decode().split("\n")

    assert first == progress({"status": "ready"})
    assert kind == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["code"] == "store_unavailable"
