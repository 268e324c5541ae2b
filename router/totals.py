"""What the ledger has come to since its beginning, by few dimensions; but for what is unsettled it only grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .ledger import Entry, EntryKind
from .timings import Timings

Spent: TypeAlias = tuple[str, str, str]
"""Tier, policy, reason for which the tier was asked."""

_ENDS = {EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED}


@dataclass(slots=True)
class Totals:
    """
    Amounts are nano-dollars. `waste` is what attempts cost that were not accepted, audits aside; `attempts` count by
    tier, outcome (or failure) and reason, `escalations` by the tier that was left and its outcome, `accepted` results
    by tier and policy; `took` tells how long the calls to a tier took.
    """

    settled: Counter[Spent] = field(default_factory=Counter)
    overrun: Counter[Spent] = field(default_factory=Counter)
    unsettled: Counter[Spent] = field(default_factory=Counter)
    waste: Counter[Spent] = field(default_factory=Counter)
    attempts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    escalations: Counter[tuple[str, str]] = field(default_factory=Counter)
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    took: dict[str, Timings] = field(default_factory=dict)
    _unknown: dict[str, tuple[Spent, int]] = field(default_factory=dict)

    @property
    def tiers(self) -> set[str]:
        """Every tier that was ever asked."""
        return {tier for tier, *_ in (*self.settled, *self.unsettled, *self.attempts)}

    @property
    def policies(self) -> set[str]:
        """Every policy for which something was asked."""
        return {policy for _, policy, _ in (*self.settled, *self.unsettled)} | {policy for _, policy in self.accepted}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add the next lines of the ledger, in their order."""
        for entry in entries:
            if entry.call is None:
                self._add_attempt(entry)
            elif entry.kind in _ENDS:
                self._add_call(entry, entry.call)

    def _add_call(self, entry: Entry, call: str) -> None:
        spent = (entry.tier, entry.policy, entry.why)
        before, held = self._unknown.pop(call, (spent, 0))
        self.unsettled[before] -= held
        if entry.kind is EntryKind.UNSETTLED:
            self.unsettled[spent] += entry.amount_nusd
            self._unknown[call] = (spent, entry.amount_nusd)
        else:
            self.settled[spent] += entry.amount_nusd
            self.overrun[spent] += entry.overrun_nusd
        if entry.latency_ms:
            self.took.setdefault(entry.tier, Timings()).add(entry.latency_ms)

    def _add_attempt(self, entry: Entry) -> None:
        outcome = entry.outcome or entry.failure or "none"
        self.attempts[entry.tier, outcome, entry.why] += 1
        if entry.escalated:
            self.escalations[entry.tier, outcome] += 1
        if entry.why == "audit":
            return
        self.accepted[entry.tier, entry.policy] += entry.accepted
        if not entry.accepted:
            self.waste[entry.tier, entry.policy, entry.why] += entry.amount_nusd
