"""Ask a tier what it answers to recorded traffic: audits of tasks that ended before, by the workers, in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..auditing import audit_task
from ..client import MANY, Client
from ..errors import ResultPending, UnknownPolicy
from ..exporting import recorded
from ..policy import Policy
from ..recording import LoggedReply, Recording
from ..task import Audited, Task


def unasked(recordings: Sequence[Recording], against: str) -> list[Recording]:
    """Those to which nobody knows what *against* answers."""
    return [recording for recording in recordings if not _answers(recording.replies.get(against, ()))]


def shadow(
    client: Client, policy: Policy, recordings: Sequence[Recording], against: str, *, timeout_s: float
) -> Iterator[Recording]:
    """
    Have *against* asked for each recording, and yield them with its reply; asked again, nothing is paid twice.

    *policy* must be published, because the workers go by it. What gets no usable reply is yielded as it was, and so is
    what is not answered after *timeout_s* without any news. Raises: UnknownPolicy, Backlogged, StoreUnavailable.
    """
    if client.policy_name(policy.digest) == policy.digest:
        raise UnknownPolicy(f"this version of {policy.policy} is not published; run `router policy publish` first")
    for start in range(0, len(recordings), MANY):
        batch = recordings[start : start + MANY]
        handles = client.send([audit_task(*_asked(r, policy, against), policy.keep_s) for r in batch])
        for recording, handle in zip(batch, handles, strict=True):
            with suppress(ResultPending):
                client.wait(handle.id, timeout_s=timeout_s)
            replies = _answers(recorded(client.read(handle.id), policy).replies.get(against, ()))
            told = {**recording.replies, against: replies} if replies else recording.replies
            yield recording.model_copy(update={"replies": told})


def _asked(recording: Recording, policy: Policy, against: str) -> tuple[Task, Audited]:
    """The recorded task with the first output that it got: what the audit is compared with."""
    tier = next((name for name in policy.path if _answers(recording.replies.get(name, ()))), policy.path[0])
    replies = _answers(recording.replies.get(tier, ()))
    output = replies[0].reading(policy.output).output if replies else None
    task = Task(
        id=recording.id,
        policy=policy.digest,
        input=recording.input,
        metadata=recording.metadata,
        created_ms=0,
        deadline_ms=0,
    )
    return task, Audited(task=recording.id, tier=tier, output=output, against=against)


def _answers(replies: Sequence[LoggedReply]) -> tuple[LoggedReply, ...]:
    return tuple(reply for reply in replies if reply.failure is None)
