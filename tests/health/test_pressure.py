"""How long a task would wait is foretold from what went before it, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from router.health.pressure import Pressure


def a_pressure(**changes: Any) -> Pressure:
    """A queue that has been busy for five minutes and sends two tasks a second on their way."""
    settings: dict[str, Any] = {
        "ready": 1000,
        "own": 100,
        "others": 0,
        "busy_ms": 300_000,
        "oldest_ms": 300_000,
        "waiting": 1000,
        "waiting_all": 1000,
        "left_now": 8,
        "now_ms": 4000,
        "left": (20, 20, 20, 20, 20, 20),
    }
    return Pressure(**(settings | changes))


def test_what_is_ahead_leaves_at_the_rate_of_the_last_minute() -> None:
    """A hundred tasks at two a second take fifty seconds."""
    assert (a_pressure().rate, a_pressure().wait_s) == (2.0, 50.0)


def test_other_tenants_take_their_turns() -> None:
    """Tasks of others that go first count like one's own."""
    assert a_pressure(own=10, others=10).wait_s == 10.0


@pytest.mark.parametrize("changes", [{"own": 0}, {"busy_ms": 9_999}, {"busy_ms": 0, "ready": 0}])
def test_nothing_is_foretold_without_evidence(changes: dict[str, int]) -> None:
    """Where nothing is ahead, or a burst has only just come, nobody is told to wait."""
    assert a_pressure(**changes).wait_s == 0.0


def test_only_the_busy_time_counts() -> None:
    """What left while the queue was mostly empty says what came, not how fast it is: it is left out."""
    pressure = a_pressure(busy_ms=25_000, left=(36, 36, 1, 1, 1, 1), left_now=8)

    assert pressure.wait_s == 100 / (80 / 24)


def test_where_nothing_leaves_the_wait_is_as_long_again() -> None:
    """A queue that stands still for five minutes is expected to do so for another five."""
    assert a_pressure(left_now=0, left=(0, 0, 0, 0, 0, 0)).wait_s == 300.0


def test_a_slow_queue_waits_longer() -> None:
    """Less that leaves, or more that is ahead, never makes the wait shorter."""
    waits = [a_pressure(left=(left,) * 6, left_now=0).wait_s for left in (20, 10, 5, 1)]
    more = [a_pressure(own=own).wait_s for own in (1, 10, 100, 1000)]

    assert (waits, more) == (sorted(waits), sorted(more))
