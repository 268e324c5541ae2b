"""Everything that is known of a task."""

from __future__ import annotations

from typing import Any

import pytest

from router.reading import Reading
from router.record import Record
from router.task import TaskState
from router.verdict import Outcome
from tests.builders import a_task, an_attempt

TRAIL = (an_attempt(1, "mini", Outcome.FAIL), an_attempt(2, "small", why="escalate"))


def a_record(state: TaskState, trail: Any = TRAIL) -> Record:
    return Record(task=a_task(), state=state, tier="small", trail=trail)


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        (TaskState.SUCCEEDED, ("escalate", "accept")),
        (TaskState.DEAD, ("escalate", "dead_letter")),
        (TaskState.CANCELLED, ("escalate", "cancel")),
        (TaskState.RUNNING, ("escalate",)),
    ],
)
def test_tells_what_was_done_after_each_attempt(state: TaskState, moves: tuple[str, ...]) -> None:
    """Every attempt but the last was followed by another, the last one by the end, once there is one."""
    assert a_record(state).moves == moves


def test_a_task_without_attempts_has_its_end_alone() -> None:
    """What was rejected before anybody was asked was still rejected."""
    assert a_record(TaskState.REJECTED, ()).moves == ("reject",)


@pytest.mark.parametrize("state", [TaskState.DEAD, TaskState.REVIEW, TaskState.RUNNING])
def test_only_an_accepted_output_is_one(state: TaskState) -> None:
    """What a task that did not succeed was answered last is not its output."""
    assert a_record(state).output is None
    accepted = TRAIL[-1].answer
    assert isinstance(accepted, Reading)
    assert a_record(TaskState.SUCCEEDED).output == accepted.output
