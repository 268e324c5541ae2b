"""Times as people write them: `30m`, `24h`, `7d`."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

PATTERN: Final = r"^[1-9][0-9]{0,8}[smhdw]$"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Since = Annotated[str | None, Query(pattern=PATTERN, description="How far back, such as 30m, 24h, 7d.")]


def seconds(text: str) -> int:
    """`90s`, `30m`, `24h`, `7d`, `2w` in seconds, of what matches the pattern."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def since_s(text: str | None) -> int | None:
    return seconds(text) if text is not None else None
