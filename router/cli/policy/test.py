"""`router policy test`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from time import perf_counter

import click

from ... import log
from ...cases.case import Case, Suite
from ...cases.junit import junit
from ...errors import PolicyInvalid
from ...io.folder import Survey, budgets_file, cases_file, prices_file, read_cases, survey
from ...policy import Policy
from ...policytest import play
from ...problem import Problem, by_place
from ...settings import Settings
from ..printing import console, count
from ..telling import WIDTH
from ..writing import writing
from .formats import as_text
from .played import Broken, Run, Timed, as_broken_suite, as_data, as_lines, as_suite
from .shelf import PATHS, Shelf, shelves, today
from .targets import policies_of

_FORMATS = ("text", "json", "junit")


@click.command(
    name="test",
    epilog="""Example: router policy test policies/receipts.yaml --verbose\n
    router policy test --full --format junit --output results.xml""",
)
@PATHS
@click.option("--case", "wanted", help="Only cases with this in their names.")
@click.option("-v", "--verbose", is_flag=True, help="Show the trail of every case, not only of failed ones.")
@click.option("--coverage", "counted", is_flag=True, help="Show how often each check, tier and move was reached.")
@click.option("--full", is_flag=True, help="Fail where a check, tier or move was not reached.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there; the screen still gets the text."
)
def command(
    paths: tuple[Path, ...],
    *,
    wanted: str | None,
    verbose: bool,
    counted: bool,
    full: bool,
    form: str,
    as_json: bool,
    output: Path | None,
) -> int:
    """
    Play the cases of tests/NAME.yaml: recorded replies in, decisions out, no network; exit 1 if one fails.

    PATH is a folder of policies, a policy's file, or the file of its cases. What has mistakes is told as lint tells it,
    and the other policies are played.
    """
    if full and wanted is not None:
        raise click.UsageError("--full is about all cases together, --case about some; leave one of them out")
    log.configure("error")
    found = [one for shelf in shelves(policies_of(paths), Settings.from_env()) for one in _play(shelf, wanted)]
    runs = [one for one in found if isinstance(one, Run) and (one.played or one.whole)]
    broken = [one for one in found if isinstance(one, Broken)]
    if not runs and not broken:
        raise click.UsageError(f"no case has {wanted!r} in its name")
    for problem in (problem for one in broken for problem in one.problems):
        click.echo(as_text(problem), err=True)
    form = "json" if as_json else form
    told = {
        "text": lambda: _text(runs, broken, verbose, counted),
        "json": lambda: as_data(runs, broken),
        "junit": lambda: _junit(runs, broken),
    }
    if output is not None:
        with writing(output):
            output.write_text(told[form](), encoding="utf-8")
    click.echo(told["text" if output is not None else form](), nl=False)
    return 0 if _good(runs, full=full) and not broken else 1


def _play(shelf: Shelf, wanted: str | None) -> Iterator[Run | Broken]:
    """Every policy that can be played, and the files for whose mistakes others cannot; one hides no other."""
    read = survey(shelf.folder, shelf.tiers_file, today=today(), files=shelf.files, budgets=shelf.whole)
    wrong = _by_file(read.problems)
    yield from wrong.values()
    if not wrong.keys().isdisjoint(map(str, (shelf.tiers_file, prices_file(shelf.folder), budgets_file(shelf.folder)))):
        return
    for path, policy in read.policies.items():
        if str(path) not in wrong:
            yield _cases_of(path, policy.bound_to(read.tiers), read, wanted)


def _by_file(problems: Sequence[object]) -> dict[str, Broken]:
    told = sorted((problem for problem in problems if isinstance(problem, Problem)), key=by_place)
    return {file: Broken(file, tuple(group)) for file, group in groupby(told, key=lambda problem: problem.file)}


def _cases_of(path: Path, policy: Policy, read: Survey, wanted: str | None) -> Run | Broken:
    """A policy's cases, played; or why they cannot be."""
    try:
        suite = read_cases(path, policy) or Suite(str(cases_file(path)), (), ())
    except PolicyInvalid as why:
        (broken,) = _by_file(why.problems).values()
        return broken
    chosen = [(c, line) for c, line in zip(suite.cases, suite.lines, strict=True) if (wanted or "") in c.name]
    played = tuple(_timed(policy, case, line, read) for case, line in chosen)
    return Run(policy, suite.file, played, whole=wanted is None)


def _timed(policy: Policy, case: Case, line: int, read: Survey) -> Timed:
    begun, start_ms = perf_counter(), int(datetime.now(UTC).timestamp() * 1000)
    played = asyncio.run(play(policy, case, tiers=read.tiers, prices=read.prices, start_ms=start_ms))
    return Timed(played, line, perf_counter() - begun)


def _good(runs: list[Run], *, full: bool) -> bool:
    played = [one for run in runs for one in run.played]
    passed = bool(played) and all(one.case.passed for one in played)
    return passed and not (full and any(run.gaps for run in runs))


def _text(runs: list[Run], broken: list[Broken], verbose: bool, counted: bool) -> str:
    width = min(WIDTH, console(WIDTH).width)
    lines = [line for run in runs for line in as_lines(run, verbose=verbose, counted=counted, width=width)]
    played = [one for run in runs for one in run.played]
    said = f"{count(len(played), 'case')}, {sum(not one.case.passed for one in played)} failed"
    lines.append(said + (f"; {count(len(broken), 'file')} with mistakes, see above" if broken else ""))
    return "\n".join(lines) + "\n"


def _junit(runs: list[Run], broken: list[Broken]) -> str:
    return junit("router policy test", [*map(as_suite, runs), *map(as_broken_suite, broken)])
