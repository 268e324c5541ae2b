"""Reading the ledger, the balances and a bill, and mending the one by the other, for the commands that need them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..app import open_store
from ..audit import Audit, Booking, audit, audit_days, mend
from ..bill import Bill, CallBill, DayBill, bill_since, parse_bill
from ..errors import BillInvalid
from ..io.commands.audit import AuditCommands
from ..io.commands.cost import CostCommands
from ..io.redis_link import Link, connect
from ..ledger import Balance, Entry, fold_days, whole_since
from ..settings import Settings

_AT_ONCE = 200
_DAY_MS = 86_400_000


def read_books(settings: Settings) -> tuple[Sequence[Entry], Balance]:
    """Every line, and the running balances. Raises: StoreUnavailable."""
    books = _read(settings)
    return [*books.before, *books.later], books.balance


def read_bill(path: Path) -> Bill:
    """A provider's bill, in one of the forms of `router.bill`. Raises: BillInvalid."""
    try:
        return parse_bill(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as why:
        raise BillInvalid(f"{path} cannot be read as text: {why}") from None


def check_books(settings: Settings, bill: Bill | None = None) -> Audit:
    """Compare ledger, balances and bill, and change nothing. Raises: StoreUnavailable."""
    books = _read(settings)
    held = books.against(bill) if bill is not None else None
    calls = held.amounts if isinstance(held, CallBill) else None
    result = audit(books.before, books.balance, calls, balances=books.balances, later=books.later)
    result = replace(result, since_day=books.since_day, left_out=len(bill or ()) - len(held or ()))
    if not isinstance(held, DayBill):
        return result
    days = audit_days([*books.before, *books.later], held.days)
    return replace(result, billed_nusd=sum(held.days.values()), days=days)


def reconcile(settings: Settings, bill_path: Path, *, complete: bool = False, dry_run: bool = False) -> Audit:
    """
    Book what a provider's bill settles, and compare everything then. Harmless to repeat.

    The bill is read before the ledger: a call that is on it was reserved before. With *complete* the bill has every
    call, so that those of unknown outcome which it lacks were free; a *dry_run* only says what would be booked. Raises:
    BillInvalid, StoreUnavailable.
    """
    return settle(settings, read_bill(bill_path), complete=complete, dry_run=dry_run)


def settle(
    settings: Settings, bill: Bill, *, complete: bool = False, dry_run: bool = False, forgotten: bool = True
) -> Audit:
    """As `reconcile`, with a bill that was read; without *forgotten* calls that no line knows are not booked."""
    if isinstance(bill, DayBill):
        if complete:
            raise BillInvalid("the bill has sums of days: only a bill of all calls can tell which were not charged")
        return check_books(settings, bill)
    books = _read(settings)
    held = books.against(bill)
    bookings = mend([*books.before, *books.later], held.calls if isinstance(held, CallBill) else {}, complete=complete)
    if not forgotten:
        bookings = tuple(booking for booking in bookings if booking.bound_nusd is not None)
    if not dry_run:
        bookings = _book(settings, bookings)
    return replace(check_books(settings, bill), mended=bookings)


@dataclass(frozen=True)
class _Books:
    """
    The ledger before the balances were read and what came meanwhile; the balances, in all and by scope and day.

    Where lines were cut, all of it is from `since_day` on.
    """

    before: Sequence[Entry]
    balance: Balance
    balances: Mapping[str, Balance]
    later: Sequence[Entry]
    since_day: int | None = None

    def against(self, bill: Bill) -> Bill:
        """The part of a bill of which these books know."""
        if self.since_day is None:
            return bill
        known = {entry.call for entry in (*self.before, *self.later) if entry.call is not None}
        return bill_since(bill, self.since_day, known)


def _read(settings: Settings) -> _Books:
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        commands = AuditCommands(prefix=settings.prefix)
        before, last = _lines(link, commands, after="-")
        cut_ms = link.run(CostCommands(prefix=settings.prefix).cut())
        since_day = cut_ms // _DAY_MS + 1 if cut_ms is not None else None
        if since_day is not None:
            before = whole_since(before, since_day)
        balance, balances = asyncio.run(_balances(settings, fold_days(before).keys(), since_day or 0))
        later, _ = _lines(link, commands, after=last)
    if since_day is not None:
        later = whole_since([*before, *later], since_day)[len(before) :]
    return _Books(before, balance, balances, later, since_day)


def _lines(link: Link, commands: AuditCommands, *, after: str) -> tuple[list[Entry], str]:
    """The lines after one, and the id of the last."""
    entries: list[Entry] = []
    while page := link.run(commands.lines(after)):
        entries += [entry for _, entry in page]
        after = page[-1][0]
    return entries, after


async def _balances(
    settings: Settings, names: Collection[str], since_day: int
) -> tuple[Balance, Mapping[str, Balance]]:
    async with open_store(settings) as store:
        return await store.balance(since_day=since_day), await store.balances(names)


def _book(settings: Settings, bookings: Sequence[Booking]) -> tuple[Booking, ...]:
    """Returns those that were not booked yet."""
    commands = AuditCommands(prefix=settings.prefix)
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        batches = [bookings[i : i + _AT_ONCE] for i in range(0, len(bookings), _AT_ONCE)]
        done = [done for batch in batches for done in link.run_all([commands.rebook(booking) for booking in batch])]
    return tuple(booking for booking, booked in zip(bookings, done, strict=True) if booked)
