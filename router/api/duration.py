"""Times as people write them: `30m`, `24h`, `7d`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator

PATTERN: Final = r"^[1-9][0-9]{0,8}[smhdw]$"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Since = Annotated[str | None, Query(pattern=PATTERN, description="How far back, such as 30m, 24h, 7d.")]


def _no_number(value: Any) -> Any:
    """A number would be taken for seconds since 1970, which nobody is told that they may send."""
    if isinstance(value, str) and value.lstrip("+-").replace(".", "", 1).isdecimal():
        raise ValueError("expected a time such as 2026-11-20T12:00:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_no_number)]
"""A time, written as ISO 8601 has it."""


def seconds(text: str) -> int:
    """`90s`, `30m`, `24h`, `7d`, `2w` in seconds, of what matches the pattern."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def since_s(text: str | None) -> int | None:
    return seconds(text) if text is not None else None
