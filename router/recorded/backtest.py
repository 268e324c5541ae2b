"""Cost against quality on recorded traffic: a policy among the ways to do without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ..checks import Confidence
from ..cost import PriceBook
from ..estimate import Estimate, divided, mean, ratio, share, widened
from ..policy import Policy
from .recording import LoggedReply, Recording
from .replay import replay
from .replaycost import cost_of, dearest
from .replayed import Range, Replayed
from .traffic import tiers_of

Kind: TypeAlias = Literal["always", "oracle", "policy", "mix", "threshold"]

THRESHOLDS: Final = 20
"""Other thresholds that are tried of each check, at even shares of the recorded replies."""


@dataclass(frozen=True, slots=True)
class Point:
    """
    One way to do the tasks. `cost` is in nano-dollars a task, `of_top` its share of always asking the top tier,
    `right` the share of tasks with an accepted output that is right, `per_right` the cost of each of those.

    Where the log does not tell the end of `open` tasks, they are left out, and `bounds` holds what `cost` and `right`
    may be with them.
    """

    kind: Kind
    name: str
    cost: Estimate
    of_top: Estimate
    right: Estimate
    per_right: Estimate
    threshold: float | None = None
    open: int = 0
    bounds: tuple[tuple[float, float], tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """
    Every way on the same `tasks`: those that each tier of the policy replied to, at a known cost, with a known grade.
    `left_out` counts the others by what is lacking.
    """

    top: str
    cheapest: str
    tasks: int
    points: tuple[Point, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def of_kind(self, kind: Kind) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.kind == kind)


@dataclass(frozen=True, slots=True)
class _Single:
    """What one tier alone did with a task."""

    cost_nusd: int
    right: bool


_Singles: TypeAlias = Mapping[str, _Single]


def backtest(policy: Policy, log: Sequence[Recording], prices: PriceBook) -> Backtest:
    """Try every way on the tasks of a log; *policy* is bound to its tiers. Without such tasks there are no points."""
    known, top = tiers_of(log), policy.path[-1]
    tiers = [tier for tier in policy.path if tier in known or tier == top]
    left_out: dict[str, int] = {}
    tasks: list[tuple[Recording, _Singles]] = []
    for recording in log:
        singles, lacking = _singles(policy, recording, tiers, prices)
        if lacking is None:
            tasks.append((recording, singles))
        else:
            left_out[lacking] = left_out.get(lacking, 0) + 1
    if not tasks:
        return Backtest(top, tiers[0], 0, (), left_out)
    cheapest = min(tiers, key=lambda tier: sum(singles[tier].cost_nusd for _, singles in tasks))
    trial = _Trial(policy, tasks, prices, top)
    return Backtest(top, cheapest, len(tasks), tuple(trial.points(tiers, cheapest)), left_out)


def _singles(
    policy: Policy, recording: Recording, tiers: Sequence[str], prices: PriceBook
) -> tuple[dict[str, _Single], str | None]:
    """What each tier alone did with a task, by its first reply; or what the log lacks to say so."""
    found: dict[str, _Single] = {}
    for tier in tiers:
        replies = recording.replies.get(tier)
        if replies is None or replies[0].not_sent is not None:
            return found, f"a reply of {tier}"
        cost_nusd = cost_of(replies[0], policy.rung(tier).spec, prices, recording.day)
        right = _right(policy, recording, replies[0])
        if cost_nusd is None and replies[0].failure is None:
            return found, f"the cost of a reply of {tier}"
        if right is None:
            return found, f"whether the reply of {tier} was right"
        found[tier] = _Single(cost_nusd or 0, right)
    return found, None


def _right(policy: Policy, recording: Recording, reply: LoggedReply) -> bool | None:
    return False if reply.failure is not None else recording.correct(reply, policy.output)


class _Trial:
    """The tasks on which every way is tried."""

    def __init__(
        self, policy: Policy, tasks: Sequence[tuple[Recording, _Singles]], prices: PriceBook, top: str
    ) -> None:
        self._policy = policy
        self._log = [recording for recording, _ in tasks]
        self._singles = [singles for _, singles in tasks]
        self._prices = prices
        self._top = [float(singles[top].cost_nusd) for singles in self._singles]
        self._dearest = dearest(self._log)

    def points(self, tiers: Sequence[str], cheapest: str) -> Iterator[Point]:
        always = {tier: self._point("always", f"always {tier}", [s[tier] for s in self._singles]) for tier in tiers}
        yield from always.values()
        yield self._point("oracle", "oracle", [_best(singles) for singles in self._singles])
        own = self._replayed(self._policy)
        policy = self._tried("policy", "this policy", own)
        yield policy
        yield from self._mixed(always[cheapest], always[tiers[-1]], policy, (cheapest, tiers[-1]))
        for name, levels, variant in _sweeps(self._policy, own):
            for level in _spaced(levels):
                yield self._tried("threshold", name, self._replayed(variant(level)), threshold=level)

    def _replayed(self, policy: Policy) -> list[Replayed]:
        return [replay(policy, recording, prices=self._prices, dearest=self._dearest) for recording in self._log]

    def _tried(self, kind: Kind, name: str, ends: Sequence[Replayed], **told: Any) -> Point:
        known = [(end.cost.known, end.right.known) for end in ends]
        done = [_Single(c, bool(r)) if c is not None and r is not None else None for c, r in known]
        bounds = (_mean_range([end.cost for end in ends]), _mean_range([end.right for end in ends]))
        return self._point(kind, name, done, bounds=bounds if None in done else None, **told)

    def _point(self, kind: Kind, name: str, done: Sequence[_Single | None], **told: Any) -> Point:
        pairs = [(one, top) for one, top in zip(done, self._top, strict=True) if one is not None]
        costs, tops = [float(one.cost_nusd) for one, _ in pairs], [top for _, top in pairs]
        rights = [float(one.right) for one, _ in pairs]
        return Point(
            kind,
            name,
            cost=mean(costs),
            of_top=ratio(costs, tops),
            right=share(int(sum(rights)), len(pairs)),
            per_right=ratio(costs, rights),
            open=len(done) - len(pairs),
            **told,
        )

    def _mixed(self, cheap: Point, top: Point, policy: Point, tiers: tuple[str, str]) -> Iterator[Point]:
        """The tasks dealt out by lot between two tiers, at the policy's cost: what its choice must do better than."""
        low, high, here = (point.cost.value or 0.0 for point in (cheap, top, policy))
        if not low < high or not low <= here <= high:
            return
        part, slope = (here - low) / (high - low), ((top.right.value or 0) - (cheap.right.value or 0)) / (high - low)
        pairs = [tuple(singles[tier] for tier in tiers) for singles in self._singles]
        right = widened(
            mean([one.right + part * (other.right - one.right) for one, other in pairs]), policy.cost, slope
        )
        yield Point(
            "mix",
            "random mix of the same cost",
            cost=policy.cost,
            of_top=policy.of_top,
            right=right,
            per_right=divided(policy.cost, right),
        )


def _best(singles: _Singles) -> _Single:
    """What somebody does who knows beforehand: the cheapest tier that is right, the cheapest of all where none is."""
    return min(singles.values(), key=lambda one: (not one.right, one.cost_nusd))


def _mean_range(ranges: Sequence[Range]) -> tuple[float, float]:
    return sum(each.low for each in ranges) / len(ranges), sum(each.high for each in ranges) / len(ranges)


_Variant: TypeAlias = Callable[[float], Policy]


def _sweeps(policy: Policy, ends: Sequence[Replayed]) -> Iterator[tuple[str, list[float], _Variant]]:
    """
    What could be set otherwise: its name, the values that the traffic has of it, and the policy with another one. Where
    a promise is made, another level by eye would void its certificate, so it is tried as what the promise does without.
    """
    without = "" if policy.promise is None else "without the promise: "
    for check in policy.checks:
        if isinstance(check, Confidence) and check.severity != "warn":
            yield f"{without}{check.name} at_least", _levels(policy, check, ends), _other_level(policy, check)
    if policy.certified is not None:
        trusts = [a.verdict.trust for end in ends for a in end.trail if a.verdict and a.verdict.trust is not None]
        yield "trust", trusts, lambda level: _trusting(policy, level)


def _levels(policy: Policy, check: Confidence, ends: Sequence[Replayed]) -> list[float]:
    found = []
    for end in ends:
        for tier, replies in end.recording.replies.items():
            if tier in policy.path and check.applies_to(tier) and replies[0].failure is None:
                levels = check.levels(replies[0].reading(policy.output), policy.output)
                found += [min(levels.values())] if levels else []
    return found


def _other_level(policy: Policy, check: Confidence) -> _Variant:
    def variant(level: float) -> Policy:
        other = check.model_copy(update={"at_least": level})
        checks = tuple(other if each is check else each for each in policy.checks)
        return _changed(policy, checks=checks, promise=None, certificate=None)

    return variant


def _trusting(policy: Policy, threshold: float) -> Policy:
    """The policy with one certified threshold for all its tiers."""
    known = policy.certified
    assert known is not None, "only a policy that holds a certificate is swept"
    levels = {tier: level.model_copy(update={"threshold": threshold}) for tier, level in known.levels.items()}
    return _changed(policy, certificate=known.model_copy(update={"levels": levels}))


def _changed(policy: Policy, **changes: Any) -> Policy:
    """Another version, bound to the same tiers, with nothing left of what was worked out for this one."""
    fields = {name: getattr(policy, name) for name in Policy.model_fields}
    return Policy.model_construct(policy.model_fields_set | changes.keys(), **fields | changes)


def _spaced(values: Sequence[float]) -> list[float]:
    """Thresholds at even shares of the values, from one that nothing is under to one that most is."""
    if not values:
        return []
    ordered = sorted(values)
    picked = [ordered[i * (len(ordered) - 1) // THRESHOLDS] for i in range(THRESHOLDS + 1)]
    return sorted({0.0, *(round(value, 9) for value in picked), 1.0})
