"""`router policy lint`"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import PolicyInvalid
from ...io.folder import (
    Survey,
    budgets_file,
    cases_file,
    located,
    namesake,
    policy_files,
    prices_file,
    read_cases,
    survey,
)
from ...lint.budgets import budget_doubts
from ...lint.doubts import doubts, prices_doubts, tiers_doubts
from ...lint.surroundings import Measured, Surroundings
from ...policy import Policy
from ...problem import Code, Mistake, Place, Problem, by_place
from ...settings import Settings
from ..garbage import nothing_collected
from ..printing import count
from .formats import FORMATS, as_text
from .shelf import PATHS, Shelf, today
from .targets import Target, targets

if TYPE_CHECKING:
    from ...recorded.recording import Recording


@click.command(name="lint", epilog="Example: router policy lint policies/receipts.yaml --format github")
@PATHS
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMATS]),
    default="text",
    show_default=True,
    help="For people, for programs, for code scanning, or as annotations of a GitHub workflow.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recorded traffic (JSONL): tells which tiers cost more than they save.",
)
def command(paths: tuple[Path, ...], form: str, log_file: Path | None) -> int:
    """
    Report everything that is wrong, at its place; exit 1 if something cannot run, 0 for warnings alone.

    A folder means all of it: policies, tiers, prices, budgets, cases. A policy's file means that policy, its cases, and
    the tiers and prices that it goes by, but not the budgets, nor the days on which models leave. PATH may also be
    tiers.yaml, prices.yaml, budgets.yaml or a file of cases: then that file alone is told about, seen with its folder.
    `router policy code POL012` explains a code.
    """
    with nothing_collected():
        seen = [problem for target in targets(paths, Settings.from_env()) for problem in _told(target, log_file)]
    found = sorted(dict.fromkeys(seen), key=by_place)
    mistakes = sum(problem.code.severity == "error" for problem in found)
    if form == "text":
        for problem in found:
            click.echo(as_text(problem))
        click.echo(f"{count(mistakes, 'mistake')}, {count(len(found) - mistakes, 'warning')}")
    elif printed := FORMATS[form](found):
        click.echo(printed)
    return 1 if mistakes else 0


def _told(target: Target, log_file: Path | None) -> Iterator[Problem]:
    only = {str(path) for path in target.only}
    for problem in _lint(target.shelf, log_file):
        if not only or problem.file in only:
            yield problem
        elif problem.code is Code.NO_PRICE:
            yield from _lacking(problem, target)


def _lacking(problem: Problem, target: Target) -> Iterator[Problem]:
    """A tier without a price, where the prices alone are told about: beside the model that is probably misspelt."""
    prices = prices_file(target.shelf.folder)
    if prices in target.only:
        said = f"{problem.message} ({problem.file}:{problem.place.line})"
        yield from located(prices, [Mistake(("prices", problem.suggestion or ""), said, problem.code)])


def _lint(shelf: Shelf, log_file: Path | None) -> Iterator[Problem]:
    read = survey(shelf.folder, shelf.tiers_file, today=today(), files=shelf.files, budgets=shelf.whole)
    yield from (problem for problem in read.problems if isinstance(problem, Problem))
    around = Surroundings(read.tiers, read.prices, today())
    yield from located(shelf.tiers_file, _of_tiers(shelf, around))
    yield from located(prices_file(shelf.folder), prices_doubts(read.prices, around))
    recordings = yield from _recordings(log_file)
    for path, policy in read.policies.items():
        seen = replace(around, measured=_measured(policy, recordings, read) if recordings else {})
        yield from located(path, [*doubts(policy, seen), *_namesakes(path, policy, shelf)])
    if read.budgets:
        known = [policy.on(read.tiers) for policy in read.policies.values()]
        yield from located(budgets_file(shelf.folder), list(budget_doubts(read.budgets, known, around)))
    yield from _cases(shelf, read)


def _of_tiers(shelf: Shelf, around: Surroundings) -> list[Mistake]:
    """A model that leaves is the matter of who keeps the tiers: a single policy's author cannot help it."""
    return [doubt for doubt in tiers_doubts(around) if shelf.whole or doubt.code is not Code.SUNSET]


def _namesakes(path: Path, policy: Policy, shelf: Shelf) -> Iterator[Mistake]:
    """In a whole folder two of one name are a mistake; one of them alone may be a draft of the other."""
    other = namesake(path, policy) if not shelf.whole else None
    if other is not None and other not in shelf.files:
        said = f"policy {policy.policy!r} is in {other} too: a folder with both cannot be loaded; give one another name"
        yield Mistake(("policy",), said, Code.UNLIKELY)


def _recordings(log_file: Path | None) -> Generator[Problem, None, Sequence[Recording]]:
    """The lines of a log; those that are no recordings are told."""
    if log_file is None:
        return []
    from ...io.log_file import read_log  # noqa: PLC0415  (only who gives a log pays for it)

    log = read_log(str(log_file), skip_bad=True)
    yield from log.skipped
    return log.recordings


def _measured(policy: Policy, recordings: Sequence[Recording], read: Survey) -> dict[str, Measured]:
    from ...recorded.passrates import pass_rates  # noqa: PLC0415

    return pass_rates(policy.bound_to(read.tiers).on(read.tiers), recordings, read.prices)


def _cases(shelf: Shelf, read: Survey) -> Iterator[Problem]:
    for path, policy in read.policies.items():
        try:
            read_cases(path, policy)
        except PolicyInvalid as why:
            yield from (problem for problem in why.problems if isinstance(problem, Problem))
    yield from _stray_cases(shelf) if shelf.whole else ()


def _stray_cases(shelf: Shelf) -> Iterator[Problem]:
    known = {cases_file(path) for path in (*shelf.files, *policy_files(shelf.folder))}
    for path in sorted((shelf.folder / "tests").glob("*.yaml")):
        if path not in known:
            said = f"there is no policy file {shelf.folder / path.name} that these cases could be for"
            yield Problem(str(path), Place(1, 1), said, code=Code.WRONG_CASE)
