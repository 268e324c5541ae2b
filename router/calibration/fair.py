"""Which tasks of live traffic may count: those that were drawn alike, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..certificate import lot
from ..decision import misfit
from ..policy import Policy
from ..recording import Recording
from ..task import TaskState
from .sample import task_of

_End: TypeAlias = Literal["accepted", "climbed", "reviewed"]
_ENDS: Final[tuple[_End, ...]] = ("accepted", "climbed", "reviewed")


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks of live traffic that came to the same end: how many there are, are known, and are kept of those."""

    tasks: int = 0
    known: int = 0
    kept: int = 0

    @property
    def thinned(self) -> int:
        """Those that are known and left out, so that they do not outweigh the others."""
        return self.known - self.kept


@dataclass(frozen=True, slots=True)
class Fair:
    """
    Recordings that stand for all traffic: `accepted` below the tier that the promise is held against, `climbed` to it,
    and `reviewed`: doubted by every tier that was asked, and ended by a person.
    """

    recordings: tuple[Recording, ...]
    accepted: Group
    climbed: Group
    reviewed: Group = Group()


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


def _anything(_: Recording) -> bool:
    return True


def fair(
    policy: Policy,
    recordings: Sequence[Recording],
    knows: Callable[[Recording], bool] = _anything,
    *,
    shown: bool = True,
) -> Fair:
    """
    Keep what was drawn alike, as far as one *knows* of it what is asked; with *shown*, of what `against` replied to.

    A task that went up to that tier was always answered there, an accepted one only if it was audited; and what a
    person accepted has a label, where others have one by chance. Taken together, what is doubtful would be seen too
    often, and what is accepted too rarely. So all are kept at the least of their shares, version by version, because
    each has its own threshold and rate. Recordings without a status were made for comparison, and all count.
    """
    versions: dict[str | None, list[Recording]] = {}
    for recording in recordings:
        if recording.status is not None:
            versions.setdefault(recording.version, []).append(recording)
    parts = [_of_one_version(policy, live, knows, shown) for live in versions.values()]
    drawn = {task for part in parts for task in part.drawn}
    kept = tuple(r for r in recordings if r.status is None or r.id in drawn)
    return Fair(kept, *(_sum(part.groups[end] for part in parts) for end in _ENDS))


@dataclass(frozen=True, slots=True)
class _Part:
    drawn: frozenset[str]
    groups: Mapping[_End, Group]


def _of_one_version(
    policy: Policy, live: Sequence[Recording], knows: Callable[[Recording], bool], shown: bool
) -> _Part:
    def counts(recording: Recording) -> bool:
        return (_shown(policy, recording) or not shown) and knows(recording)

    ended = {end: [r for r in live if _end(policy, r, shown=shown) == end] for end in _ENDS}
    known = {end: [r for r in group if counts(r)] for end, group in ended.items()}
    least = min((len(known[end]) / len(group) for end, group in ended.items() if group), default=1.0)
    drawn = {
        end: {r.id for r in known[end] if _drawn(r, least * len(group) / len(known[end]))}
        for end, group in ended.items()
    }
    groups = {end: Group(len(ended[end]), len(known[end]), len(drawn[end])) for end in _ENDS}
    return _Part(frozenset().union(*drawn.values()), groups)


def _end(policy: Policy, recording: Recording, *, shown: bool) -> _End | None:
    """
    What became of a live task; None where it ended elsewhere, such as by its deadline.

    With *shown*, only what `against` replied to has climbed to it.
    """
    if recording.status == TaskState.REVIEW:
        return "reviewed"
    if _accepted_below(policy, recording):
        return "accepted"
    return "climbed" if _shown(policy, recording) or not shown else None


def _sum(groups: Iterable[Group]) -> Group:
    parts = list(groups)
    return Group(*(sum(getattr(part, name) for part in parts) for name in ("tasks", "known", "kept")))


def gone_past(policy: Policy, recordings: Sequence[Recording]) -> frozenset[str]:
    """
    The tiers below the promise's that live tasks were done without, by a person too, though they could have taken them.

    Whether such a tier was asked hung on what another one had replied, so that its replies are no fair sample.
    """
    done = (recording for recording in recordings if recording.status in (TaskState.SUCCEEDED, TaskState.REVIEW))
    return frozenset(
        tier
        for recording in done
        for tier in policy.promised_tiers
        if tier not in recording.replies and misfit(policy, task_of(recording), policy.rung(tier)) is None
    )


def _accepted_below(policy: Policy, recording: Recording) -> bool:
    return recording.status == TaskState.SUCCEEDED and recording.tier in policy.promised_tiers


def _shown(policy: Policy, recording: Recording) -> bool:
    return policy.held_against in recording.replies


def _drawn(recording: Recording, share: float) -> bool:
    return lot(f"fair:{recording.id}") < share
