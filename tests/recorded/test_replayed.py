"""How a recorded task went, as far as its log tells."""

from __future__ import annotations

from typing import Any

import pytest

from router.decision import Accept, DeadLetter, Expire, Reject, Review
from router.recorded.recording import Recording
from router.recorded.replayed import NO, OPEN, YES, Missing, Range, Replayed, between
from router.verdict import Outcome
from tests.builders import an_attempt

RECORDING = Recording.model_validate({"id": "t1", "input": {}, "replies": {"mini": {"output": 1}}})
MINI, SMALL = an_attempt(1, "mini", Outcome.FAIL), an_attempt(2, "small")


def a_way(**changes: Any) -> Replayed:
    told: dict[str, Any] = {
        "recording": RECORDING,
        "trail": (MINI, SMALL),
        "end": Accept(SMALL),
        "accepted": RECORDING.replies["mini"][0],
        "cost": Range(10, 10),
        "right": YES,
        "wrong": NO,
        "latency_ms": 900,
        "missing": (),
        "repeated": (),
    }
    return Replayed(**(told | changes))


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (Accept(SMALL), "succeeded"),
        (Reject("no"), "rejected"),
        (Review("who knows"), "review"),
        (DeadLetter("no tier is left"), "dead"),
        (Expire("late"), "expired"),
        (None, "unknown"),
    ],
)
def test_an_end_has_its_status(end: Any, status: str) -> None:
    """Every decision that ends a task has the status that the task has then."""
    assert a_way(end=end).status == status


def test_knows_whether_a_task_went_up() -> None:
    """More than one tier was asked, or is asked next; where the end is unknown, perhaps."""
    alone = {"trail": (MINI,)}

    assert [way.escalated for way in (a_way(), a_way(**alone), a_way(end=None, **alone))] == [True, False, None]
    assert a_way(end=None, open_at="small", **alone).escalated is True


def test_knows_what_was_accepted() -> None:
    """An accepted output is right or wrong where that is known; where none was accepted there is nothing to know."""
    ways = (a_way(), a_way(right=NO, wrong=YES), a_way(right=OPEN, wrong=OPEN), a_way(accepted=None, right=NO))

    assert [way.correct for way in ways] == [True, False, None, None]


def test_ways_that_end_alike_have_their_end() -> None:
    """Where all ways end with the same tier's output that is sure; costs and missing things are all of theirs."""
    lacking = Missing("finding", "mini", "agreement")

    one = between([a_way(missing=(lacking,)), a_way(cost=Range(12, 15), missing=(lacking,))])

    assert (one.status, one.tier, one.cost, one.missing) == ("succeeded", "small", Range(10, 15), (lacking,))


def test_ways_that_part_share_what_came_before() -> None:
    """Where they end otherwise the end is unknown, after the attempts that all have."""
    early = a_way(trail=(MINI,), end=Reject("no"), accepted=None, right=NO, cost=Range(3, 3))

    one = between([a_way(), early])

    assert (one.status, one.trail, one.accepted) == ("unknown", (MINI,), None)
    assert (one.cost, one.right, one.wrong) == (Range(3, 10), OPEN, NO)
