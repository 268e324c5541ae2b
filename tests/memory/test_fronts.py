"""Who waits first for room in a budget, in the store in memory."""

from __future__ import annotations

from router.memory.fronts import AGAIN_MS, PATIENCE_MS, Front, Fronts
from tests.builders import NOW_MS

DAY, HOUR = ("global", "day"), ("tenant:acme", "hour")


def test_the_first_stands_first_at_each_budget() -> None:
    """Who comes later stands where nobody does, and is told whether that is anywhere."""
    fronts = Fronts()

    waits = [fronts.wait("t1", 500, [DAY], NOW_MS), fronts.wait("t2", 900, [DAY, HOUR], NOW_MS)]
    waits.append(fronts.wait("t3", 900, [DAY, HOUR], NOW_MS))

    assert waits == [True, True, False]
    assert [(front.task, front.nusd) for at in (DAY, HOUR) if (front := fronts.at(at, NOW_MS))] == [
        ("t1", 500),
        ("t2", 900),
    ]


def test_who_tries_again_keeps_its_time() -> None:
    """It waits since its first try, with the call that it tries now."""
    fronts = Fronts()
    for second in range(PATIENCE_MS // AGAIN_MS + 1):
        now_ms = NOW_MS + second * AGAIN_MS
        fronts.wait("t1", 500 + second, [DAY], now_ms)

    front = fronts.at(DAY, now_ms)

    assert front == Front("t1", 505, NOW_MS, now_ms + 6000)
    assert [front.is_patient(at_ms) for at_ms in (now_ms - 1, now_ms)] == [False, True]


def test_a_place_is_lost_by_leaving_and_by_staying_away() -> None:
    """Nobody leaves a place that another has; one that was not tried for is free after a while."""
    fronts = Fronts()
    fronts.wait("t1", 500, [DAY, HOUR], NOW_MS)
    fronts.leave("t2", [DAY])
    fronts.leave("t1", [HOUR])

    there = [fronts.at(at, NOW_MS) is not None for at in (DAY, HOUR)]

    assert there == [True, False]
    assert [fronts.at(DAY, NOW_MS + ms) is None for ms in (-1, 5999, 6000)] == [True, False, True]
