"""A task that ran, as a line of recorded traffic: what `recording` reads again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, assert_never

from ..call import Failure, FailureKind, FinishReason
from ..checks import Check, Judge
from ..cost import usd
from ..policy import Policy
from ..reading import Reading
from ..record import Record
from ..refusal import Refusal
from ..task import TaskState
from ..trail import Attempt, Spent
from ..values import Json, iso
from ..verdict import Finding
from .recording import LoggedReply, Recording


def recorded(record: Record, policy: Policy, *, audit: Record | None = None) -> Recording:
    """
    Everything that a task's tiers replied, in order, with what it cost; contents and all.

    A task that a person resolved is written down as the policy left it, with what they accepted as the expected output.
    *policy* is the version that it ran under. What its *audit* was answered stands under the tier that audited.
    """
    audited = [attempt for attempt in (audit.trail if audit else ()) if isinstance(attempt.answer, Reading)]
    replies: defaultdict[str, list[LoggedReply]] = defaultdict(list)
    asked = [attempt for attempt in record.trail if attempt.ruling is None]
    for attempt in (*asked, *audited):
        replies[attempt.tier].append(_logged(attempt, policy))
    task = record.task
    deadline_s = (task.deadline_ms - task.created_ms) / 1000
    reviewed = record.trail[-1:] != tuple(asked[-1:])
    told: dict[str, Any] = {
        "metadata": task.metadata or None,
        "deadline_s": deadline_s if deadline_s != policy.limits.deadline_s else None,
        "tier": asked[-1].tier if asked else None,
        "expected": record.output if reviewed else None,
    }
    return Recording(
        id=task.id,
        input=task.input,
        replies=dict(replies),
        policy=policy.policy,
        version=task.policy,
        question=policy.question,
        tenant=task.tenant,
        created=iso(task.created_ms),
        status=TaskState.REVIEW.value if reviewed else record.state.value,
        cost_usd=_dollars(record.cost_nusd),
        **{name: value for name, value in told.items() if value is not None},
    )


def line(recording: Recording) -> str:
    """A recording as it stands in a log: what it does not tell is left out."""
    return json.dumps(recording.model_dump(mode="json", exclude_unset=True), ensure_ascii=False)


def _logged(attempt: Attempt, policy: Policy) -> LoggedReply:
    own = next((call for call in attempt.calls if call.purpose == "answer"), None)
    asked = _asked(attempt, policy)
    took_ms = attempt.ended_ms - attempt.started_ms - sum(call.latency_ms for call in asked.values())
    told: dict[str, Any] = {
        **_said(attempt),
        "cost_usd": _dollars(own.cost_nusd if own is not None else 0),
        "latency_ms": max(took_ms, own.latency_ms if own is not None else 0, 0),
    }
    if own is not None:
        told |= {"model": own.model, "deployment": own.deployment}
        told |= {"usage": own.usage} if own.usage is not None else {}
        told |= {"doubt_usd": _dollars(own.doubt_nusd)} if own.doubt_nusd else {}
    if findings := tuple(_findings_of_models(attempt, policy)):
        told["findings"] = findings
    if asked:
        told["consulted"] = {name: _took(call) for name, call in asked.items()}
    return LoggedReply.model_validate(told)


def _took(call: Spent) -> dict[str, Json]:
    told: dict[str, Json] = {"cost_usd": _dollars(call.cost_nusd), "latency_ms": call.latency_ms}
    return told | ({"doubt_usd": _dollars(call.doubt_nusd)} if call.doubt_nusd else {})


def _said(attempt: Attempt) -> Mapping[str, Json]:
    """What came of an attempt, as a case of a policy would say it."""
    match attempt.answer:
        case Refusal(limit=limit, until_ms=until_ms):
            wait_s = max(0, (until_ms or 0) - attempt.ended_ms) / 1000
            return {"failure": FailureKind.INTERNAL, "not_sent": limit} | ({"retry_after_s": wait_s} if wait_s else {})
        case Failure(kind=kind, retry_after_s=retry_after_s):
            return {"failure": kind} | ({"retry_after_s": retry_after_s} if retry_after_s is not None else {})
        case Reading() as reading:
            return _read(reading)
        case never:
            assert_never(never)


def _read(reading: Reading) -> dict[str, Json]:
    told: dict[str, Json] = {}
    if reading.problem is None:
        told["output"] = reading.output
        told |= {"confidence": reading.confidence} if reading.confidence is not None else {}
    elif reading.raw is not None:
        told["text"] = reading.raw
    if reading.refusal is not None:
        told["refusal"] = reading.refusal
    if reading.finish_reason is not FinishReason.STOP or not told:
        told["finish_reason"] = reading.finish_reason
    return told


def _findings_of_models(attempt: Attempt, policy: Policy) -> Iterator[Finding]:
    names = {check.name for check in policy.asking(attempt.tier)}
    findings = attempt.verdict.findings if attempt.verdict is not None else ()
    return (finding for finding in findings if finding.check in names)


def _asked(attempt: Attempt, policy: Policy) -> dict[str, Spent]:
    """Which check made which of the calls beside the first: they stand in the order of the checks."""
    left = list(attempt.calls)
    found: dict[str, Spent] = {}
    for check in policy.asking(attempt.tier):
        if (call := next((call for call in left if _is_of(check, call)), None)) is not None:
            left.remove(call)
            found[check.name] = call
    return found


def _is_of(check: Check, call: Spent) -> bool:
    if isinstance(check, Judge):
        return call.purpose == "judge" and call.tier == check.tier
    return call.purpose == "sample"


def _dollars(nusd: int) -> Decimal:
    return Decimal(usd(nusd))
