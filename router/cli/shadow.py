"""Ask a tier what it answers to recorded traffic: audits of tasks that ended before, by the workers, in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..auditing import shadow_of
from ..client import MANY, Client
from ..errors import ResultPending, UnknownPolicy
from ..exporting import recorded
from ..policy import Policy
from ..recording import LoggedReply, Recording
from ..task import Task


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
        handles = client.send([shadow_of(policy, _task(recording, policy), against) for recording in batch])
        for recording, handle in zip(batch, handles, strict=True):
            with suppress(ResultPending):
                client.wait(handle.id, timeout_s=timeout_s)
            replies = _answers(recorded(client.read(handle.id), policy).replies.get(against, ()))
            told = {**recording.replies, against: replies} if replies else recording.replies
            yield recording.model_copy(update={"replies": told})


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
