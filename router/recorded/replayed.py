"""How a recorded task went under a policy, as far as its log tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..decision import Accept, DeadLetter, Expire, Reject, Review
from ..trail import Trail
from .recording import LoggedReply, Recording

End: TypeAlias = Accept | Reject | Review | DeadLetter | Expire
Status: TypeAlias = Literal["succeeded", "rejected", "review", "dead", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class Missing:
    """What a log does not tell: the reply of a tier, its cost, or what a check found in it (`finding`)."""

    what: Literal["reply", "cost", "finding"]
    tier: str
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """What is known of a number: it is no less than `low`, and no more than `high`."""

    low: int
    high: int

    @property
    def known(self) -> int | None:
        return self.low if self.low == self.high else None


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    A recorded task under a policy. `end` is None where the log does not tell how it would have ended.

    `trail` goes as far as it is known, `open_at` is the tier whose reply is missing then. `cost` is in nano-dollars;
    `right` and `wrong` are 1 for an accepted output that is so, else 0; all three lie between bounds where something is
    `missing`. `repeated` are the tiers that were asked more often than the log has replies of theirs: their last one
    counted again.
    """

    recording: Recording
    trail: Trail
    end: End | None
    accepted: LoggedReply | None
    cost: Range
    right: Range
    wrong: Range
    latency_ms: int
    missing: tuple[Missing, ...]
    repeated: tuple[str, ...]
    open_at: str | None = None

    @property
    def status(self) -> Status:
        return _STATUS[type(self.end)]

    @property
    def tier(self) -> str | None:
        """The tier that was asked last; None where none was."""
        return self.trail[-1].tier if self.trail else None

    @property
    def escalated(self) -> bool | None:
        """Whether more than one tier was asked; None where nobody knows."""
        tiers = {attempt.tier for attempt in self.trail} | ({self.open_at} if self.open_at else set())
        return True if len(tiers) > 1 else None if self.end is None else False

    @property
    def correct(self) -> bool | None:
        """Whether the accepted output is right; None where none was accepted, or nobody knows."""
        return bool(self.right.low) if self.accepted is not None and self.right.known is not None else None


NO: Final = Range(0, 0)
YES: Final = Range(1, 1)
OPEN: Final = Range(0, 1)


def between(ways: Sequence[Replayed]) -> Replayed:
    """What is sure of a task that may have gone one way or another."""
    one = ways[0]
    same = all(way.status == one.status and way.tier == one.tier for way in ways)
    return Replayed(
        recording=one.recording,
        trail=one.trail if same else _common(ways),
        end=one.end if same else None,
        accepted=one.accepted if same else None,
        cost=_hull([way.cost for way in ways]),
        right=_hull([way.right for way in ways]),
        wrong=_hull([way.wrong for way in ways]),
        latency_ms=min(way.latency_ms for way in ways),
        missing=tuple(dict.fromkeys(missing for way in ways for missing in way.missing)),
        repeated=tuple(dict.fromkeys(tier for way in ways for tier in way.repeated)),
    )


def _common(ways: Sequence[Replayed]) -> Trail:
    """The attempts up to where the ways part."""
    steps = zip(*(way.trail for way in ways), strict=False)
    return tuple(first for first, *others in steps if all(other == first for other in others))


def _hull(ranges: Sequence[Range]) -> Range:
    return Range(min(each.low for each in ranges), max(each.high for each in ranges))


_STATUS: Mapping[type, Status] = {
    Accept: "succeeded",
    Reject: "rejected",
    Review: "review",
    DeadLetter: "dead",
    Expire: "expired",
    type(None): "unknown",
}
