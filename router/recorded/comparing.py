"""Two versions of a policy on the same recorded traffic: what they decide, and what that costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..estimate import NOTHING, Estimate, share
from ..proportion import Proportion, paired_difference
from .replayed import Missing, Range, Replayed
from .spread import Statistic, mean, p95, resampled

Unit: TypeAlias = Literal["share", "nusd", "ms"]
_Known: TypeAlias = Callable[[Replayed], Range | None]


@dataclass(frozen=True, slots=True)
class Moved:
    """A task that ends otherwise: at another tier, or in another way."""

    task: str
    old: str
    new: str
    old_cost: Range
    new_cost: Range


@dataclass(frozen=True, slots=True)
class Measure:
    """
    A number of both versions and their difference, over the `tasks` of which it is known for both.

    `bounds` are what it may be over all tasks, old and new, where it is not known for some.
    """

    name: str
    unit: Unit
    tasks: int
    old: Estimate
    new: Estimate
    difference: Estimate
    bounds: tuple[tuple[float, float], tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    `outcomes` counts tasks by how they end under the old and the new version: the tier whose output is accepted, or a
    status. `missing` counts what the log lacks for either.
    """

    tasks: int
    outcomes: Mapping[tuple[str, str], int]
    moved: tuple[Moved, ...]
    measures: tuple[Measure, ...]
    missing: tuple[Mapping[Missing, int], Mapping[Missing, int]]
    repeated: tuple[int, int]

    @property
    def changed(self) -> Proportion:
        return Proportion(len(self.moved), self.tasks)


def compare(old: Sequence[Replayed], new: Sequence[Replayed]) -> Comparison:
    """Hold the two ends of each task side by side; both are in the same order."""
    pairs = list(zip(old, new, strict=True))
    return Comparison(
        tasks=len(pairs),
        outcomes=Counter((outcome(one), outcome(other)) for one, other in pairs),
        moved=tuple(_moved(one, other) for one, other in pairs if outcome(one) != outcome(other)),
        measures=(
            _share("escalated", pairs, _escalated),
            _number("cost a task", "nusd", pairs, lambda one: one.cost, mean),
            _number("latency, mean", "ms", pairs, _latency, mean),
            _number("latency, 95th percentile", "ms", pairs, _latency, p95),
            _share("accepted although wrong", pairs, lambda one: one.wrong),
            _share("accepted and right", pairs, lambda one: one.right),
        ),
        missing=(_missing(old), _missing(new)),
        repeated=(sum(bool(one.repeated) for one in old), sum(bool(one.repeated) for one in new)),
    )


def outcome(one: Replayed) -> str:
    """How a task ends, in a word: the tier whose output is accepted, or the status."""
    return one.tier if one.status == "succeeded" and one.tier is not None else one.status


def _moved(old: Replayed, new: Replayed) -> Moved:
    return Moved(old.recording.id, outcome(old), outcome(new), old.cost, new.cost)


def _escalated(one: Replayed) -> Range:
    return Range(0, 1) if one.escalated is None else Range(int(one.escalated), int(one.escalated))


def _latency(one: Replayed) -> Range | None:
    return Range(one.latency_ms, one.latency_ms) if one.end is not None else None


def _missing(replayed: Sequence[Replayed]) -> Counter[Missing]:
    return Counter(missing for one in replayed for missing in one.missing)


_Pairs: TypeAlias = Sequence[tuple[Replayed, Replayed]]


def _share(name: str, pairs: _Pairs, known: _Known) -> Measure:
    cells = Counter(_values(pairs, known))
    both, first, second, neither = (cells[cell] for cell in ((1, 1), (1, 0), (0, 1), (0, 0)))
    of = both + first + second + neither
    difference = paired_difference(both, first, second, neither)
    return Measure(
        name,
        "share",
        of,
        share(both + first, of),
        share(both + second, of),
        Estimate(difference[0] if of else None, *difference[1:]),
        _bounds(pairs, known, of),
    )


def _number(name: str, unit: Unit, pairs: _Pairs, known: _Known, statistic: Statistic) -> Measure:
    values = _values(pairs, known)
    if not values:
        return Measure(name, unit, 0, NOTHING, NOTHING, NOTHING, _bounds(pairs, known, 0))
    old, new, difference = resampled(statistic, *zip(*values, strict=True))
    return Measure(name, unit, len(values), old, new, difference, _bounds(pairs, known, len(values)))


def _values(pairs: _Pairs, known: _Known) -> list[tuple[int, int]]:
    """The numbers of the tasks of which they are known for both."""
    found = []
    for old, new in pairs:
        one, other = known(old), known(new)
        if one is not None and other is not None and one.known is not None and other.known is not None:
            found.append((one.known, other.known))
    return found


def _bounds(pairs: _Pairs, known: _Known, of: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The least and the most that each version's mean over all tasks can be; None where nothing is open."""
    old, new = ([known(pair[side]) for pair in pairs] for side in (0, 1))
    if of == len(pairs) or None in old or None in new:
        return None
    return _mean_range(old), _mean_range(new)


def _mean_range(ranges: Sequence[Range | None]) -> tuple[float, float]:
    found = [each for each in ranges if each is not None]
    return sum(each.low for each in found) / len(found), sum(each.high for each in found) / len(found)
