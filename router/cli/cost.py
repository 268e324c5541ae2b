"""`router cost`"""

from __future__ import annotations

import csv
import re
import sys
import time

import click

from ..report import DIMENSIONS, CostRow, costs, total
from ..settings import Settings
from .ledger import read_books
from .printing import SIMULATED, console, dollars, print_json, table

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COLUMNS = ["calls", "attempts", "accepted", "escalated", "cost", "in doubt", "per accepted"]


@click.command(epilog="Example: router cost --by tier,policy --since 24h")
@click.option("--by", default="tier", show_default=True, help=f"Any of {', '.join(DIMENSIONS)}, with commas.")
@click.option("--since", help="How far back, such as 30m, 24h, 7d; default: everything.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
def command(by: str, since: str | None, form: str, as_json: bool) -> int:
    """
    What was spent, summed from the ledger: rejected attempts count like accepted ones.

    calls: requests to a model, second samples and judges too. attempts: a tier asked once, or refused by a limit (then
    without a call). escalated: attempts after which another tier was asked. in doubt: the most that calls of unknown
    outcome may have cost. per accepted: the cost of all attempts by those that were accepted.
    """
    dimensions = _dimensions(by)
    since_ms = 0 if since is None else int((time.time() - seconds(since)) * 1000)
    entries, _ = read_books(Settings.from_env())
    rows = costs(entries, dimensions, since_ms=since_ms)
    if as_json or form == "json":
        print_json([row.as_json() for row in rows])
    elif form == "csv":
        _print_csv(rows)
    else:
        _print_table(rows, dimensions)
    return 0


def seconds(text: str, option: str = "--since") -> float:
    """`90s`, `30m`, `24h`, `7d`, `2w` in seconds. Raises: click.UsageError."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        raise click.UsageError(f"{option} is {text!r}, expected a number and s, m, h, d or w, such as 24h")
    return int(match[1]) * _SECONDS[match[2]]


def _dimensions(by: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    for name in names:
        if name not in DIMENSIONS:
            raise click.UsageError(f"--by knows no {name!r}; it takes {', '.join(DIMENSIONS)}")
    return names


def _print_table(rows: list[CostRow], dimensions: list[str]) -> None:
    screen = console()
    if not rows:
        screen.print("nothing was booked in this time")
        return
    lines = [[*row.group.values(), *_numbers(row)] for row in rows]
    if len(rows) > 1:
        lines.append(["all", *[""] * (len(dimensions) - 1), *_numbers(total(rows))])
    screen.print(table(None, [*dimensions, *_COLUMNS], lines, texts=len(dimensions)))
    if any(row.simulated for row in rows):
        screen.print(f"\n{SIMULATED}", style="dim")


def _numbers(row: CostRow) -> list[str]:
    per_accepted = "-" if row.per_accepted_nusd is None else dollars(row.per_accepted_nusd)
    counts = [row.calls, row.attempts, row.accepted, row.escalated]
    return [*(f"{count:,}" for count in counts), dollars(row.cost_nusd), dollars(row.doubt_nusd), per_accepted]


def _print_csv(rows: list[CostRow]) -> None:
    lines = [row.as_json() for row in rows]
    writer = csv.DictWriter(sys.stdout, fieldnames=list((lines or [CostRow({}).as_json()])[0]))
    writer.writeheader()
    writer.writerows(lines)
