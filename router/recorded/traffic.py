"""Recorded traffic made ready for a question: whose tasks, under which names of tiers, and what counts as right."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..output import Output
from .recording import LoggedReply, Recording

Log: TypeAlias = Sequence[Recording]


@dataclass(frozen=True, slots=True)
class Graded:
    """
    Traffic of which is known what was right, as far as it is. `by` is the tier whose output counts as right where
    nobody said what is: agreement with it is then all that can be measured. None where graders or labels say.
    """

    recordings: tuple[Recording, ...]
    by: str | None = None


def of_policies(log: Log, names: Collection[str]) -> tuple[Recording, ...]:
    """The tasks of policies of these names; those that name none count as theirs."""
    return tuple(recording for recording in log if recording.policy is None or recording.policy in names)


def renamed(log: Log, tiers: Mapping[str, str]) -> tuple[Recording, ...]:
    """The same traffic with its tiers called otherwise: how the log calls them -> how the policy does."""
    return tuple(_renamed(recording, tiers) for recording in log) if tiers else tuple(log)


def tiers_of(log: Log) -> tuple[str, ...]:
    """The tiers that replied anywhere in a log, in the order in which they first did."""
    return tuple(dict.fromkeys(tier for recording in log for tier in recording.replies))


def labelled(recording: Recording) -> bool:
    """True where somebody said what was right: a label, or a grader of some reply."""
    return "expected" in recording.model_fields_set or any(
        reply.correct is not None for replies in recording.replies.values() for reply in replies
    )


def graded(log: Log, output: Output, top: str) -> Graded:
    """Take the labels where there are any at all; else what the tier *top* replied."""
    if any(map(labelled, log)):
        return Graded(tuple(log))
    return Graded(tuple(_held_against(recording, output, top) for recording in log), by=top)


def _renamed(recording: Recording, tiers: Mapping[str, str]) -> Recording:
    replies: dict[str, tuple[LoggedReply, ...]] = {}
    for tier, logged in recording.replies.items():
        name = tiers.get(tier, tier)
        replies[name] = (*replies.get(name, ()), *logged)
    return recording.model_copy(update={"replies": replies})


def _held_against(recording: Recording, output: Output, top: str) -> Recording:
    """Expect what *top* replied last; without an output of its own nothing is expected."""
    replied = [reply.reading(output).output for reply in recording.replies.get(top, ()) if reply.failure is None]
    if not replied or replied[-1] is None:
        return recording
    return recording.model_copy(update={"expected": replied[-1]})


def without_findings(recording: Recording, checks: Collection[str]) -> Recording:
    """The same task without what these checks found: they would ask something else today."""
    if not any(f.check in checks for logged in recording.replies.values() for reply in logged for f in reply.findings):
        return recording
    replies = {tier: tuple(_unfound(reply, checks) for reply in logged) for tier, logged in recording.replies.items()}
    return recording.model_copy(update={"replies": replies})


def _unfound(reply: LoggedReply, checks: Collection[str]) -> LoggedReply:
    kept = tuple(finding for finding in reply.findings if finding.check not in checks)
    return reply.model_copy(update={"findings": kept})


def newest(recordings: Sequence[Recording]) -> tuple[Recording, ...]:
    """Each task once, by its last line: a task that counts twice would pass for two."""
    return tuple({recording.id: recording for recording in recordings}.values())
