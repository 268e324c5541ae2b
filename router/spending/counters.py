"""Counters of costs: what each line of the ledger adds to the sums of its hour."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from ..ledger import Entry, EntryKind
from ..timings import BOUNDS_MS

HOUR_MS: Final = 3_600_000
HOURS_A_DAY: Final = 24
_DAY_MS: Final = HOUR_MS * HOURS_A_DAY
DAYS_KEPT: Final = 35
"""How long counters of an hour are kept (`count.lua`)."""
KEPT_MS: Final = DAYS_KEPT * _DAY_MS

UNJUDGED: Final = "-"
"""The verdict of calls: it is attempts that are judged."""
OTHER: Final = ":other"
"""Stands for the tenants for whom an hour has no counters of their own. No tenant has a colon in its name."""

TOOK: Final = tuple(f"took_{i}" for i in range(len(BOUNDS_MS) + 1))
"""How many calls took up to each bound of `timings`, and longer than the bound before."""
MEASURES: Final = (
    "attempts",
    "calls",
    "settled",
    "reserved",
    "unsettled",
    "overrun",
    "input",
    "cached",
    "output",
    "reasoning",
    "judged",
    "accepted",
    "accepted_cost",
    "escalated",
    "answered",
    "compared",
    "top",
    "cache_saved",
    "simulated",
    "took_ms",
    *TOOK,
)
"""
All that is summed up, in the order in which it is stored: new ones come last. Amounts are nano-dollars.

`judged` is what attempts cost that were made of these calls, `accepted_cost` the part of it that led to a result.
Of `answered` tasks, counted at their first answer, `compared` are those of which the price at their policy's top tier
is known: `top`. `cache_saved` is what cached input would have cost more had it been fresh.
"""

Sums: TypeAlias = Counter[str]
"""By measure; what is not in it is 0."""


class Cell(NamedTuple):
    """What sums are kept by, beside the hour."""

    tier: str
    policy: str
    version: str
    tenant: str
    model: str
    lane: str
    reason: str
    verdict: str

    @property
    def few(self) -> Cell:
        """The same by dimensions that have few values."""
        return self._replace(version="", tenant="", model="")


class Standing(NamedTuple):
    """What a call that is not booked for good stands at (`reserved` or `unsettled`), and in which hour and tenant."""

    hour: int
    where: str
    held_nusd: int
    tenant: str


class Change(NamedTuple):
    """What one line adds to one cell of one hour (since 1970, UTC)."""

    hour: int
    cell: Cell
    sums: Sums


class Prices(Protocol):
    """What calls would have cost otherwise, in nano-dollars."""

    def top(self, entry: Entry) -> int | None:
        """At the top tier of its policy; None where nobody knows."""
        ...

    def cache_saved(self, entry: Entry) -> int:
        """More, had none of the input been cached."""
        ...


class NoPrices:
    """Knows none."""

    def top(self, entry: Entry) -> int | None:
        return None

    def cache_saved(self, entry: Entry) -> int:
        return 0


def _itself(_hour: int, tenant: str) -> str:
    return tenant


class Counting:
    """
    Reads lines of the ledger in their order and says what each changes.

    All that is booked of a call changes the hour and day in which the call is reserved, as balances do; a verdict
    counts in the hour in which it is given. `standing` has the calls that are not booked for good, `unanswered` the
    tasks that no attempt has got an answer for; *tenant* says under which name a tenant stands in an hour.
    """

    def __init__(
        self,
        standing: Mapping[str, Standing] | None = None,
        unanswered: Iterable[str] = (),
        *,
        tenant: Callable[[int, str], str] = _itself,
        prices: Prices | None = None,
    ) -> None:
        self.standing = dict(standing or {})
        self.unanswered = set(unanswered)
        self._tenant = tenant
        self._prices = prices or NoPrices()

    def add(self, entry: Entry) -> Change:
        return self._attempt(entry) if entry.call is None else self._call(entry, entry.call)

    def _call(self, entry: Entry, call: str) -> Change:
        standing, sums = self.standing.pop(call, None), Counter[str]()
        if standing is None:
            hour = hour_of(entry)
            standing = Standing(hour, "reserved", 0, self._tenant(hour, entry.tenant))
            sums.update(calls=1, simulated=int(entry.simulated))
        where = _WHERE[entry.kind]
        sums[standing.where] -= standing.held_nusd
        sums[where] += entry.amount_nusd
        sums["overrun"] += entry.overrun_nusd
        if where != "settled":
            self.standing[call] = standing._replace(where=where, held_nusd=entry.amount_nusd)
        self._use(entry, sums)
        return Change(standing.hour, _cell(entry, standing.tenant, UNJUDGED), sums)

    def _use(self, entry: Entry, sums: Sums) -> None:
        if entry.latency_ms:
            sums.update({"took_ms": entry.latency_ms, TOOK[bisect_left(BOUNDS_MS, entry.latency_ms)]: 1})
        usage = entry.usage
        if usage is None:
            return
        sums.update(
            input=usage.input_tokens,
            cached=usage.cached_input_tokens,
            output=usage.output_tokens,
            reasoning=usage.reasoning_tokens,
            cache_saved=self._prices.cache_saved(entry),
        )
        if entry.purpose == "answer" and self._opens(entry):
            self.unanswered.discard(entry.task)
            top_nusd = self._prices.top(entry)
            sums.update(answered=1, compared=int(top_nusd is not None), top=top_nusd or 0)

    def _attempt(self, entry: Entry) -> Change:
        if entry.usage is not None:
            self.unanswered.discard(entry.task)
        elif self._opens(entry):
            self.unanswered.add(entry.task)
        accepted = entry.accepted and entry.lane != "audit"
        sums = Counter(
            attempts=1,
            judged=entry.amount_nusd,
            accepted=int(accepted),
            accepted_cost=entry.amount_nusd if accepted else 0,
            escalated=int(entry.escalated),
            simulated=int(entry.simulated),
        )
        hour = hour_of(entry)
        verdict = str(entry.outcome or entry.failure or "none")
        return Change(hour, _cell(entry, self._tenant(hour, entry.tenant), verdict), sums)

    def _opens(self, entry: Entry) -> bool:
        """Whether a task that somebody waits for had no answer before this."""
        return entry.lane != "audit" and (entry.attempt == 1 or entry.task in self.unanswered)


def counted(entries: Iterable[Entry], prices: Prices | None = None) -> list[Change]:
    """Count the lines of a whole ledger, from its first line on."""
    counting = Counting(prices=prices)
    return summed(counting.add(entry) for entry in entries)


def summed(changes: Iterable[Change]) -> list[Change]:
    """Add up what is of the same cell and hour."""
    cells: dict[tuple[int, Cell], Sums] = {}
    for hour, cell, sums in changes:
        cells.setdefault((hour, cell), Counter()).update(sums)
    return [Change(hour, cell, sums) for (hour, cell), sums in cells.items()]


def hour_of(entry: Entry) -> int:
    """The hour in which a line counts by itself; the first of a day of which nobody knows more."""
    if entry.day is not None and entry.day != entry.at_ms // _DAY_MS:
        return entry.day * HOURS_A_DAY
    return entry.at_ms // HOUR_MS


_WHERE: Final = {
    EntryKind.RESERVED: "reserved",
    EntryKind.SETTLED: "settled",
    EntryKind.VOID: "settled",
    EntryKind.UNSETTLED: "unsettled",
}


def _cell(entry: Entry, tenant: str, verdict: str) -> Cell:
    return Cell(
        tier=entry.tier,
        policy=entry.policy,
        version=entry.version,
        tenant=tenant,
        model=entry.model or "",
        lane=entry.lane,
        reason=entry.reason,
        verdict=verdict,
    )
