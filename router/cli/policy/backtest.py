"""`router policy backtest`"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import click

from ...cost import usd
from ...errors import LogInvalid
from ...estimate import Estimate
from ...recorded.backtest import Backtest, Point, backtest
from ...recorded.traffic import graded
from ...settings import Settings
from ..garbage import nothing_collected
from ..printing import count, dollars, print_json
from ..writing import writing
from .traffic import aligned, read_traffic, reading_options, said_file, science
from .versions import Version, uncertified, version

_METHODS = (
    "Intervals hold with 95 %: Wilson's for shares, the normal distribution's for costs, the delta method's for their\n"
    "ratios. oracle: somebody who knows beforehand which tier will be right, and asks the cheapest of those."
)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    name="backtest", epilog="Example: router policy backtest policies/intents.yaml --log log.jsonl --plot frontier.png"
)
@click.argument("policy")
@click.option("--log", "--on", "log", metavar="FILE", required=True, help="Recorded traffic; - is standard input.")
@click.option("--csv", "csv_file", type=_FILE, help="Write the table there, too.")
@click.option("--plot", "plot_file", type=_FILE, help="Draw the frontier: a .png or .svg file.")
@reading_options
@click.option("--json", "as_json", is_flag=True)
def command(
    policy: str,
    *,
    log: str,
    csv_file: Path | None,
    plot_file: Path | None,
    skip_bad: bool,
    tier_map: tuple[str, ...],
    as_json: bool,
) -> int:
    """
    Hold POLICY against asking one tier always, dealing by lot, knowing beforehand, and other thresholds of its own.

    POLICY is a file, the name of a published policy, or a digest. The log needs what each of its tiers replied to the
    same tasks, and what is right (`expected`, or `correct` of each reply); without labels agreement with the top tier
    is measured instead. No model is asked.
    """
    if plot_file is not None and plot_file.suffix not in (".png", ".svg"):
        raise click.UsageError(f"--plot is {plot_file}, expected a file that ends with .png or .svg")
    meant = version(policy, Settings.from_env())
    recordings = read_traffic(log, [meant.policy], skip_bad=skip_bad, tier_map=tier_map)
    known = graded(recordings, meant.policy.output, meant.policy.path[-1])
    with nothing_collected():
        found = backtest(meant.policy, known.recordings, meant.prices)
    if not found.tasks:
        raise LogInvalid(f"{log} has no task on which all ways can be tried: it lacks {_lacking(found)}")
    if csv_file is not None:
        with writing(csv_file):
            csv_file.write_text(_csv(found), encoding="utf-8")
    if plot_file is not None:
        with science("policy backtest --plot"), writing(plot_file):
            from .frontier import draw  # noqa: PLC0415  # matplotlib, which nobody else needs

            draw(found, plot_file, title=f"{meant} on {count(found.tasks, 'task')}", quality=_quality(known.by))
    if as_json:
        print_json(_as_json(meant, found, known.by))
    else:
        click.echo("\n".join(_lines(meant, found, known.by, log)))
    return 0


def _quality(by: str | None) -> str:
    return "right" if by is None else f"same as {by}"


def _lacking(found: Backtest) -> str:
    return ", ".join(f"{what} for {count(number, 'task')}" for what, number in found.left_out.items())


def _lines(meant: Version, found: Backtest, by: str | None, file: str) -> Iterator[str]:
    yield f"{meant} on {count(found.tasks, 'task')} of {said_file(file)}; no model was asked"
    if by is not None:
        yield f"The log has no labels: an output counts as right if it says the same as that of {by}."
    if found.left_out:
        yield f"Tasks are left out that lack something: {_lacking(found)}."
        yield "If those are harder or easier than the rest, all your traffic would look different."
    if (lacking := uncertified(meant.policy)) is not None:
        yield f"{meant}: {lacking}"
    yield ""
    head = ["", "cost a task", f"of always {found.top}", _quality(by), "cost of a right one"]
    yield from aligned([head, *(_row(point, found.tasks) for point in found.points)])
    yield from _open(found)
    yield f"\n{_METHODS}"


def _row(point: Point, tasks: int) -> list[str]:
    return [
        _name(point, tasks),
        _money(point.cost),
        _share(point.of_top),
        _share(point.right),
        _money(point.per_right),
    ]


def _name(point: Point, tasks: int) -> str:
    name = point.name if point.threshold is None else f"{point.name} {point.threshold:.9g}"
    return f"{name}, of {tasks - point.open:,} known" if point.open else name


def _money(one: Estimate) -> str:
    if one.value is None:
        return "-"
    return f"{dollars(round(one.value))} +- {dollars(round((one.high - one.low) / 2))}"


def _share(one: Estimate) -> str:
    return "-" if one.value is None else f"{one.value:.1%} ({one.low:.1%} to {one.high:.1%})"


def _open(found: Backtest) -> Iterator[str]:
    for point in found.of_kind("policy"):
        if point.bounds is not None:
            (low, high), (least, most) = point.bounds
            cost = f"{dollars(round(low))} to {dollars(round(high))}"
            yield (
                f"{point.name}: the log does not say how {count(point.open, 'task')} would end; with them the cost is"
                f" {cost} a task, and {least:.1%} to {most:.1%} are right"
            )


def _as_json(meant: Version, found: Backtest, by: str | None) -> dict[str, Any]:
    return {
        "policy": meant.policy.policy,
        "digest": meant.policy.digest,
        "tasks": found.tasks,
        "left_out": dict(found.left_out),
        "top": found.top,
        "cheapest": found.cheapest,
        "right_is": "as labelled" if by is None else f"as {by} replied",
        "points": [_point(point) for point in found.points],
    }


def _point(point: Point) -> dict[str, Any]:
    """A row, flat, for programs and for CSV; money as decimal strings in dollars."""
    return {
        "kind": point.kind,
        "name": point.name,
        "threshold": point.threshold,
        "open": point.open,
        **_flat("cost_usd", point.cost, money=True),
        **_flat("of_top", point.of_top),
        **_flat("right", point.right),
        **_flat("cost_per_right_usd", point.per_right, money=True),
    }


def _flat(name: str, one: Estimate, *, money: bool = False) -> dict[str, Any]:
    def written(value: float | None) -> Any:
        return None if one.value is None or value is None else usd(round(value)) if money else value

    return {name: written(one.value), f"{name}_low": written(one.low), f"{name}_high": written(one.high)}


def _csv(found: Backtest) -> str:
    rows = [_point(point) for point in found.points]
    text = StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
