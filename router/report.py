"""What the ledger's lines add up to, by tier, policy, tenant, model or reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .cost import usd
from .ledger import Entry, EntryKind

DIMENSIONS: Final = ("tier", "policy", "version", "tenant", "model", "reason")


@dataclass(slots=True)
class CostRow:
    """Sums of one group; amounts in nano-dollars. `doubt_nusd` bounds calls whose outcome is unknown."""

    group: Mapping[str, str]
    calls: int = 0
    attempts: int = 0
    accepted: int = 0
    escalated: int = 0
    cost_nusd: int = 0
    doubt_nusd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    simulated: bool = False

    @property
    def per_accepted_nusd(self) -> int | None:
        """What an accepted result cost, rejected attempts included; None while nothing was accepted."""
        return self.cost_nusd // self.accepted if self.accepted else None

    def as_json(self) -> dict[str, object]:
        """Money as decimal strings in dollars."""
        per_accepted = self.per_accepted_nusd
        return {
            **self.group,
            "calls": self.calls,
            "attempts": self.attempts,
            "accepted": self.accepted,
            "escalated": self.escalated,
            "cost_usd": usd(self.cost_nusd),
            "doubt_usd": usd(self.doubt_nusd),
            "cost_per_accepted_usd": None if per_accepted is None else usd(per_accepted),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "simulated": self.simulated,
        }


def costs(entries: Iterable[Entry], by: Sequence[str], *, since_ms: int = 0) -> list[CostRow]:
    """Add the lines up by the given dimensions, dearest group first. Calls count at their last booking."""
    last: dict[str, Entry] = {}
    rows: dict[tuple[str, ...], CostRow] = {}
    passed: dict[tuple[str, int], Entry] = {}
    for entry in entries:
        if entry.at_ms < since_ms:
            continue
        if entry.call is not None:
            last[entry.call] = entry
        else:
            passed[entry.task, entry.attempt] = entry
    for entry in last.values():
        _add_call(_row(rows, entry, by), entry)
    for entry in passed.values():
        row = _row(rows, entry, by)
        row.attempts += 1
        row.accepted += entry.accepted and entry.why != "audit"
        following = passed.get((entry.task, entry.attempt + 1))
        row.escalated += following is not None and following.tier != entry.tier
    return sorted(rows.values(), key=lambda row: (-row.cost_nusd, *row.group.values()))


def total(rows: Iterable[CostRow]) -> CostRow:
    """One row with the sums of all."""
    sums: dict[str, int] = defaultdict(int)
    simulated = False
    for row in rows:
        simulated |= row.simulated
        for name in _SUMMED:
            sums[name] += getattr(row, name)
    return CostRow(group={}, simulated=simulated, **sums)


_SUMMED = (
    "calls",
    "attempts",
    "accepted",
    "escalated",
    "cost_nusd",
    "doubt_nusd",
    "input_tokens",
    "output_tokens",
)


def _row(rows: dict[tuple[str, ...], CostRow], entry: Entry, by: Sequence[str]) -> CostRow:
    group = {name: str(getattr(entry, "why" if name == "reason" else name)) for name in by}
    return rows.setdefault(tuple(group.values()), CostRow(group))


def _add_call(row: CostRow, entry: Entry) -> None:
    row.calls += 1
    row.simulated |= entry.simulated
    if entry.kind is EntryKind.SETTLED:
        row.cost_nusd += entry.amount_nusd
    elif entry.kind in (EntryKind.UNSETTLED, EntryKind.RESERVED):
        row.doubt_nusd += entry.amount_nusd
    if entry.usage is not None:
        row.input_tokens += entry.usage.input_tokens
        row.output_tokens += entry.usage.output_tokens
