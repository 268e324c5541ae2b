"""The ledger: one immutable line per movement of money, and what the lines add up to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .call import Usage
from .trail import Purpose, Why
from .values import Value
from .verdict import Outcome


class EntryKind(StrEnum):
    """
    RESERVED: the worst case was set aside. SETTLED: the true cost is booked. VOID: nothing was charged.
    UNSETTLED: the outcome is unknown, at most the reservation was charged. ATTEMPT moves no money: it sums the calls of
    an attempt up and says what the checks made of it.
    """

    RESERVED = "reserved"
    SETTLED = "settled"
    VOID = "void"
    UNSETTLED = "unsettled"
    ATTEMPT = "attempt"


class Intent(Value):
    """What a call is for, written before it is sent. `reserved_nusd` is its worst case."""

    call: str
    task: str
    attempt: int
    position: int
    purpose: Purpose
    why: Why
    tier: str
    model: str
    policy: str
    tenant: str
    price_since: str
    simulated: bool = False
    reserved_nusd: int


class Settlement(Value):
    """How a call ended: settled with its cost, void, or unsettled. Nano-dollars."""

    kind: EntryKind
    cost_nusd: int = 0
    usage: Usage | None = None
    latency_ms: int = 0


class Entry(Value):
    """One line of the ledger. `amount_nusd` is the reservation, the cost, or the bound of an unknown outcome."""

    kind: EntryKind
    at_ms: int
    task: str
    attempt: int
    tier: str
    policy: str
    tenant: str
    why: Why
    call: str | None = None
    purpose: Purpose | None = None
    model: str | None = None
    amount_nusd: int = 0
    reserved_nusd: int = 0
    overrun_nusd: int = 0
    price_since: str | None = None
    simulated: bool = False
    usage: Usage | None = None
    latency_ms: int = 0
    outcome: Outcome | None = None
    accepted: bool = False
    checks: tuple[str, ...] = ()
    ended: str | None = None


class Balance(Value):
    """What the ledger comes to, in nano-dollars; `overrun` is a part of `settled`: what was above the worst case."""

    reserved_nusd: int = 0
    settled_nusd: int = 0
    unsettled_nusd: int = 0
    overrun_nusd: int = 0
    calls: int = 0


def fold(entries: Iterable[Entry]) -> Balance:
    """Add the ledger up from its first line: the sums that the store's balances must equal at any moment."""
    amounts = dict.fromkeys(("reserved_nusd", "settled_nusd", "unsettled_nusd", "overrun_nusd", "calls"), 0)
    standing: dict[str, tuple[str, int]] = {}
    for entry in entries:
        if entry.call is None:
            continue
        if entry.call in standing:
            where, held = standing[entry.call]
            amounts[where] -= held
        else:
            amounts["calls"] += 1
        where = _BALANCE_OF[entry.kind]
        amounts[where] += entry.amount_nusd
        amounts["overrun_nusd"] += entry.overrun_nusd
        standing[entry.call] = (where, entry.amount_nusd)
    return Balance(**amounts)


_BALANCE_OF = {
    EntryKind.RESERVED: "reserved_nusd",
    EntryKind.SETTLED: "settled_nusd",
    EntryKind.VOID: "settled_nusd",
    EntryKind.UNSETTLED: "unsettled_nusd",
}
