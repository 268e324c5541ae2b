"""`router audit`"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ..audit import Audit, BilledDay, Booking, Contrast, Unended
from ..bill import Bill
from ..cost import usd
from ..errors import BillInvalid
from ..ledger import EntryKind
from ..settings import Settings
from .ledger import check_books, read_bill, settle
from .printing import SIMULATED, count, print_json

_SHOWN_MAX = 10
_BALANCES = "the ledger is right: something else changed these sums, and budgets go by them until their windows turn"
_DIFFERING = "what is settled stays: compare prices.yaml, and the tokens in `router task show`, with the provider's own"
_UNKNOWN = "if they are this router's, book them with --yes (what is booked stays); else take them out of the bill"
_FREE = "what is booked stays: `router task show` has the error for which they were taken as free; ask the provider"
_UNBILLED = "what is settled stays: see whether the bill has all of their time, and of their key"
_BEYOND = "they may be running: look again when they have ended; then the bill is booked"
_LACKING = "where the bill has all calls of their time, --complete books them as not charged; else they stay in doubt"
_DAY_HIGH = "something else spends at this provider, or a price in prices.yaml is too low"
_DAY_LOW = "the bill may not have the whole day yet; else a price in prices.yaml is too high"


@click.command(epilog="Example: router audit --bill bill.jsonl --dry-run")
@click.option(
    "--bill",
    "bill_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of call_id and amount_nusd, or OpenAI's costs by day (JSON or CSV).",
)
@click.option("--dry-run", is_flag=True, help="Only look; book nothing.")
@click.option("--complete", is_flag=True, help="The bill has every call: what it lacks was not charged, book that too.")
@click.option("--yes", is_flag=True, help="Calls that the ledger does not know are this router's: book them.")
@click.option("--json", "as_json", is_flag=True)
def command(bill_path: Path | None, *, dry_run: bool, complete: bool, yes: bool, as_json: bool) -> int:
    """
    Fold the ledger from its first line and compare it with the balances, and with a provider's bill. Lines are kept for
    40 days: what was before them is not compared.

    A bill of calls is the truth: calls of unknown outcome are settled at what was billed, and with --yes calls that the
    ledger forgot are booked; harmless to repeat. It must hold calls of this router alone, and what is booked stays: see
    with --dry-run first. A bill of days is only compared: what is billed on a day must lie within what is settled and
    what is in doubt. Exit 1 unless all agrees afterwards.
    """
    settings = Settings.from_env()
    if bill_path is None:
        if dry_run or complete or yes:
            raise click.UsageError("--dry-run, --complete and --yes go with --bill FILE")
        result = check_books(settings)
    else:
        bill = _filled(read_bill(bill_path), bill_path)
        result = settle(settings, bill, complete=complete, dry_run=dry_run, forgotten=yes)
    if as_json:
        print_json(audit_json(result))
    else:
        _print(result, dry_run=dry_run)
        if result.simulated:
            click.echo(f"\n{SIMULATED}")
    return 0 if result.agrees else 1


def _filled(bill: Bill, path: Path) -> Bill:
    """Refuse a bill of nothing, which would agree with any ledger or none. Raises: BillInvalid."""
    if not bill:
        raise BillInvalid(f"{path} holds no call and no day; give the provider's whole bill")
    return bill


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
        "running": _unended_json(result.running),
        "lacking": _unended_json(result.lacking),
        "contrasts": [_contrast_json(contrast) for contrast in result.contrasts.values()],
        "days": [_day_json(day) for day in result.days],
        "mended": [_booking_json(booking) for booking in result.mended],
        "since": None if result.since_day is None else _date(result.since_day),
        "left_out": result.left_out,
    }


def _contrast_json(contrast: Contrast) -> dict[str, Any]:
    return {
        "call": contrast.call,
        "task": contrast.task,
        "kind": None if contrast.kind is None else contrast.kind.value,
        "booked_usd": usd(contrast.booked_nusd),
        "billed_usd": None if contrast.billed_nusd is None else usd(contrast.billed_nusd),
    }


def _unended_json(unended: Unended) -> dict[str, Any]:
    return {
        "calls": list(unended.calls),
        "at_most_usd": usd(unended.bound_nusd),
        "billed_usd": usd(unended.billed_nusd),
    }


def _day_json(day: BilledDay) -> dict[str, Any]:
    return {
        "day": _date(day.day),
        "billed_usd": usd(day.billed_nusd),
        "least_usd": usd(day.least_nusd),
        "most_usd": usd(day.most_nusd),
        "fits": day.fits,
        "simulated": day.simulated,
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
    if result.since_day is not None:
        click.echo(f"since     {_date(result.since_day)}: earlier lines were cut; their sums are in `router cost`")
    click.echo(f"ledger    {ledger.calls} calls, ${usd(ledger.settled_nusd)} settled")
    click.echo(
        f"          ${usd(ledger.reserved_nusd)} reserved, at most ${usd(ledger.unsettled_nusd)} of unknown outcome"
    )
    off = ", ".join(result.off[:_SHOWN_MAX]) or result.balance
    click.echo(f"balances  {'agree' if result.balanced else f'DIFFER: {off}'}")
    if not result.balanced:
        click.echo(f"          -> {_BALANCES}")
    if result.billed_nusd is None:
        return
    click.echo(f"bill      ${usd(result.billed_nusd)}")
    if result.left_out:
        click.echo(f"          {count(result.left_out, 'line')} of before that, or of no time, not compared")
    _print_unended(result)
    _print_mended(result.mended, "would be booked" if dry_run else "booked")
    _print_contrasts(result)
    for day in result.days:
        _print_day(day)
    click.echo(f"          {'agrees' if result.agrees else 'DOES NOT AGREE'}")


def _print_unended(result: Audit) -> None:
    """Calls for which the bill may be another sum than what is settled, though all agrees."""
    if running := result.running.calls:
        bound, billed = usd(result.running.bound_nusd), usd(result.running.billed_nusd)
        said = f"{count(len(running), 'call')} under way, at most ${bound}, of which the bill has ${billed}"
        click.echo(f"          {said}: what they cost is settled when they end")
    booked = {booking.intent.call for booking in result.mended}
    if lacking := [call for call in result.lacking.calls if call not in booked]:
        said = f"{count(len(lacking), 'call')} of unknown outcome, at most ${usd(result.lacking.bound_nusd)}"
        click.echo(f"          {said}, not on the bill: {_some(lacking)}")
        click.echo(f"          -> {_LACKING}")


def _print_contrasts(result: Audit) -> None:
    """Each call that the bill contradicts, without those that are mended or would be, and what to do about them."""
    mended = {booking.intent.call for booking in result.mended}
    known = {call for call in result.unbooked if result.contrasts[call].kind is not None}
    for said, calls, todo in (
        ("settled at another amount than billed", result.differing, _DIFFERING),
        ("billed, but not in the ledger", [call for call in result.unbooked if call not in known], _UNKNOWN),
        ("billed, but free in the ledger", sorted(known), _FREE),
        ("in the ledger, but not billed", result.unbilled, _UNBILLED),
        ("billed above the most that they could cost", result.beyond, _BEYOND),
    ):
        left = [result.contrasts[call] for call in calls if call not in mended]
        if not left:
            continue
        click.echo(f"          {count(len(left), 'call')} {said}")
        for contrast in left[:_SHOWN_MAX]:
            click.echo(f"            {_told(contrast)}")
        if len(left) > _SHOWN_MAX:
            click.echo(f"            and {len(left) - _SHOWN_MAX:,} more: --json has them all")
        click.echo(f"          -> {todo}")


def _told(contrast: Contrast) -> str:
    billed = "not billed" if contrast.billed_nusd is None else f"billed ${usd(contrast.billed_nusd)}"
    match contrast.kind:
        case None:
            return f"{contrast.call}: {billed}"
        case EntryKind.SETTLED:
            booked = f"settled ${usd(contrast.booked_nusd)}"
        case EntryKind.VOID:
            booked = "booked as free"
        case _:
            booked = f"at most ${usd(contrast.booked_nusd)}"
    return f"{contrast.call} (task {contrast.task}): {booked}, {billed}"


def _print_day(day: BilledDay) -> None:
    bounds = f"between ${usd(day.least_nusd)} and ${usd(day.most_nusd)}"
    left_out = "; the ledger's simulated calls of that day are not compared" if day.simulated else ""
    click.echo(f"          {_date(day.day)}  ${usd(day.billed_nusd)}, {'' if day.fits else 'NOT '}{bounds}{left_out}")
    if not day.fits:
        click.echo(f"          -> {_DAY_HIGH if day.billed_nusd > day.most_nusd else _DAY_LOW}")


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
