"""`router policy test`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import click

from ... import log
from ...io.folder import cases_file, read_cases
from ...junit import junit
from ...policycase import Suite
from ...policytest import play
from ...settings import Settings
from ..printing import console, count
from ..telling import WIDTH
from .played import Run, Timed, as_data, as_lines, as_suite
from .shelf import PATHS, Shelf, shelves

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
    """Play the cases of tests/NAME.yaml: recorded replies in, decisions out, no network; exit 1 if one fails."""
    if full and wanted is not None:
        raise click.UsageError("--full is about all cases together, --case about some; leave one of them out")
    log.configure("error")
    played = [run for shelf in shelves(paths, Settings.from_env()) for run in _play(shelf, wanted)]
    runs = [run for run in played if run.played or run.whole]
    if not runs:
        raise click.UsageError(f"no case has {wanted!r} in its name")
    form = "json" if as_json else form
    told = {"text": lambda: _text(runs, verbose, counted), "json": lambda: as_data(runs), "junit": lambda: _junit(runs)}
    if output is not None:
        output.write_text(told[form](), encoding="utf-8")
    click.echo(told["text" if output is not None else form](), nl=False)
    return 0 if _good(runs, full=full) else 1


def _play(shelf: Shelf, wanted: str | None) -> Iterator[Run]:
    """Raises: PolicyInvalid."""
    book = shelf.book()
    start_ms = int(datetime.now(UTC).timestamp() * 1000)
    for path, policy in zip(shelf.files, book.policies.values(), strict=True):
        suite = read_cases(path, policy) or Suite(str(cases_file(path)), (), ())
        chosen = [(c, line) for c, line in zip(suite.cases, suite.lines, strict=True) if (wanted or "") in c.name]
        played = []
        for case, line in chosen:
            begun = perf_counter()
            one = asyncio.run(play(policy, case, tiers=book.tiers, prices=book.prices, start_ms=start_ms))
            played.append(Timed(one, line, perf_counter() - begun))
        yield Run(policy, suite.file, tuple(played), whole=wanted is None)


def _good(runs: list[Run], *, full: bool) -> bool:
    played = [one for run in runs for one in run.played]
    passed = bool(played) and all(one.case.passed for one in played)
    return passed and not (full and any(run.gaps for run in runs))


def _text(runs: list[Run], verbose: bool, counted: bool) -> str:
    width = min(WIDTH, console(WIDTH).width)
    lines = [line for run in runs for line in as_lines(run, verbose=verbose, counted=counted, width=width)]
    played = [one for run in runs for one in run.played]
    lines.append(f"{count(len(played), 'case')}, {sum(not one.case.passed for one in played)} failed")
    return "\n".join(lines) + "\n"


def _junit(runs: list[Run]) -> str:
    return junit("router policy test", [as_suite(run) for run in runs])
