"""How a task ended: what the router object and the headers say, and what is an error."""

from __future__ import annotations

import pytest

from router.api.openai.outcome import headers, not_accepted, routing, still_going
from router.task import TaskState
from router.verdict import Outcome
from tests.api.openai.desk import USAGE, a_record, a_spent
from tests.builders import an_attempt

CLIMBED = (
    an_attempt(1, "mini", Outcome.FAIL, calls=(a_spent(), a_spent(purpose="judge", tier="small"))),
    an_attempt(2, "small", why="escalate", calls=(a_spent(tier="small", model="openai/small-model"),)),
)


def test_the_way_of_a_task_is_told() -> None:
    """Which tier and model answered, after how many attempts, and what all calls together took."""
    told = routing(a_record(trail=CLIMBED, tier="small", cost_nusd=2_000_000), "intents", "router.input")

    assert (told["tier"], told["model"], told["attempts"]) == ("small", "openai/small-model", 2)
    assert (told["moves"], told["cost_usd"]) == (["escalate", "accept"], "0.002000000")
    assert told["usage_total"] == {
        "prompt_tokens": 3 * USAGE.input_tokens,
        "completion_tokens": 3 * USAGE.output_tokens,
        "total_tokens": 3 * (USAGE.input_tokens + USAGE.output_tokens),
    }
    assert told["input_from"] == "router.input"


def test_headers_sum_up_all_choices() -> None:
    """What was paid is what all of them cost."""
    assert headers([a_record(), a_record(trail=CLIMBED)]) == {
        "x-router-task": a_record().task.id,
        "x-router-tier": "mini",
        "x-router-attempts": "3",
        "x-router-cost-usd": "0.000540000",
    }


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (TaskState.REJECTED, 422, "task_rejected"),
        (TaskState.DEAD, 502, "task_dead"),
        (TaskState.EXPIRED, 504, "task_expired"),
        (TaskState.CANCELLED, 409, "task_cancelled"),
        (TaskState.REVIEW, 409, "task_in_review"),
    ],
)
def test_a_task_that_was_not_accepted_is_an_error(state: TaskState, status: int, code: str) -> None:
    """Each end has its status and code, names the task, and is not to be sent again by an SDK of its own accord."""
    why = not_accepted(a_record(state=state, reason="so it was"), "intents")

    assert (why.status_code, why.code) == (status, code)
    assert "so it was" in why.detail
    assert why.headers is not None
    assert (why.headers["x-should-retry"], why.headers["x-router-task"]) == ("false", a_record().task.id)
    assert why.more["router"]["status"] == state.value


def test_what_all_choices_cost_is_told_where_none_was_accepted() -> None:
    """Its headers count every choice of the request, as they do where there is an answer."""
    lost = a_record(state=TaskState.DEAD, trail=CLIMBED, cost_nusd=2_000_000)

    why = not_accepted(lost, "intents", [lost, lost])

    assert why.headers is not None
    assert (why.headers["x-router-cost-usd"], why.headers["x-router-attempts"]) == ("0.006000000", "6")


def test_a_task_that_takes_long_goes_on() -> None:
    """The error names it, so that its answer is not bought again."""
    why = still_going("t1", 570)

    assert (why.status_code, why.code, why.more["router"]) == (504, "task_pending", {"task": "t1", "status": "pending"})
    assert why.headers is not None
    assert why.headers["x-should-retry"] == "false"
