"""Tasks as the service shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..call import Failure
from ..cost import usd
from ..erasure import ERASED
from ..reading import Reading
from ..record import Record
from ..refusal import Refusal
from ..summary import Summary
from ..task import TAG_LENGTH_MAX, TAGS_MAX, TaskState
from ..trail import Attempt, Purpose, Spent, Why
from ..values import Json, iso
from ..verdict import Finding, Outcome
from ..wishes import Wishes
from .duration import At
from .naming import Naming
from .webhooks import WebhookAsked

ID = "3f2c9a01bd444e0c8b6a0d9a3c5e7f10"
Tag: TypeAlias = Annotated[str, Field(min_length=1, max_length=TAG_LENGTH_MAX)]
USD = Field(description="Dollars, as a decimal string.", examples=["0.000210000"])


class TaskAsked(Naming):
    """A task to be done."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"policy": "intents", "input": {"text": "Where is my parcel?"}}]},
    )

    policy: str = Field(min_length=1, max_length=100, description="The name of a published policy.")
    input: dict[str, Json] = Field(description="What the policy's input schema asks for; see /v1/policies.")
    deadline_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Seconds from now; capped by the policy's own limit."
    )
    priority: Literal["high", "normal", "low"] = Field(default="normal", description="A head start, and no more.")
    metadata: dict[str, Json] = Field(default_factory=dict, description="Kept with the task, 16 kB at most.")
    tags: list[Tag] = Field(
        default_factory=list,
        max_length=TAGS_MAX,
        description="The same as `metadata.tags`; lists can be narrowed down by one.",
    )
    webhook: WebhookAsked | None = Field(default=None, description="Where to tell of its end.")
    wishes: Wishes | None = Field(default=None, description="What is asked beyond the policy.")

    @model_validator(mode="after")
    def _tags_once(self) -> Self:
        if self.tags and "tags" in self.metadata:
            raise ValueError("give either tags or metadata.tags")
        return self

    @property
    def noted(self) -> dict[str, Json]:
        """The metadata with the tags among it."""
        return self.metadata | ({"tags": list(self.tags)} if self.tags else {})


class LineAsked(TaskAsked):
    """A line of a batch."""

    key: str | None = Field(default=None, description="Idempotency key of this line.")


class TaskTaken(BaseModel):
    """A task that was taken in: it will not be lost."""

    id: str = Field(examples=[ID])
    status: TaskState
    policy: str = Field(examples=["intents"])
    replayed: bool = Field(description="Its key had been used before, with the same body.")


class TaskStands(BaseModel):
    """How a task stands after what was done to it."""

    id: str = Field(examples=[ID])
    status: TaskState


class TaskLine(BaseModel):
    """A task in a list, without its contents."""

    id: str = Field(examples=[ID])
    policy: str = Field(examples=["intents"])
    status: TaskState
    reason: str | None = Field(description="Why it waits, or how it ended.")
    tier: str = Field(description="Where it stands; `review` where a person gave the output.", examples=["small"])
    tenant: str
    cost_usd: str = USD
    created_at: At
    ended_at: At | None
    origin: str | None = Field(description="The dead letter that it was sent again for.")
    redriven: str | None = Field(description="The task that was sent again for it.")
    tags: list[str]


class TaskPage(BaseModel):
    """A page of tasks."""

    data: list[TaskLine]
    next: str | None = Field(description="The `cursor` of the next page; null after the last.")


class FindingShown(BaseModel):
    """What a check said of a reply."""

    check: str = Field(examples=["confidence"])
    outcome: Outcome
    reason: str
    warn: bool = Field(description="Told, but not counted.")


class CallShown(BaseModel):
    """One request to a provider."""

    id: str
    purpose: Purpose
    tier: str
    model: str = Field(examples=["openai/gpt-4o-mini"])
    deployment: str
    cost_usd: str = USD
    doubt_usd: str = Field(
        description="What a call of unknown outcome may have cost at most.", examples=["0.000000000"]
    )
    input_tokens: int | None
    output_tokens: int | None
    latency_ms: int


class AttemptShown(BaseModel):
    """One tier asked once, or (`tier` is `review`) what a person decided."""

    number: int
    tier: str = Field(examples=["mini"])
    why: Why
    answer: Literal["output", "unreadable", "failure", "refusal", "ruling", "erased"] = Field(
        description="An output, a reply that is none, no reply, no call, a person's decision; or it was erased."
    )
    output: Json = None
    said: str | None = Field(description="Of a reply that is no output: what it said. Else what went wrong.")
    confidence: dict[str, float] | None = Field(description="The model's own probability, by field.")
    verdict: Outcome | None
    findings: list[FindingShown]
    trust: float | None = Field(description="The calibrated probability that it is right, where a promise is kept.")
    by: str | None = Field(description="Who decided, for what a person decided.")
    calls: list[CallShown]
    cost_usd: str = USD
    latency_ms: int = Field(description="From its beginning to its end.")
    started_at: At
    ended_at: At


class TaskShown(TaskLine):
    """A task with its contents and its whole trail."""

    policy_digest: str = Field(description="The version that it runs under.", examples=["0123456789abcdef"])
    priority: Literal["high", "normal", "low"]
    deadline_at: At
    metadata: dict[str, Json]
    input: dict[str, Json]
    output: Json = Field(default=None, description="The accepted output; null unless it succeeded.")
    trail: list[AttemptShown]
    moves: list[str] = Field(
        description="What was done after each attempt; the last one is how it ended.", examples=[["escalate", "accept"]]
    )
    audit: str | None = Field(description="The task that asks a larger tier the same.")
    erased_at: At | None = Field(description="When its contents were erased.")


def line_of(task: Summary) -> TaskLine:
    return TaskLine.model_validate(
        {
            "id": task.id,
            "policy": task.policy,
            "status": task.state,
            "reason": task.reason,
            "tier": task.tier,
            "tenant": task.tenant,
            "cost_usd": usd(task.cost_nusd),
            "created_at": iso(task.created_ms),
            "ended_at": _moment(task.ended_ms),
            "origin": task.origin,
            "redriven": task.redriven,
            "tags": list(task.tags),
        }
    )


def shown(record: Record, policy: str) -> TaskShown:
    """A record of a task of the policy of that name."""
    task = record.task
    return TaskShown.model_validate(
        {
            "id": task.id,
            "policy": policy,
            "policy_digest": task.policy,
            "status": record.state,
            "reason": record.reason,
            "tier": record.tier,
            "tenant": task.tenant,
            "priority": task.priority.value,
            "cost_usd": usd(record.cost_nusd),
            "created_at": iso(task.created_ms),
            "deadline_at": iso(task.deadline_ms),
            "ended_at": _moment(record.ended_ms),
            "erased_at": _moment(record.erased_ms),
            "metadata": task.metadata,
            "input": task.input,
            "output": record.output,
            "trail": [_attempt(attempt) for attempt in record.trail],
            "moves": list(record.moves),
            "origin": record.origin,
            "redriven": record.redriven,
            "tags": list(task.tags),
            "audit": record.audit,
        }
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    verdict = attempt.verdict
    return {
        "number": attempt.number,
        "tier": attempt.tier,
        "why": attempt.why,
        **_answer(attempt),
        "verdict": verdict.outcome if verdict is not None else None,
        "findings": [_finding(finding) for finding in verdict.findings] if verdict is not None else [],
        "trust": verdict.trust if verdict is not None else None,
        "by": attempt.ruling.by if attempt.ruling is not None else None,
        "calls": [_call(call) for call in attempt.calls],
        "cost_usd": usd(attempt.cost_nusd),
        "latency_ms": attempt.ended_ms - attempt.started_ms,
        "started_at": iso(attempt.started_ms),
        "ended_at": iso(attempt.ended_ms),
    }


def _answer(attempt: Attempt) -> dict[str, Any]:
    match attempt.answer:
        case Reading() as reading:
            said = reading.refusal or reading.raw or reading.problem
            kind = _kind(attempt, reading)
            return {"answer": kind, "output": reading.output, "said": said, "confidence": reading.confidence}
        case Failure(kind=kind, message=message):
            return {"answer": "failure", "said": f"{kind}: {message}", "confidence": None}
        case Refusal(message=message):
            return {"answer": "refusal", "said": message, "confidence": None}
        case never:
            assert_never(never)


def _kind(attempt: Attempt, reading: Reading) -> str:
    if attempt.ruling is not None:
        return "ruling"
    if reading.problem is None:
        return "output"
    return "erased" if reading.problem == ERASED else "unreadable"


def _finding(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(include={"check", "outcome", "reason", "warn"})


def _call(call: Spent) -> dict[str, Any]:
    return {
        "id": call.call,
        "purpose": call.purpose,
        "tier": call.tier,
        "model": call.model,
        "deployment": call.deployment,
        "cost_usd": usd(call.cost_nusd),
        "doubt_usd": usd(call.doubt_nusd),
        "input_tokens": call.usage.input_tokens if call.usage is not None else None,
        "output_tokens": call.usage.output_tokens if call.usage is not None else None,
        "latency_ms": call.latency_ms,
    }


def _moment(ms: int | None) -> str | None:
    return iso(ms) if ms is not None else None
