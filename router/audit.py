"""A provider's own bill, held against our ledger call by call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .ledger import Balance, Entry, EntryKind, fold


@dataclass(frozen=True, slots=True)
class Audit:
    """
    What the ledger says against what the balances and the bill say. Amounts in nano-dollars.

    `differing` are calls settled at another amount than billed, `unbooked` billed calls that no line knows, `unbilled`
    settled calls that the bill does not know, `beyond` unknown outcomes that were billed above their bound.
    """

    ledger: Balance
    balance: Balance
    billed_nusd: int | None = None
    differing: tuple[str, ...] = ()
    unbooked: tuple[str, ...] = ()
    unbilled: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        return self.ledger == self.balance

    @property
    def agrees(self) -> bool:
        """True where everything fits: the bill lies within what is settled and what is bounded."""
        return self.balanced and not (self.differing or self.unbooked or self.unbilled or self.beyond)


def audit(entries: Iterable[Entry], balance: Balance, bill: Mapping[str, int] | None = None) -> Audit:
    """Fold the ledger and compare; *bill* maps call ids to nano-dollars, as the provider counts them."""
    lines = list(entries)
    folded = fold(lines)
    if bill is None:
        return Audit(folded, balance)
    last = {line.call: line for line in lines if line.call is not None}
    return Audit(
        folded,
        balance,
        billed_nusd=sum(bill.values()),
        differing=_calls(last, lambda c, e: e.kind is EntryKind.SETTLED and c in bill and bill[c] != e.amount_nusd),
        unbooked=tuple(sorted(c for c, amount in bill.items() if amount and _unbooked(last.get(c)))),
        unbilled=_calls(last, lambda c, e: e.kind is EntryKind.SETTLED and e.amount_nusd > 0 and c not in bill),
        beyond=_calls(last, lambda c, e: e.kind in _OPEN and bill.get(c, 0) > e.amount_nusd),
    )


_OPEN = (EntryKind.UNSETTLED, EntryKind.RESERVED)


def _unbooked(entry: Entry | None) -> bool:
    return entry is None or entry.kind is EntryKind.VOID


def _calls(last: Mapping[str, Entry], fits: Callable[[str, Entry], bool]) -> tuple[str, ...]:
    return tuple(sorted(call for call, entry in last.items() if fits(call, entry)))
