"""`router policy test`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ... import log
from ...io.folder import cases_file, read_cases
from ...policy import Policy
from ...policycase import Suite
from ...policytest import Played, coverage, play_all
from ...settings import Settings
from ..printing import count, print_json
from .shelf import PATHS, Shelf, shelves


@click.command(name="test", epilog="Example: router policy test policies/receipts.yaml --verbose")
@PATHS
@click.option("-v", "--verbose", is_flag=True, help="Show the trail of every case, not only of failed ones.")
@click.option("--json", "as_json", is_flag=True)
def command(paths: tuple[Path, ...], verbose: bool, as_json: bool) -> int:
    """Play the cases of tests/NAME.yaml: recorded replies in, decisions out, no network; exit 1 if one fails."""
    log.configure("error")
    runs = [run for shelf in shelves(paths, Settings.from_env()) for run in _play(shelf)]
    played = [one for run in runs for one in run.played]
    failed = sum(not one.passed for one in played)
    if as_json:
        print_json({"cases": len(played), "failed": failed, "policies": [run.as_json() for run in runs]})
    else:
        for run in runs:
            click.echo("\n".join(run.told(verbose=verbose)))
        click.echo(f"{count(len(played), 'case')}, {failed} failed")
    return 0 if played and not failed else 1


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


def _play(shelf: Shelf) -> Iterator[_Run]:
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
