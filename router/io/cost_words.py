"""How counters of costs, and what they stand on, are written in Redis: told here and nowhere else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..ledger import Entry
from ..spending.counters import MEASURES, OTHER, Cell, Change, Counting, Standing, Sums
from .commands.scripted import as_text
from .ledger_lines import entry

# field of a hash: the cell's dimensions, with a character between them that is in none
# value:           the cell's sums in the order of MEASURES, as decimal numbers; zeros at the end are left out
# open call:       hour, reserved or unsettled, nano-dollars, tenant

TENANTS_MAX: Final = 200
"""Tenants of an hour that have counters of their own; what further ones spend stands under `OTHER`."""
AT: Final = "@"
"""The field of a hash that has the last line that changed it."""
TENANT: Final = "#"
"""The field of an hour that has how many tenants it counts; with a name behind it, that this is one of them."""
_BETWEEN: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Tail:
    """
    Lines that no counter has yet: those after `counted`, the last that they have ("" for none), with what their calls
    stood at then, and those of their tasks that had no answer.
    """

    counted: str
    now_ms: int
    lines: Sequence[tuple[str, Entry]]
    standing: Mapping[str, Standing]
    unanswered: Sequence[str]

    @property
    def entries(self) -> list[Entry]:
        return [line for _, line in self.lines]

    @property
    def lag_ms(self) -> int:
        """How long the first of them has waited."""
        return max(0, self.now_ms - self.lines[0][1].at_ms) if self.lines else 0


class Places:
    """Which tenants have counters of their own: the first of each hour."""

    def __init__(self, counts: dict[int, int], known: set[tuple[int, str]]) -> None:
        self._counts = counts
        self._known = known
        self._new: dict[int, list[str]] = defaultdict(list)

    def name(self, hour: int, tenant: str) -> str:
        """The name under which a tenant is counted in an hour."""
        if (hour, tenant) in self._known or ":" in tenant:
            return tenant
        if self._counts.get(hour, 0) >= TENANTS_MAX:
            return OTHER
        self._counts[hour] = self._counts.get(hour, 0) + 1
        self._known.add((hour, tenant))
        self._new[hour].append(tenant)
        return tenant

    def words(self, hour: int) -> list[str | int]:
        """The fields that tell of new tenants."""
        new = self._new.get(hour, [])
        marks: list[str | int] = [word for tenant in new for word in (f"{TENANT}{tenant}", 1)]
        return [TENANT, self._counts[hour], *marks] if new else []


def _read_standing(text: str) -> Standing:
    hour, where, held_nusd, tenant = text.split(" ", 3)
    return Standing(int(hour), where, int(held_nusd), tenant)


def standing_words(tail: Tail, counting: Counting) -> list[str | int]:
    """What the script has to know of calls that are not booked for good, and of tasks without an answer."""
    after = counting.standing
    texts = {call: " ".join(map(str, standing)) for call, standing in after.items()}
    changed = [call for call, standing in after.items() if tail.standing.get(call) != standing]
    opened = [call for call in changed if after[call].where == "reserved"]
    doubted = [call for call in changed if after[call].where != "reserved"]
    booked = [call for call in tail.standing if call not in after]
    at_ms = {line.task: line.at_ms for line in tail.entries}
    waiting = sorted(counting.unanswered.difference(tail.unanswered))
    answered = sorted(set(tail.unanswered) - counting.unanswered)
    return [
        *_section([(call, texts[call]) for call in opened]),
        *_section([(call, texts[call]) for call in doubted]),
        *_section([(call,) for call in booked]),
        *_section([(task, at_ms[task]) for task in waiting]),
        *_section([(task,) for task in answered]),
    ]


def _section(rows: Sequence[tuple[str | int, ...]]) -> list[str | int]:
    return [len(rows), *(word for row in rows for word in row)]


def added_words(changes: Sequence[Change], kept: Sequence[Sums]) -> list[str | int]:
    """Fields and values of cells with what is added."""
    words: list[str | int] = []
    for change, sums in zip(changes, kept, strict=True):
        sums.update(change.sums)
        words += [cell_field(change.cell), _sums_text(sums)]
    return words


def cell_field(cell: Cell) -> str:
    return _BETWEEN.join(cell)


def _sums_text(sums: Sums) -> str:
    """The sums in the order of `MEASURES`, without the zeros at the end."""
    values = [sums[name] for name in MEASURES]
    while values and not values[-1]:
        values.pop()
    return " ".join(map(str, values))


def read_sums(text: bytes | None) -> Sums:
    values = zip(MEASURES, (text or b"").split(), strict=False)
    return Counter({name: int(value) for name, value in values if value != b"0"})


def read_cells(hour: int, fields: Mapping[str, bytes]) -> list[Change]:
    return [
        Change(hour, Cell(*name.split(_BETWEEN)), read_sums(text)) for name, text in fields.items() if _BETWEEN in name
    ]


def read_tail(reply: Sequence[Any]) -> Tail:
    counted, now_ms, lines, standing, unanswered = reply
    texts = [as_text(word) for word in standing]
    return Tail(
        counted=as_text(counted),
        now_ms=int(now_ms),
        lines=[entry(line) for line in lines],
        standing={call: _read_standing(text) for call, text in zip(texts[::2], texts[1::2], strict=True)},
        unanswered=[as_text(task) for task in unanswered],
    )
