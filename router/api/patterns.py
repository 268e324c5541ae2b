"""What a text may be that has to match a pattern, in words: a regular expression tells most people nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import duration
from ..values import NAME

EXPECTED: Final[Mapping[str, str]] = {
    duration.PATTERN: duration.EXPECTED,
    NAME: "a lower-case letter, then at most 62 of a-z, 0-9, _ and -, such as receipts",
    r"^[a-zA-Z0-9_-]{1,64}$": "1 to 64 of a-z, A-Z, 0-9, _ and -, such as get_weather",
    r"^[^\x00-\x1f\x7f-\x9f]+$": "one line of text without tabs and control characters, such as Ada Lovelace",
}
"""By each pattern of the document; addresses of images are told of where they are read."""

_SHOWN_MAX: Final = 80


def mismatch(pattern: str, came: str) -> str:
    """Say what came, in short, and what is expected instead."""
    shown = came if len(came) <= _SHOWN_MAX else came[: _SHOWN_MAX - 3] + "..."
    return f"is {shown!r}, expected {EXPECTED.get(pattern) or f'what matches {pattern}'}"
