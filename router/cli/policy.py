"""`router policy`"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from .. import log
from ..app import open_store
from ..budget import Budget
from ..errors import PolicyInvalid, TaskInvalid
from ..io.folder import Book, budgets_file, cases_file, policy_files, read_book, read_cases, read_policy, read_tiers
from ..policy import Policy
from ..policycase import Suite
from ..policyexplain import explain as explained
from ..policylint import doubts, tier_doubts
from ..policyrules import Mistake
from ..policyschema import editor_schema
from ..policytest import Played, coverage, play_all
from ..problem import Code, Place, Problem
from ..schema import Validator
from ..settings import Settings
from ..tier import Tier
from ..yamlfile import read_yaml
from .budget import in_force
from .explanation import as_data, as_lines
from .printing import count, print_json
from .task import read_input

_PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))


@click.group(name="policy", epilog="Example: router policy lint policies")
def command() -> None:
    """Check, test, explain and publish policies. PATH is a folder or a policy's file; without one: ROUTER_POLICIES."""


@command.command(epilog="Example: router policy lint policies/receipts.yaml")
@_PATHS
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def lint(paths: tuple[Path, ...], form: str) -> int:
    """Report every mistake of policies, tiers, prices and cases at its place; exit 1 if there is one."""
    found = [problem for shelf in _shelves(paths, Settings.from_env()) for problem in _lint(shelf)]
    mistakes = sum(problem.code is not Code.UNLIKELY for problem in found)
    if form == "json":
        print_json([_problem_json(problem) for problem in found])
        return 1 if mistakes else 0
    for problem in found:
        click.echo(str(problem if problem.code is not Code.UNLIKELY else _as_warning(problem)))
    click.echo(f"{count(mistakes, 'mistake')}, {count(len(found) - mistakes, 'warning')}")
    return 1 if mistakes else 0


@command.command(epilog="Example: router policy test policies/receipts.yaml --verbose")
@_PATHS
@click.option("-v", "--verbose", is_flag=True, help="Show the trail of every case, not only of failed ones.")
@click.option("--json", "as_json", is_flag=True)
def test(paths: tuple[Path, ...], verbose: bool, as_json: bool) -> int:
    """Play the cases of tests/NAME.yaml: recorded replies in, decisions out, no network; exit 1 if one fails."""
    log.configure("error")
    runs = [run for shelf in _shelves(paths, Settings.from_env()) for run in _play(shelf)]
    played = [one for run in runs for one in run.played]
    failed = sum(not one.passed for one in played)
    if as_json:
        print_json({"cases": len(played), "failed": failed, "policies": [run.as_json() for run in runs]})
    else:
        for run in runs:
            click.echo("\n".join(run.told(verbose=verbose)))
        click.echo(f"{count(len(played), 'case')}, {failed} failed")
    return 0 if played and not failed else 1


@command.command(epilog="Example: router policy publish policies")
@_PATHS
@click.option("--json", "as_json", is_flag=True)
def publish(paths: tuple[Path, ...], as_json: bool) -> int:
    """
    Make these versions the current ones for all producers and workers; tasks on their way keep theirs. The budgets of a
    whole folder come into force, too.
    """
    settings = Settings.from_env()
    shelves = [(shelf, shelf.book()) for shelf in _shelves(paths, settings)]
    policies = [policy for _, book in shelves for policy in book.policies.values()]
    budgets = [book.budgets for shelf, book in shelves if shelf.whole and book.budgets is not None]
    asyncio.run(_publish(settings, policies, budgets))
    if as_json:
        print_json([{"policy": policy.policy, "digest": policy.digest} for policy in policies])
    else:
        for policy in policies:
            click.echo(f"{policy.policy}  {policy.digest}")
    without = [shelf.folder for shelf, book in shelves if shelf.whole and book.budgets is None]
    if without and not budgets and (number := in_force(settings)):
        told = f"there is no {budgets_file(without[0])}: what is in force stays ({count(number, 'budget')})"
        click.echo(f"{told}; to drop it, publish such a file with `budgets: []`", err=True)
    return 0


@command.command(epilog="Example: router policy schema > policies/policy.schema.json")
def schema() -> int:
    """Print the JSON Schema of policy files, for editors that complete and check YAML."""
    click.echo(schema_text(), nl=False)
    return 0


@command.command(epilog="""Example: router policy explain intents --input '{"text": "Where is my parcel?"}'""")
@click.argument("policy")
@click.option("--input", "given", required=True, help="JSON, @FILE, or - for standard input.")
@click.option("--json", "as_json", is_flag=True)
def explain(policy: str, given: str, as_json: bool) -> int:
    """Show what each tier would be asked and which checks its reply must pass. POLICY is a name or a file."""
    settings = Settings.from_env()
    path = Path(policy) if policy.endswith(".yaml") else settings.policies / f"{policy}.yaml"
    if not path.is_file():
        raise click.UsageError(f"there is no policy file {path}; give a file, or a name in {settings.policies}")
    (shelf,) = _shelves((path,), settings)
    book = shelf.book()
    (known,) = book.policies.values()
    value = read_input(given)
    if problem := Validator(known.input.json_schema).problem(value):
        raise TaskInvalid(f"the input does not meet the schema of policy {known.policy!r}: {problem}")
    explanation = explained(known, value, tiers=book.tiers, prices=book.prices, day=_today())
    if as_json:
        print_json(as_data(explanation))
    else:
        click.echo("\n".join(as_lines(explanation)))
    return 0


def schema_text() -> str:
    """What policies/policy.schema.json holds."""
    return json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Some policies of one folder, with the tiers and prices that they go by, and its budgets if it is *whole*."""

    folder: Path
    tiers_file: Path
    files: tuple[Path, ...]
    whole: bool

    def book(self) -> Book:
        """Raises: PolicyInvalid."""
        return read_book(self.folder, self.tiers_file, today=_today(), files=self.files, budgets=self.whole)


def _shelves(paths: Sequence[Path], settings: Settings) -> list[_Shelf]:
    """What is meant by some paths, folder by folder. Raises: click.UsageError."""
    files: dict[Path, list[Path]] = {}
    whole: set[Path] = set()
    if not paths and not settings.policies.is_dir():
        raise click.UsageError(f"there is no folder {settings.policies}; give a PATH, or set ROUTER_POLICIES")
    for path in paths or (settings.policies,):
        if path.is_dir():
            whole.add(path)
            files.setdefault(path, []).extend(policy_files(path))
        else:
            files.setdefault(path.parent, []).append(path)
    for folder, found in files.items():
        if not found:
            raise click.UsageError(f"{folder} holds no policies; give a folder of policies, or a policy's file")
    return [
        _Shelf(folder, settings.tiers or folder / "tiers.yaml", tuple(dict.fromkeys(found)), folder in whole)
        for folder, found in files.items()
    ]


def _lint(shelf: _Shelf) -> Iterator[Problem]:
    try:
        shelf.book()
    except PolicyInvalid as why:
        yield from _problems(why)
    tiers = _tiers(shelf)
    yield from _located(shelf.tiers_file, tier_doubts(tiers, _today()) if tiers else [])
    for path in shelf.files:
        try:
            policy = read_policy(path)
        except PolicyInvalid:
            continue  # told above
        if policy.tier_names <= set(tiers):
            yield from _located(path, doubts(policy, tiers))
        try:
            read_cases(path, policy)
        except PolicyInvalid as why:
            yield from _problems(why)
    yield from _stray_cases(shelf) if shelf.whole else ()


def _tiers(shelf: _Shelf) -> dict[str, Tier]:
    try:
        return read_tiers(shelf.tiers_file)
    except PolicyInvalid:
        return {}  # told by whoever read the book


def _stray_cases(shelf: _Shelf) -> Iterator[Problem]:
    known = {cases_file(path) for path in shelf.files}
    for path in sorted((shelf.folder / "tests").glob("*.yaml")):
        if path not in known:
            said = f"there is no policy file {shelf.folder / path.name} that these cases could be for"
            yield Problem(str(path), Place(1, 1), said, code=Code.WRONG_CASE)


def _located(path: Path, mistakes: Sequence[Mistake]) -> list[Problem]:
    document = read_yaml(path.read_text("utf-8"), str(path)) if mistakes else None
    return [document.problem(m.path, m.message, code=m.code) for m in mistakes] if document else []


def _problems(why: PolicyInvalid) -> list[Problem]:
    return [problem for problem in why.problems if isinstance(problem, Problem)]


def _as_warning(problem: Problem) -> Problem:
    return replace(problem, message=f"warning: {problem.message}")


def _problem_json(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "code": problem.code.value,
        "severity": "warning" if problem.code is Code.UNLIKELY else "error",
        "message": problem.message,
        "suggestion": problem.suggestion,
    }


@dataclass(frozen=True, slots=True)
class _Run:
    """The cases of one policy, played; `suite` is None where it has none."""

    policy: Policy
    file: Path
    suite: Suite | None
    played: tuple[Played, ...]

    def told(self, *, verbose: bool) -> Iterator[str]:
        if self.suite is None:
            yield f"{self.policy.policy}: no cases; write some into {self.file}"
            return
        failed = sum(not one.passed for one in self.played)
        gaps = coverage(self.policy, self.played).gaps
        yield f"{self.policy.policy}: {count(len(self.played), 'case')}, {failed} failed; " + (
            "not all of the policy was reached:" if gaps else "every check, tier and move was reached"
        )
        yield from (f"  {gap}" for gap in gaps)
        for one, line in zip(self.played, self.suite.lines, strict=True):
            if verbose or not one.passed:
                yield f"  {'ok' if one.passed else 'FAILED'}  {self.file}:{line}: {one.case.name}"
                yield from (f"    {difference}" for difference in one.differences)
                yield from (f"    {told}" for told in one.story())

    def as_json(self) -> dict[str, Any]:
        reached = coverage(self.policy, self.played)
        return {
            "policy": self.policy.policy,
            "file": str(self.file),
            "cases": [_played_json(one, line) for one, line in zip(self.played, self._lines, strict=True)],
            "coverage": {
                "found": reached.found,
                "passed": reached.passed,
                "tiers": reached.tiers,
                "moves": reached.moves,
                "gaps": list(reached.gaps),
            },
        }

    @property
    def _lines(self) -> tuple[int, ...]:
        return self.suite.lines if self.suite is not None else ()


def _play(shelf: _Shelf) -> Iterator[_Run]:
    """Raises: PolicyInvalid."""
    book = shelf.book()
    start_ms = int(datetime.now(UTC).timestamp() * 1000)
    for path, policy in zip(shelf.files, book.policies.values(), strict=True):
        suite = read_cases(path, policy)
        play = play_all(policy, suite, tiers=book.tiers, prices=book.prices, start_ms=start_ms) if suite else None
        yield _Run(policy, cases_file(path), suite, asyncio.run(play) if play else ())


def _played_json(one: Played, line: int) -> dict[str, Any]:
    return {
        "name": one.case.name,
        "line": line,
        "passed": one.passed,
        "differences": [{"what": d.what, "expected": d.expected, "got": d.got} for d in one.differences],
        "status": one.status,
        "reason": one.record.reason,
        "tier": one.tier,
        "attempts": len(one.trail),
        "failed": one.failed,
        "warned": one.warned,
        "moves": one.moves,
        "output": one.record.output,
        "trail": list(one.story()),
    }


async def _publish(settings: Settings, policies: Sequence[Policy], budgets: Iterable[Sequence[Budget]]) -> None:
    async with open_store(settings) as store:
        await store.publish(policies)
        for published in budgets:
            await store.publish_budgets(published)


def _today() -> date:
    return datetime.now(UTC).date()
