"""What is left of a minute's requests, and when more may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.allowance import Allowance


@pytest.mark.parametrize(
    ("per_minute", "ahead_ms", "remaining", "next_ms", "whole_ms"),
    [
        (60, 0, 60, 0, 0),
        (60, 1000, 59, 0, 1000),
        (60, 59_000, 1, 0, 59_000),
        (60, 59_000.5, 0, 1, 59_001),
        (60, 60_000, 0, 1000, 60_000),
        (7, 60_000 / 7 * 3, 4, 0, 25_715),
        (1, 60_000, 0, 60_000, 60_000),
        (600, 0.4, 599, 0, 1),
    ],
)
def test_requests_come_back_one_by_one(
    per_minute: int, ahead_ms: float, remaining: int, next_ms: int, whole_ms: int
) -> None:
    """Each request that was sent is free again after its share of a minute."""
    stands = Allowance(per_minute, ahead_ms)

    assert (stands.remaining, stands.next_ms, stands.whole_ms) == (remaining, next_ms, whole_ms)


@given(st.integers(1, 1_000_000), st.floats(0, 60_000))
def test_after_the_wait_one_may_be_sent(per_minute: int, ahead_ms: float) -> None:
    """Whoever waits as told is let in, and never waits longer than a minute's share."""
    stands = Allowance(per_minute, ahead_ms)
    later = Allowance(per_minute, max(0.0, ahead_ms - stands.next_ms))

    assert later.remaining >= 1
    assert 0 <= stands.remaining <= per_minute
    assert stands.next_ms <= 60_000 / per_minute + 1
