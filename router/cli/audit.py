"""`router audit`"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ..audit import Audit, BilledDay, Booking
from ..cost import usd
from ..ledger import EntryKind
from ..settings import Settings
from .ledger import check_books, reconcile
from .printing import SIMULATED, count, print_json

_SHOWN_MAX = 10


@click.command(epilog="Example: router audit --bill bill.jsonl --dry-run")
@click.option(
    "--bill",
    "bill_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of call_id and amount_nusd, or OpenAI's costs by day (JSON or CSV).",
)
@click.option("--dry-run", is_flag=True, help="Only look; book nothing.")
@click.option("--complete", is_flag=True, help="The bill has every call: those it lacks were not charged.")
@click.option("--json", "as_json", is_flag=True)
def command(bill_path: Path | None, dry_run: bool, complete: bool, as_json: bool) -> int:
    """
    Fold the ledger from its first line and compare it with the balances, and with a provider's bill.

    A bill of calls is the truth: calls of unknown outcome are settled at what was billed, and calls that the ledger
    forgot are booked; harmless to repeat. It must hold calls of this router alone. A bill of days is only compared:
    what is billed on a day must lie within what is settled and what is in doubt. Exit 1 unless all agrees afterwards.
    """
    settings = Settings.from_env()
    if bill_path is None:
        if dry_run or complete:
            raise click.UsageError("--dry-run and --complete go with --bill FILE")
        result = check_books(settings)
    else:
        result = reconcile(settings, bill_path, complete=complete, dry_run=dry_run)
    if as_json:
        print_json(audit_json(result))
    else:
        _print(result, dry_run=dry_run)
        if result.simulated:
            click.echo(f"\n{SIMULATED}")
    return 0 if result.agrees else 1


def audit_json(result: Audit) -> dict[str, Any]:
    """Money as decimal strings in dollars."""
    return {
        "agrees": result.agrees,
        "settled_usd": usd(result.ledger.settled_nusd),
        "unsettled_usd": usd(result.ledger.unsettled_nusd),
        "reserved_usd": usd(result.ledger.reserved_nusd),
        "overrun_usd": usd(result.ledger.overrun_nusd),
        "calls": result.ledger.calls,
        "balances_agree": result.balanced,
        "balances_off": list(result.off),
        "billed_usd": None if result.billed_nusd is None else usd(result.billed_nusd),
        "differing": list(result.differing),
        "unbooked": list(result.unbooked),
        "unbilled": list(result.unbilled),
        "beyond": list(result.beyond),
        "days": [_day_json(day) for day in result.days],
        "mended": [_booking_json(booking) for booking in result.mended],
    }


def _day_json(day: BilledDay) -> dict[str, Any]:
    return {
        "day": _date(day.day),
        "billed_usd": usd(day.billed_nusd),
        "least_usd": usd(day.least_nusd),
        "most_usd": usd(day.most_nusd),
        "fits": day.fits,
    }


def _booking_json(booking: Booking) -> dict[str, Any]:
    return {
        "call": booking.intent.call,
        "task": booking.intent.task,
        "kind": booking.kind.value,
        "amount_usd": usd(booking.amount_nusd),
        "bound_usd": None if booking.bound_nusd is None else usd(booking.bound_nusd),
    }


def _print(result: Audit, *, dry_run: bool) -> None:
    ledger = result.ledger
    click.echo(f"ledger    {ledger.calls} calls, ${usd(ledger.settled_nusd)} settled")
    click.echo(
        f"          ${usd(ledger.reserved_nusd)} reserved, at most ${usd(ledger.unsettled_nusd)} of unknown outcome"
    )
    off = ", ".join(result.off[:_SHOWN_MAX]) or result.balance
    click.echo(f"balances  {'agree' if result.balanced else f'DIFFER: {off}'}")
    if result.billed_nusd is None:
        return
    click.echo(f"bill      ${usd(result.billed_nusd)}")
    _print_mended(result.mended, "would be booked" if dry_run else "booked")
    for said, calls in (
        ("settled at another amount than billed", result.differing),
        ("billed, but not in the ledger, or there as free", result.unbooked),
        ("in the ledger, but not billed", result.unbilled),
        ("billed above the bound of their unknown outcome", result.beyond),
    ):
        if calls:
            click.echo(f"          {count(len(calls), 'call')} {said}: {_some(calls)}")
    for day in result.days:
        bounds = f"between ${usd(day.least_nusd)} and ${usd(day.most_nusd)}"
        click.echo(f"          {_date(day.day)}  ${usd(day.billed_nusd)}, {'' if day.fits else 'NOT '}{bounds}")
    click.echo(f"          {'agrees' if result.agrees else 'DOES NOT AGREE'}")


def _print_mended(mended: Sequence[Booking], done: str) -> None:
    for said, bookings in (
        ("of unknown outcome", [b for b in mended if b.kind is EntryKind.SETTLED and b.bound_nusd is not None]),
        ("that the ledger did not know", [b for b in mended if b.bound_nusd is None]),
        ("of unknown outcome, as not charged,", [b for b in mended if b.kind is EntryKind.VOID]),
    ):
        if bookings:
            amount, calls = usd(sum(b.amount_nusd for b in bookings)), [b.intent.call for b in bookings]
            click.echo(f"          {count(len(calls), 'call')} {said} {done}, ${amount}: {_some(calls)}")


def _some(calls: Sequence[str]) -> str:
    more = f" and {len(calls) - _SHOWN_MAX} more" if len(calls) > _SHOWN_MAX else ""
    return ", ".join(calls[:_SHOWN_MAX]) + more


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
