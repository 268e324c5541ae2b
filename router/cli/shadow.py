"""Ask a tier what it answers to recorded traffic: audits of tasks that ended before, by the workers, in the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Literal

from ..auditing import shadow_of
from ..client import MANY, Client
from ..errors import ResultPending, UnknownPolicy
from ..policy import Policy
from ..record import Record
from ..recorded.exporting import recorded
from ..recorded.recording import LoggedReply, Recording
from ..submission import Submission
from ..task import Task
from .trail import record_of


@dataclass(frozen=True, slots=True)
class Sent:
    """So many tasks more are with the workers, who ask and book whatever becomes of this process."""

    tasks: int


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What came of one recording: it has the tier's reply, or is as it was: refused for a `reason`, or not answered yet.

    `cost_nusd` is what was booked for it; nothing where the same had been asked `before`.
    """

    recording: Recording
    end: Literal["answered", "refused", "late"]
    cost_nusd: int
    before: bool = False
    reason: str = ""


def unasked(recordings: Sequence[Recording], against: str) -> list[Recording]:
    """Those to which nobody knows what *against* answers."""
    return [recording for recording in recordings if not _answers(recording.replies.get(against, ()))]


def shadow(
    client: Client, policy: Policy, recordings: Sequence[Recording], against: str, *, timeout_s: float
) -> Iterator[Sent | Shown]:
    """
    Have *against* asked for each recording; asked again, nothing that was answered is paid twice.

    *policy* must be published, because the workers go by it. Nothing more is waited for, or sent, after *timeout_s*
    without any news. Raises: UnknownPolicy, Backlogged, StoreUnavailable.
    """
    if client.policy_name(policy.digest) == policy.digest:
        raise UnknownPolicy(f"this version of {policy.policy} is not published; run `router policy publish` first")
    seen: set[str] = set()
    for start in range(0, len(recordings), MANY):
        tries = [_try(client, policy, each, against, seen) for each in recordings[start : start + MANY]]
        client.send([one.submission for one in tries])
        yield Sent(len(tries))
        until = time.monotonic() + timeout_s
        for one in tries:
            with suppress(ResultPending):
                client.wait(one.submission.task_id, timeout_s=max(0.0, until - time.monotonic()))
                until = time.monotonic() + timeout_s
            yield _shown(one, client.read(one.submission.task_id), policy, against)
        if time.monotonic() > until:
            return


@dataclass(frozen=True, slots=True)
class _Try:
    """A recording, and the task that shows it; `before` where that had been asked already."""

    recording: Recording
    submission: Submission
    before: bool


def _try(client: Client, policy: Policy, recording: Recording, against: str, seen: set[str]) -> _Try:
    """What was refused in an earlier run is asked anew, because budgets and providers change; *seen* is this run's."""
    for turn in count():
        submission = shadow_of(policy, _task(recording, policy), against, turn=turn)
        record = record_of(client, submission.task_id)
        before = submission.task_id in seen
        if before or record is None or not record.state.terminal or _replied(record, policy, against):
            break
    seen.add(submission.task_id)
    return _Try(recording, submission, before or record is not None)


def _shown(one: _Try, record: Record, policy: Policy, against: str) -> Shown:
    recording, cost_nusd = one.recording, 0 if one.before else record.cost_nusd
    if replies := _replied(record, policy, against):
        told = recording.model_copy(update={"replies": {**recording.replies, against: replies}})
        return Shown(told, "answered", cost_nusd, one.before)
    if record.state.terminal:
        return Shown(recording, "refused", cost_nusd, one.before, record.reason or f"it is {record.state}")
    return Shown(recording, "late", cost_nusd, one.before)


def _replied(record: Record, policy: Policy, against: str) -> tuple[LoggedReply, ...]:
    return _answers(recorded(record, policy).replies.get(against, ()))


def _task(recording: Recording, policy: Policy) -> Task:
    return Task(
        id=recording.id,
        policy=policy.digest,
        input=recording.input,
        metadata=recording.metadata,
        created_ms=0,
        deadline_ms=0,
    )


def _answers(replies: Sequence[LoggedReply]) -> tuple[LoggedReply, ...]:
    return tuple(reply for reply in replies if reply.failure is None)
