"""What is told of a task by its webhook, when it is tried again, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from .cost import usd
from .record import Record
from .task import TaskState
from .values import Json, iso
from .webhook import Dialect, Webhook


class DeliveryStatus(StrEnum):
    """
    WAITING: it is sent now, or tried again. DELIVERED: the receiver took it. FAILED: it was tried for a day. DISABLED:
    its endpoint said that it is gone, or has taken nothing for days.
    """

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One event on its way to one webhook; its id is the event's, whatever is repeated. Times are Unix ms.

    `attempts` counts how often it was sent since it was last begun, `said` is what came of the last one, `due_ms` when
    it is tried next, `policy` the name of the task's policy once it was sent.
    """

    id: str
    task: str
    tenant: str
    webhook: Webhook
    state: TaskState
    status: DeliveryStatus
    created_ms: int
    attempts: int
    changed_ms: int
    said: str | None = None
    due_ms: int | None = None
    policy: str | None = None

    @property
    def type(self) -> str:
        return event_type(self.webhook.dialect, self.state)

    @property
    def told(self) -> dict[str, Json]:
        """As JSON, without contents."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status.value,
            "task": self.task,
            "tenant": self.tenant,
            "policy": self.policy,
            "url": self.webhook.url,
            "payload": self.webhook.payload,
            "attempts": self.attempts,
            "said": self.said,
            "created_at": iso(self.created_ms),
            "changed_at": iso(self.changed_ms),
            "due_at": iso(self.due_ms) if self.due_ms is not None else None,
        }


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it: a status of 200 to 299."""

    said: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver wants nothing more: status 410."""

    said: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It was not taken, or not sent; there may be a next time."""

    said: str


Sent: TypeAlias = Delivered | Gone | Undelivered

PAUSES_S = (5, 60, 300, 1800, 7200, 18_000, 28_800, 28_800)
"""
Between attempts: 23.6 hours in all, 28 with jitter. Source: the schedule that the Standard Webhooks specification
suggests, with a pause more at its begin.
"""
JITTER = 0.2


def pause_ms(attempt: int, chance: float) -> int | None:
    """How long to wait after that attempt (from 1); None after the last. *chance* from 0 to 1 spreads endpoints."""
    if attempt > len(PAUSES_S):
        return None
    return int(PAUSES_S[attempt - 1] * 1000 * (1 + JITTER * chance))


def outcome(status: int) -> Sent:
    """What a receiver's status means. A redirect is no delivery: it would lead where nobody looked."""
    if 200 <= status <= 299:
        return Delivered(f"{status}")
    if status == 410:
        return Gone("410: the receiver wants nothing more")
    if 300 <= status <= 399:
        return Undelivered(f"{status}: redirects are not followed; give the final address")
    return Undelivered(f"{status}")


_RESPONSE_TYPES = {TaskState.SUCCEEDED: "response.completed", TaskState.CANCELLED: "response.cancelled"}


def event_type(dialect: Dialect, state: TaskState) -> str:
    if dialect is Dialect.RESPONSE:
        return _RESPONSE_TYPES.get(state, "response.failed")
    return f"task.{state}"


def payload(delivery: Delivery, *, policy: str | None, record: Record | None) -> bytes:
    """
    The body to send. *policy* is the name, where it is still known; *record* is looked at for full payloads alone, None
    where its time is over: what is told then is thin, and so is a review that is over.
    """
    return json.dumps(
        {
            "id": delivery.id,
            "object": "event",
            "created_at": delivery.created_ms // 1000,
            "type": delivery.type,
            "data": dict(_data(delivery, policy, record)),
        },
        allow_nan=False,
        separators=(",", ":"),
    ).encode()


def _data(delivery: Delivery, policy: str | None, record: Record | None) -> Mapping[str, Json]:
    if delivery.webhook.dialect is Dialect.RESPONSE:
        return {"id": f"resp_{delivery.task}"}
    thin: dict[str, Json] = {"id": delivery.task, "status": delivery.state}
    if policy is not None:
        thin["policy"] = policy
    if delivery.webhook.payload == "thin" or record is None or record.state is not delivery.state:
        return thin
    return thin | _contents(record)


def _contents(record: Record) -> dict[str, Json]:
    return {
        "metadata": record.task.metadata,
        "tier": record.tier,
        "attempts": len(record.trail),
        "cost_usd": usd(record.cost_nusd),
        "reason": record.reason,
        "output": record.output,
    }
