"""Lengths of time as people write them: `30m`, `24h`, `7d`."""

from __future__ import annotations

from typing import Final

PATTERN: Final = r"^[1-9][0-9]{0,8}[smhdw]$"
EXPECTED: Final = "a number above 0 and s, m, h, d or w, such as 24h"
"""What matches the pattern, in words."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(text: str) -> int:
    """`90s`, `30m`, `24h`, `7d`, `2w` in seconds, of what matches the pattern."""
    return int(text[:-1]) * _SECONDS[text[-1]]
