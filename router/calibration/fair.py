"""Which tasks of live traffic may count: those that were drawn alike, whatever became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..certificate import lot
from ..policy import Policy
from ..recording import Recording


@dataclass(frozen=True, slots=True)
class Fair:
    """
    Recordings that stand for all traffic. `audited` of `accepted` tasks were shown to the tier that the promise is held
    against; of those that went up to it by themselves, every so many as that are kept and `thinned` left out.
    """

    recordings: tuple[Recording, ...]
    accepted: int = 0
    audited: int = 0
    thinned: int = 0


def newest(recordings: Sequence[Recording]) -> tuple[Recording, ...]:
    """Each task once, by its last line: a task that counts twice would pass for two."""
    return tuple({recording.id: recording for recording in recordings}.values())


def asked_alike(policy: Policy, recordings: Sequence[Recording]) -> tuple[Recording, ...]:
    """
    Keep what this version's models were asked in its words.

    What another prompt was answered, or another model, says nothing of this one; where a recording does not tell,
    whoever made it answers for that.
    """
    alike = (recording for recording in recordings if recording.question in (None, policy.question))
    return tuple(kept for recording in alike if (kept := _by_its_models(policy, recording)).replies)


def _by_its_models(policy: Policy, recording: Recording) -> Recording:
    replies = {
        tier: told
        for tier, told in recording.replies.items()
        if (known := policy.models.get(tier)) is None
        or all(reply.model in (None, known.model, *known.others) for reply in told)
    }
    return recording if len(replies) == len(recording.replies) else recording.model_copy(update={"replies": replies})


def fair(policy: Policy, recordings: Sequence[Recording]) -> Fair:
    """
    Keep what was drawn alike.

    A task that went up to the promise's tier was always answered there, an accepted one only if it was audited: taken
    together, what is doubtful would be seen too often, and what is accepted too rarely. Recordings without a status
    were made for comparison, and all count.
    """
    accepted = {recording.id for recording in recordings if _accepted_below(policy, recording)}
    audited = {r.id for r in recordings if r.id in accepted and policy.held_against in r.replies}
    share = len(audited) / len(accepted) if accepted else 1.0

    def counts(recording: Recording) -> bool:
        if recording.id in accepted:
            return recording.id in audited
        return recording.status is None or _drawn(recording, share)

    kept = tuple(filter(counts, recordings))
    return Fair(kept, len(accepted), len(audited), len(recordings) - len(kept) - len(accepted) + len(audited))


def _accepted_below(policy: Policy, recording: Recording) -> bool:
    return recording.status == "succeeded" and recording.tier in policy.promised_tiers


def _drawn(recording: Recording, share: float) -> bool:
    return lot(f"fair:{recording.id}") < share
