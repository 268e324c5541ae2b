"""Lengths of time as people write them."""

from __future__ import annotations

import re

import pytest

from router.duration import EXPECTED, PATTERN, seconds


@pytest.mark.parametrize(
    ("text", "expected_s"), [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_durations_are_seconds(text: str, expected_s: int) -> None:
    """A number and a unit."""
    assert re.fullmatch(PATTERN, text)
    assert seconds(text) == expected_s


@pytest.mark.parametrize("text", ["0h", "00s", "5", "h", "-1h", "1.5h", "1h ", "1 h", "1H", "1234567890s", "\u0661h"])
def test_anything_else_is_none(text: str) -> None:
    """No time at all, no unit, no whole number, or more than anybody keeps."""
    assert not re.fullmatch(PATTERN, text)


def test_the_example_is_one() -> None:
    """Who follows what is said to be expected is understood."""
    assert seconds(EXPECTED.rpartition("such as ")[2]) == 86_400
