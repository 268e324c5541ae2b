"""Which tasks of live traffic may count: those that were drawn alike, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..certificate import lot
from ..decision import misfit
from ..policy import Policy
from ..recorded.recording import Recording
from ..task import TaskState
from .sample import task_of

_End: TypeAlias = Literal["accepted", "climbed", "reviewed"]
_ENDS: Final[tuple[_End, ...]] = ("accepted", "climbed", "reviewed")
_BY_CHANCE: Final[tuple[_End, ...]] = ("accepted", "climbed")
"""Kinds of which some are known by chance, by a label or an audit, whatever came of them."""

_FEW: Final = 0.05
"""Reviews of which none is known are too many beyond this share of all: at their worst they would leave little."""


@dataclass(frozen=True, slots=True)
class Group:
    """
    Tasks of live traffic that came to the same end: how many there are, are known, and are kept of those.

    `at_worst` of the others are kept, too: where such a reply would be accepted, it counts as a loss.
    """

    tasks: int = 0
    known: int = 0
    kept: int = 0
    at_worst: int = 0

    @property
    def thinned(self) -> int:
        """Those that are known and left out, so that they do not outweigh the others."""
        return self.known - self.kept


@dataclass(frozen=True, slots=True)
class Blind:
    """A version of which no task counts, because of some kinds of them nobody knows anything."""

    version: str | None
    tasks: int
    ends: tuple[_End, ...]


@dataclass(frozen=True, slots=True)
class Fair:
    """
    Recordings that stand for all traffic: `accepted` below the tier that the promise is held against, `climbed` to it,
    and `reviewed`: doubted by every tier that was asked, and ended by a person.

    What is `lacking` are the kinds of which too little is known for anything to count; `blind` versions are left out.
    """

    recordings: tuple[Recording, ...]
    accepted: Group
    climbed: Group
    reviewed: Group = Group()
    lacking: tuple[_End, ...] = ()
    blind: tuple[Blind, ...] = ()


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

    A task that went up to that tier was always answered there, an accepted one only if it was audited, and labels are
    given to some. Taken together, what is doubtful would be seen too often, and what is accepted too rarely. So both
    are kept at the lesser of their shares, version by version, because each has its own threshold and rate.

    Whether a review has a label hangs on what the person decided, so that those that have one do not stand for the
    others. They are drawn at the same share whether they are known or not, and what is not known counts at its worst:
    more losses than there are at every threshold, so that what is certified with them holds. Where nothing is known of
    any, and they are more than few, nothing counts. Recordings without a status were made for comparison, and all do.
    """
    versions: dict[str | None, list[Recording]] = {}
    for recording in recordings:
        if recording.status is not None:
            versions.setdefault(recording.version, []).append(recording)
    parts = [_part(policy, version, live, knows, shown) for version, live in versions.items()]
    seeing = [part for part in parts if part.share]
    lacking = _lacking(seeing or parts)
    share_of = {part.version: 0.0 if lacking else part.share for part in parts}
    drawn = frozenset(r.id for part in parts for r in part.drawn(share_of[part.version]))
    accepted, climbed, reviewed = (_sum(part.group(end, drawn) for part in parts) for end in _ENDS)
    return Fair(
        tuple(r for r in recordings if r.status is None or r.id in drawn),
        accepted,
        climbed,
        reviewed,
        lacking=lacking,
        blind=tuple(part.blind for part in parts if not part.share),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The live tasks of one version by how they ended, and those of them that are known."""

    version: str | None
    ended: Mapping[_End, Sequence[Recording]]
    known: Mapping[_End, Sequence[Recording]]

    @property
    def share(self) -> float:
        """Of how many of its tasks something is known, by the lesser of the kinds known by chance."""
        shares = [len(self.known[end]) / len(self.ended[end]) for end in _BY_CHANCE if self.ended[end]]
        return min(shares, default=1.0)

    @property
    def blind(self) -> Blind:
        without = tuple(end for end in _BY_CHANCE if self.ended[end] and not self.known[end])
        return Blind(self.version, sum(map(len, self.ended.values())), without)

    def drawn(self, share: float) -> Iterator[Recording]:
        """That *share* of each kind; of reviews whether they are known or not."""
        for end in _BY_CHANCE:
            rate = share * len(self.ended[end]) / max(1, len(self.known[end]))
            yield from (recording for recording in self.known[end] if _drawn(recording, rate))
        yield from (recording for recording in self.ended["reviewed"] if _drawn(recording, share))

    def group(self, end: _End, drawn: Set[str]) -> Group:
        kept = sum(recording.id in drawn for recording in self.known[end])
        every = sum(recording.id in drawn for recording in self.ended[end])
        return Group(len(self.ended[end]), len(self.known[end]), kept, every - kept)


def _part(
    policy: Policy, version: str | None, live: Sequence[Recording], knows: Callable[[Recording], bool], shown: bool
) -> _Part:
    def counts(recording: Recording) -> bool:
        return (_shown(policy, recording) or not shown) and knows(recording)

    ended = {end: [r for r in live if _end(policy, r, shown=shown) == end] for end in _ENDS}
    return _Part(version, ended, {end: [r for r in group if counts(r)] for end, group in ended.items()})


def _lacking(parts: Sequence[_Part]) -> tuple[_End, ...]:
    """The kinds of which nobody knows anything, few reviews apart."""
    tasks = {end: sum(len(part.ended[end]) for part in parts) for end in _ENDS}
    known = {end: sum(len(part.known[end]) for part in parts) for end in _ENDS}
    few = {end: _FEW * sum(tasks.values()) if end == "reviewed" else 0 for end in _ENDS}
    return tuple(end for end in _ENDS if tasks[end] > few[end] and not known[end])


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
    return Group(*(sum(getattr(part, name) for part in parts) for name in ("tasks", "known", "kept", "at_worst")))


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
