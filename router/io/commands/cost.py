"""The counters of costs in Redis: how lines of the ledger get into them, and what they are read as. No I/O."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...ledger import Entry
from ...spending.counters import HOUR_MS, KEPT_MS, Change, Counting, Sums, hour_of, summed
from ...spending.pricing import Pricing, Rungs
from ..cost_words import (
    AT,
    TENANT,
    Places,
    Tail,
    added_words,
    cell_field,
    read_cells,
    read_sums,
    read_tail,
    standing_words,
)
from ..packing import unpack
from ..redis_link import Command, Flow
from .scripted import Scripted, as_pairs, as_text

PAGE: Final = 1000
"""Lines that are counted at once: Lua holds Redis for everyone."""
_HOURS_AT_ONCE: Final = 20
"""Whoever reads in an event loop lets others go on between them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """
    Counters as they are read, from the beginning of an hour on, and behind them what lines change that they do not have
    yet; `lag_ms` says how old the first of these was.
    """

    changes: Sequence[Change]
    since_ms: int
    lag_ms: int


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many lines were cut from the ledger's beginning, and how many should have been that may not be."""

    cut: int = 0
    held: int = 0


class CostCommands(Scripted):
    """Counts lines of the ledger, reads what was counted, and cuts the ledger behind that."""

    def tail(self, after: str = "", *, at_most: int = PAGE) -> Command[Tail]:
        """Lines that are not counted yet, from the one after that id on."""
        return self._script("tail", [after, at_most], read_tail)

    def count(self, pricing: Pricing, *, at_most: int = PAGE) -> Flow[int]:
        """
        Count the next lines; returns how many, 0 where there are none or somebody else counted them.

        Any number may do so at once, and repeat it: each line is counted once.
        """
        (tail,) = yield [self.tail(at_most=at_most)]
        if not tail.lines:
            return 0
        yield from self._learn(pricing, tail.entries)
        places = yield from self._places(tail.entries)
        counting = Counting(tail.standing, tail.unanswered, tenant=places.name, prices=pricing)
        changes = [counting.add(line) for line in tail.entries]
        words = [tail.counted, tail.lines[-1][0]]
        words += yield from self._hours(summed(changes), places)
        words += yield from self._all(changes)
        words += standing_words(tail, counting)
        (done,) = yield [self._script("count", words, as_text)]
        return len(tail.lines) if done == "ok" else 0

    def counted(self, pricing: Pricing, *, back_ms: int | None = None) -> Flow[Counted]:
        """
        What is counted by the hour, with the lines that are not: of all hours that are kept, or of those that the time
        of so many ms back from now touches; what is told never begins before what is kept.
        """
        ends, now_ms, lag_ms = yield from self._uncounted(pricing)
        since_ms = 0 if back_ms is None else now_ms - min(back_ms, KEPT_MS)
        words = ("ZRANGEBYSCORE", self.keys.cost_hours, since_ms // HOUR_MS, "+inf")
        (hours,) = yield [Command(words, lambda reply: [int(hour) for hour in reply])]
        known: dict[int, str] = {}
        changes: list[Change] = []
        for start in range(0, len(hours), _HOURS_AT_ONCE):
            some = hours[start : start + _HOURS_AT_ONCE]
            replies = yield [Command(("HGETALL", self.keys.cost(hour)), as_pairs) for hour in some]
            for hour, fields in zip(some, replies, strict=True):
                known[hour] = as_text(fields.get(AT, b""))
                changes += read_cells(hour, fields)
        late = [change for at, change in ends if _later(at, known.get(change.hour, ""))]
        changes += [change for change in late if change.hour >= since_ms // HOUR_MS]
        return Counted(changes, since_ms - since_ms % HOUR_MS, lag_ms)

    def counted_ever(self, pricing: Pricing | None = None) -> Flow[Counted]:
        """What was counted since the beginning, by the few dimensions of `Cell.few`; the hour is 0."""
        ends, _, lag_ms = yield from self._uncounted(pricing)
        (fields,) = yield [Command(("HGETALL", self.keys.cost("all")), as_pairs)]
        known = as_text(fields.get(AT, b""))
        late = [Change(0, change.cell.few, change.sums) for at, change in ends if _later(at, known)]
        return Counted([*read_cells(0, fields), *late], 0, lag_ms)

    def trim(self, *, keep_days: int, lines_max: int, at_most: int = PAGE) -> Command[Trimmed]:
        """Cut some lines that are counted, and old or too many; none is cut that an archiver did not read yet."""
        words = [keep_days * 24 * HOUR_MS, lines_max, at_most]
        return self._script("trim", words, lambda reply: Trimmed(*map(int, reply)))

    def cut(self) -> Command[int | None]:
        """When the last line was written that was cut, Unix ms; None where none was."""
        return Command(("GET", self.keys.ledger_cut), lambda reply: _ms(as_text(reply)) if reply else None)

    def _learn(self, pricing: Pricing, entries: Iterable[Entry]) -> Flow[None]:
        versions = pricing.unknown(entries)
        if versions:
            replies = yield [Command(("GET", self.keys.policy(version)), _rungs) for version in versions]
            for version, rungs in zip(versions, replies, strict=True):
                pricing.learn(version, rungs)

    def _places(self, entries: Iterable[Entry]) -> Flow[Places]:
        """Which tenants have counters of their own, in the hours of these lines."""
        wanted: dict[int, set[str]] = defaultdict(set)
        for line in entries:
            wanted[hour_of(line)].add(line.tenant)
        fields = [(hour, [TENANT, *(f"{TENANT}{name}" for name in sorted(names))]) for hour, names in wanted.items()]
        replies = yield [Command(("HMGET", self.keys.cost(hour), *names), list) for hour, names in fields]
        counts, known = {}, set()
        for (hour, names), (count, *found) in zip(fields, replies, strict=True):
            counts[hour] = int(count or 0)
            known |= {(hour, name[1:]) for name, there in zip(names[1:], found, strict=True) if there}
        return Places(counts, known)

    def _hours(self, changes: Sequence[Change], places: Places) -> Flow[list[str | int]]:
        by_hour: dict[int, list[Change]] = defaultdict(list)
        for change in changes:
            by_hour[change.hour].append(change)
        kept = yield [self._read(self.keys.cost(hour), part) for hour, part in by_hour.items()]
        words: list[str | int] = [len(by_hour)]
        for (hour, part), sums in zip(by_hour.items(), kept, strict=True):
            fields = [*added_words(part, sums), *places.words(hour)]
            words += [hour, len(fields) // 2, *fields]
        return words

    def _all(self, changes: Iterable[Change]) -> Flow[list[str | int]]:
        few = summed(Change(0, change.cell.few, change.sums) for change in changes)
        (kept,) = yield [self._read(self.keys.cost("all"), few)]
        fields = added_words(few, kept)
        return [len(fields) // 2, *fields]

    def _read(self, key: str, changes: Sequence[Change]) -> Command[list[Sums]]:
        """What the cells of these changes have now."""
        words = ("HMGET", key, *(cell_field(change.cell) for change in changes))
        return Command(words, lambda reply: [read_sums(text) for text in reply])

    def _uncounted(self, pricing: Pricing | None) -> Flow[tuple[list[tuple[str, Change]], int, int]]:
        """
        What the lines change that are not counted, with their ids; the time; how long the first has waited.

        Others go on counting meanwhile, so what is read of an hour afterwards may have some of them: each line changes
        one hour, whose `@` says up to which line it has all.
        """
        (tail,) = yield [self.tail()]
        counting, found = Counting(prices=pricing), list[tuple[str, Change]]()
        first, after = tail, ""
        while tail.lines:
            if pricing is not None:
                yield from self._learn(pricing, tail.entries)
            if after and not _later(tail.counted, after):
                counting.standing = {**tail.standing, **counting.standing}
                counting.unanswered |= {*tail.unanswered}
            else:
                counting.standing, counting.unanswered = dict(tail.standing), {*tail.unanswered}
            found += [(at, counting.add(line)) for at, line in tail.lines]
            if len(tail.lines) < PAGE:
                break
            after = tail.lines[-1][0]
            (tail,) = yield [self.tail(after)]
        return found, first.now_ms, first.lag_ms


def _rungs(reply: bytes | None) -> Rungs | None:
    return Rungs.of(json.loads(unpack(reply, "a version of a policy that was spent for"))) if reply else None


def _later(at: str, other: str) -> bool:
    return _order(at) > _order(other)


def _order(at: str) -> tuple[int, int]:
    ms, _, number = at.partition("-")
    return int(ms or 0), int(number or 0)


def _ms(at: str) -> int:
    return _order(at)[0]
