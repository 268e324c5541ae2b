"""Requests as counts."""

from __future__ import annotations

from router.api.tally import Tally


def test_requests_are_counted_by_what_they_asked_and_got() -> None:
    """Each once, under its method, route and status."""
    tally = Tally()
    for status in (200, 200, 429):
        tally.note("GET", "/v1/tasks/{task_id}", status, 7)

    assert tally.asked.answered == {("GET", "/v1/tasks/{task_id}", "200"): 2, ("GET", "/v1/tasks/{task_id}", "429"): 1}
    assert tally.asked.took["GET", "/v1/tasks/{task_id}"].sum_ms == 21


def test_what_a_caller_makes_up_is_one() -> None:
    """A method that nobody knows has no name of its own, and an answer that was cut off has no status."""
    tally = Tally()
    for number in range(1000):
        tally.note(f"BREW{number}", "unknown", 0, 0)

    assert tally.asked.answered == {("other", "unknown", "none"): 1000}
