"""`router policy lint`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ...errors import PolicyInvalid
from ...io.folder import cases_file, read_cases, read_policy, read_tiers
from ...policylint import doubts, tier_doubts
from ...policyrules import Mistake
from ...problem import Code, Place, Problem
from ...settings import Settings
from ...tier import Tier
from ...yamlfile import read_yaml
from ..printing import count, print_json
from .shelf import PATHS, Shelf, shelves, today


@click.command(name="lint", epilog="Example: router policy lint policies/receipts.yaml")
@PATHS
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(paths: tuple[Path, ...], form: str) -> int:
    """Report every mistake of policies, tiers, prices and cases at its place; exit 1 if there is one."""
    found = [problem for shelf in shelves(paths, Settings.from_env()) for problem in _lint(shelf)]
    mistakes = sum(problem.code is not Code.UNLIKELY for problem in found)
    if form == "json":
        print_json([_problem_json(problem) for problem in found])
        return 1 if mistakes else 0
    for problem in found:
        click.echo(str(problem if problem.code is not Code.UNLIKELY else _as_warning(problem)))
    click.echo(f"{count(mistakes, 'mistake')}, {count(len(found) - mistakes, 'warning')}")
    return 1 if mistakes else 0


def _lint(shelf: Shelf) -> Iterator[Problem]:
    try:
        shelf.book()
    except PolicyInvalid as why:
        yield from _problems(why)
    tiers = _tiers(shelf)
    yield from _located(shelf.tiers_file, tier_doubts(tiers, today()) if tiers else [])
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


def _tiers(shelf: Shelf) -> dict[str, Tier]:
    try:
        return read_tiers(shelf.tiers_file)
    except PolicyInvalid:
        return {}  # told by whoever read the book


def _stray_cases(shelf: Shelf) -> Iterator[Problem]:
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
