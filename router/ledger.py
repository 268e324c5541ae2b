"""The ledger: one immutable line per movement of money, and what the lines add up to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from .budget import scopes
from .call import Health, Usage
from .trail import Purpose, Why
from .values import Value
from .verdict import Outcome

Lane: TypeAlias = Literal["interactive", "audit"]
"""Whether a caller waits for what was asked, or it is an audit in the background."""


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
    """
    What a call is for, written before it is sent. `reserved_nusd` is its worst case, `tokens` what it will about take
    of a rate.
    """

    call: str
    task: str
    attempt: int
    position: int
    purpose: Purpose
    why: Why
    tier: str
    model: str
    policy: str
    version: str = ""
    tenant: str
    price_since: str
    simulated: bool = False
    reserved_nusd: int
    tokens: int = 0


class Settlement(Value):
    """
    How a call ended: settled with its cost, void, or unsettled. Nano-dollars. `health` is what this says of the
    deployment that was asked, `tier/deployment`, and `retry_after_ms` how long that wants to be left alone.
    """

    kind: EntryKind
    deployment: str = ""
    health: Health = Health.UNTOLD
    retry_after_ms: int = 0
    cost_nusd: int = 0
    usage: Usage | None = None
    latency_ms: int = 0


class Entry(Value):
    """
    One line of the ledger. `amount_nusd` is the reservation, the cost, or the bound of an unknown outcome. The first
    line of a call is its reservation; `day` (since 1970, UTC) says where all of the call is booked.

    Of an attempt, `failure` says what kept it from an answer (a kind of failure, the limit that refused it,
    `unpriced`), and `escalated` that another tier was to be asked after it.
    """

    kind: EntryKind
    at_ms: int
    task: str
    attempt: int
    tier: str
    policy: str
    version: str = ""
    tenant: str
    why: Why
    call: str | None = None
    purpose: Purpose | None = None
    model: str | None = None
    amount_nusd: int = 0
    overrun_nusd: int = 0
    day: int | None = None
    price_since: str | None = None
    simulated: bool = False
    usage: Usage | None = None
    latency_ms: int = 0
    outcome: Outcome | None = None
    accepted: bool = False
    escalated: bool = False
    failure: str = ""
    checks: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """Whether somebody waits for what was asked."""
        return "audit" if self.why == "audit" else "interactive"

    @property
    def reason(self) -> str:
        """Why a model was asked: that of the attempt, or the check that wanted more than the answer."""
        return _WANTED_BY.get(self.purpose or "answer", self.why)

    @property
    def scopes(self) -> tuple[str, ...]:
        return scopes(tenant=self.tenant, policy=self.policy, tier=self.tier, why=self.why)


class Balance(Value):
    """What the ledger comes to, in nano-dollars; `overrun` is a part of `settled`: what was above the worst case."""

    reserved_nusd: int = 0
    settled_nusd: int = 0
    unsettled_nusd: int = 0
    overrun_nusd: int = 0
    calls: int = 0


class Tally:
    """Balances by name, as they stand after each line that is added."""

    def __init__(self, names: Callable[[Entry], Iterable[str]]) -> None:
        self._names = names
        self._sums: dict[str, Counter[str]] = defaultdict(Counter)
        self._standing: dict[str, tuple[tuple[str, ...], str, int]] = {}

    def add(self, entry: Entry) -> tuple[str, ...]:
        """Book one line; returns the names of the balances that it moved, which its call's first line says."""
        if entry.call is None:
            return ()
        names, before, held = self._standing.get(entry.call, ((), "", 0))
        if not names:
            names = tuple(self._names(entry))
        where = _BALANCE_OF[entry.kind]
        for name in names:
            sums = self._sums[name]
            sums["calls"] += not before
            sums[before] -= held
            sums[where] += entry.amount_nusd
            sums["overrun_nusd"] += entry.overrun_nusd
        self._standing[entry.call] = (names, where, entry.amount_nusd)
        return names

    def balance(self, name: str) -> Balance:
        return Balance(**{amount: self._sums[name][amount] for amount in Balance.model_fields})

    def balances(self) -> dict[str, Balance]:
        return {name: self.balance(name) for name in self._sums}


def fold(entries: Iterable[Entry]) -> Balance:
    """Add the ledger up from its first line: the sum of the store's balances at any moment."""
    tally = Tally(lambda _: ("all",))
    for entry in entries:
        tally.add(entry)
    return tally.balance("all")


def fold_days(entries: Iterable[Entry]) -> dict[str, Balance]:
    """Add the ledger up by scope and day: what the store's balances of those names must equal at any moment."""
    tally = Tally(_day_names)
    for entry in entries:
        tally.add(entry)
    return tally.balances()


def whole_since(entries: Iterable[Entry], day: int) -> list[Entry]:
    """
    The lines of the calls that are booked on *day* or later, with those of attempts; for a ledger whose beginning was
    cut: of earlier days some lines may be gone.
    """
    kept: list[Entry] = []
    calls: set[str] = set()
    for entry in entries:
        if entry.kind is EntryKind.RESERVED and entry.call is not None and (entry.day or 0) >= day:
            calls.add(entry.call)
        if entry.call is None or entry.call in calls:
            kept.append(entry)
    return kept


def _day_names(entry: Entry) -> Iterable[str]:
    return (f"{scope}:d{entry.day}" for scope in entry.scopes)


_WANTED_BY: Final = {"sample": "agreement", "judge": "judge"}
CONSULTING: Final = frozenset(_WANTED_BY.values())
"""The reasons of calls that a check wanted beside the answer."""
_BALANCE_OF = {
    EntryKind.RESERVED: "reserved_nusd",
    EntryKind.SETTLED: "settled_nusd",
    EntryKind.VOID: "settled_nusd",
    EntryKind.UNSETTLED: "unsettled_nusd",
}
