"""The ledger, held against its balances and a provider's own bill; and what has to be booked so that they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .bill import BilledCall
from .ledger import Balance, Entry, EntryKind, Intent, Tally

NOBODY = "-"
"""Stands for tier, policy, tenant, task or model of a call of which only the bill knows."""
_CALL_MS_MAX = 3_600_000
_DAY_MS = 86_400_000
_BILLED_BY = ("openai", "")
"""Providers whose bills are sums of days; empty where a model does not say who runs it."""


@dataclass(frozen=True, slots=True)
class Booking:
    """
    What the ledger lacks: a call that was of unknown outcome (`bound_nusd`), or that no line tells of (None), ended so.

    `day` (since 1970, UTC) is where it is booked; None for today, because nobody knows.
    """

    intent: Intent
    kind: EntryKind
    amount_nusd: int
    bound_nusd: int | None
    day: int | None


@dataclass(frozen=True, slots=True)
class BilledDay:
    """
    A day (since 1970, UTC) of a bill, and the bounds of what the ledger says was charged on it. Nano-dollars.

    `simulated` where it had calls of stand-ins, too, which are left out.
    """

    day: int
    billed_nusd: int
    least_nusd: int
    most_nusd: int
    simulated: bool = False

    @property
    def fits(self) -> bool:
        return self.least_nusd <= self.billed_nusd <= self.most_nusd


@dataclass(frozen=True, slots=True)
class Contrast:
    """A call as the ledger's last line has it (`kind` None: no line does) and as it was billed (None: it was not)."""

    call: str
    task: str
    kind: EntryKind | None
    booked_nusd: int
    billed_nusd: int | None


@dataclass(frozen=True, slots=True)
class Unended:
    """Calls whose costs are not known: at most `bound_nusd`, of which `billed_nusd` are on the bill already."""

    calls: tuple[str, ...] = ()
    bound_nusd: int = 0
    billed_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """
    What the ledger says against what the balances and the bill say. Amounts in nano-dollars.

    `off` are balances of a scope and day that differ from the ledger. `differing` are calls settled at another amount
    than billed, `unbooked` billed calls that no line knows or that were booked as free, `unbilled` settled calls that
    the bill does not know, `beyond` unknown outcomes that were billed above their bound; `contrasts` has both sides of
    each. `running` calls are under way, `lacking` ones of unknown outcome that the bill does not have: both may make
    the bill another sum than what is settled. `mended` is what the bill had booked; `simulated` where costs of
    stand-ins are among it all.

    Where the ledger's beginning was cut, `since_day` is the first of which it has all lines: days before it are not
    looked at, and `left_out` calls or days of the bill neither.
    """

    ledger: Balance
    balance: Balance
    off: tuple[str, ...] = ()
    billed_nusd: int | None = None
    differing: tuple[str, ...] = ()
    unbooked: tuple[str, ...] = ()
    unbilled: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)
    running: Unended = Unended()
    lacking: Unended = Unended()
    days: tuple[BilledDay, ...] = ()
    mended: tuple[Booking, ...] = ()
    simulated: bool = False
    since_day: int | None = None
    left_out: int = 0

    @property
    def balanced(self) -> bool:
        return self.ledger == self.balance and not self.off

    @property
    def agrees(self) -> bool:
        """True where everything fits: the bill lies within what is settled and what is bounded."""
        told = self.differing or self.unbooked or self.unbilled or self.beyond
        return self.balanced and not told and all(day.fits for day in self.days)


def audit(
    entries: Iterable[Entry],
    balance: Balance,
    bill: Mapping[str, int] | None = None,
    *,
    balances: Mapping[str, Balance] = MappingProxyType({}),
    later: Iterable[Entry] = (),
) -> Audit:
    """
    Fold the ledger and compare; *bill* maps call ids to nano-dollars, as the provider counts them, and *balances* the
    names of scopes and days (as `ledger.fold_days` has them) to the sums that are kept.

    Where others book meanwhile, *later* are the lines that came while the balances were read: each balance must be what
    the ledger came to after one of them.
    """
    before, after = list(entries), list(later)
    lines = [*before, *after]
    folded = _standing(before, after, {**balances, _ALL: balance})
    off = tuple(sorted(name for name, kept in balances.items() if folded[name] != kept))
    plain = Audit(folded[_ALL], balance, off, simulated=any(line.simulated for line in lines))
    if bill is None:
        return plain
    last = {line.call: line for line in lines if line.call is not None}
    held = replace(
        plain,
        billed_nusd=sum(bill.values()),
        differing=_calls(last, lambda c, e: e.kind is EntryKind.SETTLED and c in bill and bill[c] != e.amount_nusd),
        unbooked=tuple(sorted(c for c, amount in bill.items() if amount and _unbooked(last.get(c)))),
        unbilled=_calls(last, lambda c, e: e.kind is EntryKind.SETTLED and e.amount_nusd > 0 and c not in bill),
        beyond=_calls(last, lambda c, e: e.kind in _OPEN and bill.get(c, 0) > e.amount_nusd),
        running=_unended(last, bill, lambda c, e: e.kind is EntryKind.RESERVED),
        lacking=_unended(last, bill, lambda c, e: e.kind is EntryKind.UNSETTLED and c not in bill),
    )
    odd = (*held.differing, *held.unbooked, *held.unbilled, *held.beyond)
    return replace(held, contrasts={call: _contrast(call, last.get(call), bill.get(call)) for call in odd})


def mend(entries: Iterable[Entry], bill: Mapping[str, BilledCall], *, complete: bool = False) -> tuple[Booking, ...]:
    """
    Say what the bill settles: calls of unknown outcome at what was billed, and calls that the ledger forgot.

    With *complete*, calls of unknown outcome that the bill does not have were not charged. Calls that may still run are
    left to whoever runs them; what the bill contradicts is left as it is.
    """
    spans = _spans(entries)
    known = [
        _settled(first, last, bill, complete) for first, last in spans.values() if last.kind is EntryKind.UNSETTLED
    ]
    lost = [_lost(call, billed) for call, billed in bill.items() if billed.amount_nusd and call not in spans]
    return (*(booking for booking in known if booking), *lost)


def audit_days(entries: Iterable[Entry], bill: Mapping[int, int]) -> tuple[BilledDay, ...]:
    """
    Hold the days of a bill, in nano-dollars, against what the ledger has settled and holds in doubt on each.

    A call around midnight may be billed on either day. Costs that are simulated, and those of providers who send no
    such bills, are left out.
    """
    least, most = dict.fromkeys(bill, 0), dict.fromkeys(bill, 0)
    simulated: set[int] = set()
    for first, last in _spans(entries).values():
        days = _days(first, last)
        if first.simulated:
            simulated |= days
        if first.simulated or _provider(first) not in _BILLED_BY:
            continue
        for day in days & bill.keys():
            most[day] += last.amount_nusd
            least[day] += last.amount_nusd if last.kind is EntryKind.SETTLED and len(days) == 1 else 0
    return tuple(
        BilledDay(day, billed, least[day], most[day], day in simulated) for day, billed in sorted(bill.items())
    )


_OPEN = (EntryKind.UNSETTLED, EntryKind.RESERVED)


_ALL = "all"


def _standing(before: Iterable[Entry], after: Iterable[Entry], kept: Mapping[str, Balance]) -> dict[str, Balance]:
    """What the ledger says of each name: at the moment at which that is what is kept, else after the last line."""
    tally = Tally(lambda entry: (_ALL, *(f"{scope}:d{entry.day}" for scope in entry.scopes)))
    for entry in before:
        tally.add(entry)
    agreed = {name: balance for name, balance in kept.items() if tally.balance(name) == balance}
    for entry in after:
        agreed |= {name: kept[name] for name in tally.add(entry) if name in kept and tally.balance(name) == kept[name]}
    return {name: agreed.get(name) or tally.balance(name) for name in kept}


def _unbooked(entry: Entry | None) -> bool:
    return entry is None or entry.kind is EntryKind.VOID


def _contrast(call: str, entry: Entry | None, billed_nusd: int | None) -> Contrast:
    if entry is None:
        return Contrast(call, NOBODY, None, 0, billed_nusd)
    return Contrast(call, entry.task, entry.kind, entry.amount_nusd, billed_nusd)


def _calls(last: Mapping[str, Entry], fits: Callable[[str, Entry], bool]) -> tuple[str, ...]:
    return tuple(sorted(call for call, entry in last.items() if fits(call, entry)))


def _unended(last: Mapping[str, Entry], bill: Mapping[str, int], fits: Callable[[str, Entry], bool]) -> Unended:
    calls = _calls(last, fits)
    return Unended(calls, sum(last[call].amount_nusd for call in calls), sum(bill.get(call, 0) for call in calls))


def _spans(entries: Iterable[Entry]) -> dict[str, tuple[Entry, Entry]]:
    """The first and the last line of each call."""
    spans: dict[str, tuple[Entry, Entry]] = {}
    for entry in entries:
        if entry.call is not None:
            spans[entry.call] = (spans.get(entry.call, (entry,))[0], entry)
    return spans


def _settled(first: Entry, last: Entry, bill: Mapping[str, BilledCall], complete: bool) -> Booking | None:
    billed = bill.get(last.call or "")
    if billed is None and not complete:
        return None
    kind = EntryKind.VOID if billed is None else EntryKind.SETTLED
    amount_nusd = billed.amount_nusd if billed else 0
    return Booking(_intent(last), kind, amount_nusd, bound_nusd=last.amount_nusd, day=_day(first))


def _lost(call: str, billed: BilledCall) -> Booking:
    intent = Intent(
        call=call,
        task=NOBODY,
        attempt=0,
        position=0,
        purpose="answer",
        why="first",
        tier=NOBODY,
        model=billed.model or NOBODY,
        policy=NOBODY,
        tenant=NOBODY,
        price_since="",
        reserved_nusd=0,
    )
    day = None if billed.at_ms is None else billed.at_ms // _DAY_MS
    return Booking(intent, EntryKind.SETTLED, billed.amount_nusd, bound_nusd=None, day=day)


def _intent(entry: Entry) -> Intent:
    """What a line of the ledger says of its call."""
    return Intent(
        call=entry.call or NOBODY,
        task=entry.task,
        attempt=entry.attempt,
        position=0,
        purpose=entry.purpose or "answer",
        why=entry.why,
        tier=entry.tier,
        model=entry.model or NOBODY,
        policy=entry.policy,
        version=entry.version,
        tenant=entry.tenant,
        price_since=entry.price_since or "",
        simulated=entry.simulated,
        reserved_nusd=entry.amount_nusd,
    )


def _day(first: Entry) -> int:
    return first.at_ms // _DAY_MS if first.day is None else first.day


def _days(first: Entry, last: Entry) -> set[int]:
    """The days on which a call may be billed; one that was written down later stands for its own day alone."""
    if _day(first) != first.at_ms // _DAY_MS:
        return {_day(first)}
    return {_day(first), min(last.at_ms, first.at_ms + _CALL_MS_MAX) // _DAY_MS}


def _provider(entry: Entry) -> str:
    provider, named, _ = (entry.model or "").partition("/")
    return provider if named else ""
