"""`router audit`"""

from __future__ import annotations

from pathlib import Path

import click

from ..audit import Audit, audit
from ..cost import usd
from ..settings import Settings
from .ledger import read_bill, read_books
from .printing import SIMULATED, print_json

_SHOWN_MAX = 10


@click.command(epilog="Example: router audit --bill bill.jsonl")
@click.option(
    "--bill", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSONL of call_id, amount_nusd."
)
@click.option("--json", "as_json", is_flag=True)
def command(bill: Path | None, as_json: bool) -> int:
    """Fold the ledger from its first line and compare it with the balances, and with a provider's bill."""
    entries, balance = read_books(Settings.from_env())
    result = audit(entries, balance, read_bill(bill) if bill else None)
    if as_json:
        print_json(_as_json(result))
    else:
        _print(result)
        if any(line.simulated for line in entries):
            click.echo(f"\n{SIMULATED}")
    return 0 if result.agrees else 1


def _as_json(result: Audit) -> dict[str, object]:
    return {
        "agrees": result.agrees,
        "settled_usd": usd(result.ledger.settled_nusd),
        "unsettled_usd": usd(result.ledger.unsettled_nusd),
        "reserved_usd": usd(result.ledger.reserved_nusd),
        "overrun_usd": usd(result.ledger.overrun_nusd),
        "calls": result.ledger.calls,
        "balances_agree": result.balanced,
        "billed_usd": None if result.billed_nusd is None else usd(result.billed_nusd),
        "differing": list(result.differing),
        "unbooked": list(result.unbooked),
        "unbilled": list(result.unbilled),
        "beyond": list(result.beyond),
    }


def _print(result: Audit) -> None:
    ledger = result.ledger
    click.echo(f"ledger    {ledger.calls} calls, ${usd(ledger.settled_nusd)} settled")
    click.echo(
        f"          ${usd(ledger.reserved_nusd)} reserved, at most ${usd(ledger.unsettled_nusd)} of unknown outcome"
    )
    click.echo(f"balances  {'agree' if result.balanced else f'DIFFER: {result.balance}'}")
    if result.billed_nusd is None:
        return
    click.echo(f"bill      ${usd(result.billed_nusd)}")
    for said, calls in (
        ("settled at another amount than billed", result.differing),
        ("billed, but not in the ledger", result.unbooked),
        ("in the ledger, but not billed", result.unbilled),
        ("billed above the bound of their unknown outcome", result.beyond),
    ):
        if calls:
            more = f" and {len(calls) - _SHOWN_MAX} more" if len(calls) > _SHOWN_MAX else ""
            click.echo(f"          {len(calls)} calls {said}: {', '.join(calls[:_SHOWN_MAX])}{more}")
    click.echo(f"          {'agrees' if result.agrees else 'DOES NOT AGREE'}")
