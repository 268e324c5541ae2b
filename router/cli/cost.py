"""`router cost`"""

from __future__ import annotations

import re
from contextlib import closing

import click

from .. import duration
from ..app import load_pricing
from ..io.commands.cost import CostCommands, Counted
from ..io.redis_link import Link, connect
from ..settings import Settings
from ..spending.counters import DAYS_KEPT, HOUR_MS, KEPT_MS
from ..spending.report import DIMENSIONS, FROM, CostRow, costs, total
from ..spending.table import FOCUS_BY, costs_csv, focus_csv
from .printing import GAP, SIMULATED, console, dollars, print_json, table

_COLUMNS = ["calls", "attempts", "accepted", "escalated", "cost", "in doubt", "waste", "per accepted"]
_LEAST_NEEDED = ("escalated", "attempts", "calls", "accepted", "in doubt")
"""Columns that narrow screens do without, in this order: an amount that is cut would tell another."""
_BEHIND_MS = 60_000


@click.command(epilog="Example: router cost --by tier,policy --since 24h --bucket 1h")
@click.option("--by", help=f"Any of {', '.join(DIMENSIONS)}, with commas.  [default: tier]")
@click.option("--since", help="How far back, such as 24h, 7d: whole hours; default: all that is kept, 35 days.")
@click.option("--bucket", help="Also by time, in steps of whole hours such as 1h, 1d.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "focus"]),
    default="table",
    show_default=True,
    help="focus: CSV in the columns of FinOps FOCUS 1.2.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
def command(by: str | None, since: str | None, bucket: str | None, form: str, as_json: bool) -> int:
    """
    What was spent, from the ledger by the hour: rejected attempts count like accepted ones.

    calls: requests to a model, second samples and judges too. attempts: a tier asked once, or refused by a limit (then
    without a call). escalated: attempts after which another tier was asked. in doubt: the most that calls of unknown
    outcome may have cost. waste: what attempts cost that were not accepted. per accepted: the cost of everything by the
    results that were accepted. Below stands what always asking the top tier would have cost.
    """
    form = "json" if as_json else form
    if form == "focus" and by is not None:
        raise click.UsageError("--format focus has dimensions of its own; leave --by out")
    dimensions = list(FOCUS_BY) if form == "focus" else _dimensions(by or "tier")
    bucket_ms = _bucket_ms(bucket) if bucket is not None else HOUR_MS if form == "focus" else None
    back_ms = None if since is None else seconds(since) * 1000
    read = read_counters(Settings.from_env(), back_ms=back_ms)
    rows = costs(read.changes, dimensions, bucket_ms=bucket_ms)
    match form:
        case "json":
            print_json([row.as_json() for row in rows])
        case "csv":
            click.echo(costs_csv(rows, dimensions, bucketed=bucket_ms is not None), nl=False)
        case "focus":
            click.echo(focus_csv(rows, bucket_ms=bucket_ms or HOUR_MS), nl=False)
        case _:
            _print_table(rows, [*([FROM] if bucket_ms else []), *dimensions])
            _print_total(total(rows), lag_ms=read.lag_ms)
    if back_ms is not None and back_ms > KEPT_MS:
        click.echo(f"--since {since}: no more than {DAYS_KEPT} days are kept, and that is what is told", err=True)
    return 0


def read_counters(settings: Settings, *, back_ms: int | None = None) -> Counted:
    """What was counted, and what was not yet, of all hours or those of so many ms back. Raises: StoreUnavailable."""
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        commands = CostCommands(prefix=settings.prefix)
        return link.carry_out(commands.counted(load_pricing(settings), back_ms=back_ms))


def seconds(text: str, option: str = "--since") -> int:
    """`90s`, `30m`, `24h`, `7d`, `2w` in seconds. Raises: click.UsageError, also for no time at all."""
    if not re.fullmatch(duration.PATTERN, text):
        raise click.UsageError(f"{option} is {text!r}, expected {duration.EXPECTED}")
    return duration.seconds(text)


def seconds_from_0(text: str, option: str) -> int:
    """The same, where no time at all is a wish, too. Raises: click.UsageError."""
    if re.fullmatch("0[smhdw]", text):
        return 0
    try:
        return seconds(text, option)
    except click.UsageError:
        expected = "a number and s, m, h, d or w, such as 24h or 0s"
        raise click.UsageError(f"{option} is {text!r}, expected {expected}") from None


def _bucket_ms(text: str) -> int:
    bucket_ms = seconds(text, "--bucket") * 1000
    if bucket_ms % HOUR_MS:
        raise click.UsageError(
            f"--bucket is {text!r}: costs are counted by the hour; take whole hours, such as 1h or 1d"
        )
    return bucket_ms


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
    lines = [[*_names(row), *_numbers(row)] for row in rows]
    if len(rows) > 1:
        lines.append(["all", *[""] * (len(dimensions) - 1), *_numbers(total(rows))])
    columns = [*dimensions, *_COLUMNS]
    left_out = _left_out(columns, lines, screen.width, doubt=any(row.doubt_nusd for row in rows))
    kept = [index for index, name in enumerate(columns) if name not in left_out]
    shown = [[line[index] for index in kept] for line in lines]
    screen.print(table(None, [columns[index] for index in kept], shown, texts=len(dimensions)))
    if left_out:
        screen.print(f"no room here for {', '.join(left_out)}: --format csv has them, or a wider screen", style="dim")


def _left_out(columns: list[str], lines: list[list[str]], width: int, *, doubt: bool) -> list[str]:
    """The columns for which a screen has no room; that of *doubt* stays where there is any."""
    widths = {name: max(len(name), *(len(line[i]) for line in lines)) for i, name in enumerate(columns)}
    left_out: list[str] = []
    for name in _LEAST_NEEDED:
        if sum(widths.values()) + GAP * (len(widths) - 1) <= width or (doubt and name == "in doubt"):
            break
        left_out.append(name)
        del widths[name]
    return left_out


def _names(row: CostRow) -> list[str]:
    """What a row is of; buckets begin with an hour."""
    return [text.replace(":00.000Z", "Z") if name == FROM else text for name, text in row.group.items()]


def _numbers(row: CostRow) -> list[str]:
    per_accepted = "-" if row.per_accepted_nusd is None else dollars(row.per_accepted_nusd)
    counts = [row.calls, row.attempts, row.accepted, row.escalated]
    amounts = [row.cost_nusd, row.doubt_nusd, row.waste_nusd]
    return [*(f"{count:,}" for count in counts), *map(dollars, amounts), per_accepted]


def _print_total(whole: CostRow, *, lag_ms: int) -> None:
    """What all of it comes to, beside what it might have cost."""
    screen = console()
    if whole.saving_nusd is not None and whole.always_top_nusd is not None:
        top, saved = dollars(whole.always_top_nusd), dollars(abs(whole.saving_nusd))
        went = f"{saved} saved" if whole.saving_nusd >= 0 else f"{saved} MORE was spent than by that"
        screen.print(f"\nalways the top tier: {top}; {went}, with all that was wasted, judged and audited")
    if whole.uncompared:
        tasks = f"{whole.uncompared:,} of {whole.sums['answered']:,} answered tasks"
        screen.print(f"not compared with the top tier: {tasks}, because no price of it is known", style="dim")
    if whole.audits_nusd or whole.sums["cache_saved"]:
        screen.print(f"audits: {dollars(whole.audits_nusd)}; saved by caches: {dollars(whole.sums['cache_saved'])}")
    if unjudged_nusd := whole.unjudged_nusd:
        screen.print(_unjudged(unjudged_nusd))
    if lag_ms > _BEHIND_MS:
        screen.print(f"lines of the last {lag_ms // 1000:,} s are not counted yet: does a sweep run?", style="dim")
    if whole.simulated:
        screen.print(f"\n{SIMULATED}", style="dim")


def _unjudged(nusd: int) -> str:
    """What was paid for no attempt; below nothing, what attempts cost that was paid before the time asked for."""
    if nusd < 0:
        return f"paid earlier: {dollars(-nusd)} of what attempts cost that were judged in this time"
    paid = f"paid for no attempt: {dollars(nusd)}"
    return f"{paid} (of attempts under way, of tasks that ended meanwhile, or settled by a bill)"
