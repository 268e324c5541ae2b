"""How a task ended, for callers of OpenAI's surface: what the `router` object says, and what is an error."""

from __future__ import annotations

from collections.abc import Sequence

from ...call import Usage
from ...cost import usd
from ...record import Record
from ...task import TaskState
from ...values import Json
from ..problems import Refused
from .taking import Source

ENDED: dict[TaskState, tuple[int, str, str]] = {
    TaskState.REJECTED: (422, "task_rejected", "was rejected"),
    TaskState.DEAD: (502, "task_dead", "got no answer that passed its checks"),
    TaskState.EXPIRED: (504, "task_expired", "was not answered before its deadline"),
    TaskState.CANCELLED: (409, "task_cancelled", "was cancelled"),
    TaskState.REVIEW: (409, "task_in_review", "waits for a person"),
}

NO_RETRY = {"x-should-retry": "false"}
"""Tells OpenAI's SDKs not to send it again by themselves: that would buy an answer anew."""


def routing(record: Record, policy: str, source: Source | None = None) -> dict[str, Json]:
    """The `router` object of an answer: which way the task went, and what that cost."""
    told: dict[str, Json] = {
        "task": record.task.id,
        "status": record.state.value,
        "policy": policy,
        "version": record.task.policy,
        "tier": record.tier,
        "model": _model(record),
        "attempts": len(record.trail),
        "moves": list(record.moves),
        "cost_usd": usd(record.cost_nusd),
        "usage_total": usage_total([record]),
    }
    return told if source is None else told | {"input_from": source}


def headers(records: Sequence[Record]) -> dict[str, str]:
    """What of it is also told in headers; of several choices the first task's way, and what all cost."""
    first = records[0]
    return {
        "x-router-task": first.task.id,
        "x-router-tier": first.tier,
        "x-router-attempts": str(sum(len(record.trail) for record in records)),
        "x-router-cost-usd": usd(sum(record.cost_nusd for record in records)),
    }


def not_accepted(record: Record, policy: str, others: Sequence[Record] = ()) -> Refused:
    """The error for a task that has no accepted answer, nor *others* of its request: it is never made a completion."""
    status, code, what = ENDED[record.state]
    because = f": {record.reason}" if record.reason else ""
    advice = f"; GET /v1/tasks/{record.task.id} has its whole trail"
    return Refused(
        status,
        code,
        f"task {record.task.id} {what}{because}{advice}",
        headers=headers([record, *others]) | NO_RETRY,
        more={"router": routing(record, policy)},
    )


def still_going(task_id: str, wait_s: float) -> Refused:
    """The error for a task that takes longer than somebody waits."""
    return Refused(
        504,
        "task_pending",
        f"task {task_id} has no answer after {wait_s:.0f} s and goes on; GET /v1/tasks/{task_id} will have it, or the "
        "same request with the same Idempotency-Key",
        headers={"x-router-task": task_id} | NO_RETRY,
        more={"router": {"task": task_id, "status": "pending"}},
    )


def _model(record: Record) -> str | None:
    """The model that was asked last for an answer, by the name of the tiers file."""
    calls = [call for attempt in record.trail for call in attempt.calls if call.purpose == "answer"]
    return calls[-1].model if calls else None


def usage_total(records: Sequence[Record]) -> dict[str, Json]:
    """The tokens of every call of every attempt, those of judges and second samples too."""
    calls = [call for record in records for attempt in record.trail for call in attempt.calls]
    return {**summed([call.usage for call in calls if call.usage is not None])}


def summed(usages: Sequence[Usage]) -> dict[str, int]:
    """Token counts of several calls in OpenAI's words."""
    read, written = sum(u.input_tokens for u in usages), sum(u.output_tokens for u in usages)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
