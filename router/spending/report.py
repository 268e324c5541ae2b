"""What the counters of costs add up to, by any dimensions and by time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..cost import usd
from ..ledger import CONSULTING
from ..values import iso
from .counters import HOUR_MS, UNJUDGED, Cell, Change, Sums

FROM: Final = "from"
"""The name of the beginning of a group's time among its dimensions."""
DIMENSIONS: Final = ("tier", "policy", "version", "tenant", "model", "lane", "reason", "verdict")
_COMPARABLE: Final = {"policy", "version", "tenant", FROM}
"""Dimensions along which all of a task falls into one group, so that it can be held against another way to do it."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """
    Sums of one group; amounts in nano-dollars. Where groups divide what one task costs, as tiers do, they are not
    `comparable` with what it would have cost otherwise.
    """

    group: Mapping[str, str]
    sums: Sums = field(default_factory=Counter)
    audits_nusd: int = 0
    waste_nusd: int = 0
    comparable: bool = True

    @property
    def calls(self) -> int:
        return self.sums["calls"]

    @property
    def attempts(self) -> int:
        return self.sums["attempts"]

    @property
    def accepted(self) -> int:
        return self.sums["accepted"]

    @property
    def escalated(self) -> int:
        return self.sums["escalated"]

    @property
    def cost_nusd(self) -> int:
        return self.sums["settled"]

    @property
    def doubt_nusd(self) -> int:
        """The most that calls may have cost of which the outcome is unknown, or not known yet."""
        return self.sums["unsettled"] + self.sums["reserved"]

    @property
    def input_tokens(self) -> int:
        return self.sums["input"]

    @property
    def output_tokens(self) -> int:
        return self.sums["output"]

    @property
    def simulated(self) -> bool:
        return self.sums["simulated"] > 0

    @property
    def per_accepted_nusd(self) -> int | None:
        """What an accepted result cost, rejected attempts included; None while nothing was accepted."""
        return self.cost_nusd // self.accepted if self.accepted else None

    @property
    def always_top_nusd(self) -> int | None:
        """What the tasks' first answers would have cost at the top tier; None where that cannot be compared."""
        return self.sums["top"] if self.comparable and self.sums["compared"] else None

    @property
    def saving_nusd(self) -> int | None:
        """What was saved against always asking the top tier, all costs counted: negative where it cost more."""
        return None if self.always_top_nusd is None else self.always_top_nusd - self.cost_nusd

    @property
    def uncompared(self) -> int:
        """Answered tasks of which the price at the top tier is not known, so that the saving leaves them out."""
        return self.sums["answered"] - self.sums["compared"]

    @property
    def unjudged_nusd(self) -> int | None:
        """
        What was paid and no attempt tells of: calls of attempts under way, of tasks that ended meanwhile, and what a
        bill settled later. None where groups divide an attempt, whose checks may ask other tiers.
        """
        told_nusd = self.sums["accepted_cost"] + self.waste_nusd + self.audits_nusd
        return self.cost_nusd - told_nusd if self.comparable else None

    def as_json(self) -> dict[str, object]:
        """Money as decimal strings in dollars; the lower bound of what is unknown is always nothing."""
        return {
            **self.group,
            "calls": self.calls,
            "attempts": self.attempts,
            "accepted": self.accepted,
            "escalated": self.escalated,
            "cost_usd": usd(self.cost_nusd),
            "doubt_usd": usd(self.doubt_nusd),
            "reserved_usd": usd(self.sums["reserved"]),
            "unsettled_low_usd": usd(0),
            "unsettled_high_usd": usd(self.sums["unsettled"]),
            "overrun_usd": usd(self.sums["overrun"]),
            "cost_per_accepted_usd": _usd(self.per_accepted_nusd),
            "accepted_usd": usd(self.sums["accepted_cost"]),
            "waste_usd": usd(self.waste_nusd),
            "audits_usd": usd(self.audits_nusd),
            "unjudged_usd": _usd(self.unjudged_nusd),
            "always_top_usd": _usd(self.always_top_nusd),
            "saving_usd": _usd(self.saving_nusd),
            "uncompared": self.uncompared,
            "cache_saving_usd": usd(self.sums["cache_saved"]),
            "input_tokens": self.input_tokens,
            "cached_input_tokens": self.sums["cached"],
            "output_tokens": self.output_tokens,
            "reasoning_tokens": self.sums["reasoning"],
            "simulated": self.simulated,
        }


def costs(
    counts: Iterable[Change], by: Sequence[str], *, since_ms: int = 0, bucket_ms: int | None = None
) -> list[CostRow]:
    """
    Add counters up by the given dimensions, dearest group first; only hours count that end after *since_ms*.

    With *bucket_ms* (whole hours) by time, too: each group is `from` the beginning of so many ms of Unix time, the
    earliest first. By verdict, what attempts cost stands with theirs, and what no attempt tells of with none: less
    than nothing only where attempts of that time, or step of time, were judged on calls of the time before it.
    """
    rows: dict[tuple[object, ...], _Row] = {}
    places = [Cell._fields.index(name) for name in by]
    new = (change for change in counts if (change.hour + 1) * HOUR_MS > since_ms)
    for change in _by_verdict(new, bucket_ms) if "verdict" in by else new:
        began_ms = _began_ms(change, bucket_ms)
        key = began_ms, *(change.cell[place] for place in places)
        row = rows.get(key)
        if row is None:
            row = rows[key] = _Row(_group(change.cell, by, began_ms if bucket_ms is not None else None))
        row.add(change)
    comparable = set(by) <= _COMPARABLE
    found = [row.done(comparable=comparable) for row in rows.values() if any(row.sums.values())]
    return sorted(found, key=lambda row: (row.group.get(FROM, ""), -row.cost_nusd, *row.group.values()))


def total(rows: Iterable[CostRow]) -> CostRow:
    """One row with the sums of all."""
    listed, sums = list(rows), Counter[str]()
    for row in listed:
        sums.update(row.sums)
    return CostRow(
        group={},
        sums=sums,
        audits_nusd=sum(row.audits_nusd for row in listed),
        waste_nusd=sum(row.waste_nusd for row in listed),
    )


@dataclass(slots=True)
class _Row:
    group: dict[str, str]
    sums: Sums = field(default_factory=Counter)
    audits_nusd: int = 0
    waste_nusd: int = 0

    def add(self, change: Change) -> None:
        self.sums.update(change.sums)
        if change.cell.lane == "audit":
            self.audits_nusd += change.sums["settled"]
        else:
            self.waste_nusd += change.sums["judged"] - change.sums["accepted_cost"]

    def done(self, *, comparable: bool) -> CostRow:
        return CostRow(self.group, self.sums, self.audits_nusd, self.waste_nusd, comparable)


def _began_ms(change: Change, bucket_ms: int | None) -> int:
    """When the step of time began that a change falls into; 0 where all of time is one."""
    at_ms = change.hour * HOUR_MS
    return at_ms - at_ms % bucket_ms if bucket_ms is not None else 0


def _by_verdict(changes: Iterable[Change], bucket_ms: int | None) -> Iterator[Change]:
    """What attempts cost stands with their verdicts, and is taken from what stands without one in the same time."""
    had: dict[tuple[int, str, str, str, str], Counter[Cell]] = defaultdict(Counter)
    left: dict[tuple[int, str, str, str, str], Counter[Cell]] = defaultdict(Counter)
    for change in changes:
        yield change
        cell, judged_nusd = change.cell._replace(verdict=UNJUDGED), change.sums["judged"]
        began_ms = _began_ms(change, bucket_ms)
        booked_together = began_ms, cell.policy, cell.version, cell.tenant, cell.lane
        had[booked_together][cell] += change.sums["settled"]
        left[booked_together][cell] += change.sums["settled"] - judged_nusd
        if judged_nusd:
            yield change._replace(sums=Counter(settled=judged_nusd))
    for place, cells in left.items():
        for cell, nusd in _evened(cells).items():
            yield Change(place[0] // HOUR_MS, cell, Counter(settled=nusd - had[place][cell]))


def _evened(left: Mapping[Cell, int]) -> Mapping[Cell, int]:
    """
    What attempts took beyond the calls of their own tier and reason comes from those that their checks asked; where
    these are of an earlier time, the sum stays, and one of them owes it.
    """
    owed = -sum(nusd for nusd in left.values() if nusd < 0)
    evened = {cell: max(0, nusd) for cell, nusd in left.items()}
    for cell in sorted(evened, key=lambda cell: (cell.reason not in CONSULTING, -evened[cell], cell)):
        part = min(owed, evened[cell])
        evened[cell] -= part
        owed -= part
    if owed:
        evened[min(left, key=left.__getitem__)] -= owed
    return evened


def _group(cell: Cell, by: Sequence[str], began_ms: int | None) -> dict[str, str]:
    began = {FROM: iso(began_ms)} if began_ms is not None else {}
    return began | {name: getattr(cell, name) for name in by}


def _usd(nusd: int | None) -> str | None:
    return None if nusd is None else usd(nusd)
