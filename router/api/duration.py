"""Times of queries and answers: moments, and lengths of time such as `24h`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import PlainSerializer, ValidationError, WithJsonSchema, WrapValidator

from ..duration import PATTERN, seconds
from ..values import iso

Since = Annotated[str | None, Query(pattern=PATTERN, description="How far back, such as 30m, 24h, 7d.")]


def since_s(text: str | None) -> int | None:
    return seconds(text) if text is not None else None


def moment(text: str, *, now_s: float) -> datetime | str:
    """The moment so long before *now_s*, not before 1970, of a duration; else the same text. Raises: ValueError."""
    if re.fullmatch(PATTERN, text):
        return datetime.fromtimestamp(max(0.0, now_s - seconds(text)), UTC)
    if text.lstrip("+-").replace(".", "", 1).isdecimal():  # it would be taken for seconds since 1970
        raise ValueError(_EXPECTED)
    return text


def _read(value: Any, read: Callable[[Any], datetime]) -> datetime:
    try:
        return read(moment(value, now_s=time.time()) if isinstance(value, str) else value)
    except ValidationError:
        raise ValueError(_EXPECTED) from None


_EXPECTED: Final = "expected a time such as 2026-11-20T12:00:00Z, or how long ago, such as 30m, 24h, 7d"

Moment = Annotated[
    datetime,
    WrapValidator(_read),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": PATTERN}]}),
]
"""A time, written as ISO 8601 has it, or how long ago it was."""

At = Annotated[
    datetime,
    PlainSerializer(lambda at: iso(round(at.timestamp() * 1000)), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in an answer: always with milliseconds, so that texts sort as times do."""
