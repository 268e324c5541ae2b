"""Server-sent events: lines of a stream that may stand still for a while."""

from __future__ import annotations

import json
from typing import Final

from ...values import Json

HEARTBEAT: Final = b": still there\n\n"
DONE: Final = b"data: [DONE]\n\n"


def event(data: Json, *, kind: str | None = None) -> bytes:
    """One event; JSON has no raw line breaks that could end it early."""
    named = f"event: {kind}\n" if kind is not None else ""
    return f"{named}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def progress(told: dict[str, Json]) -> bytes:
    """A comment, which SDKs pass over: what happens until there is an answer."""
    return f": router {json.dumps(told, ensure_ascii=True, separators=(',', ':'))}\n\n".encode()
