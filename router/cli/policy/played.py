"""Cases that were played: as lines for people, as JSON, and as suites of JUnit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...cases.coverage import Coverage, coverage
from ...cases.junit import JUnitCase, JUnitSuite
from ...cost import usd
from ...policy import Policy
from ...policytest import Played
from ...problem import Problem
from ..printing import count, dollars
from ..telling import WIDTH, steps_json, story_text
from .formats import as_text, problem_data


@dataclass(frozen=True, slots=True)
class Timed:
    """A case as it went, the line of its file, and how long playing it took."""

    case: Played
    line: int
    seconds: float


@dataclass(frozen=True)
class Run:
    """The cases of one policy that were played; the *whole* of its file, or some."""

    policy: Policy
    file: str
    played: tuple[Timed, ...]
    whole: bool

    @property
    def failed(self) -> int:
        return sum(not one.case.passed for one in self.played)

    @cached_property
    def reached(self) -> Coverage:
        return coverage(self.policy, [one.case.record for one in self.played])

    @property
    def gaps(self) -> tuple[str, ...]:
        """What the cases of the file do not reach; nothing is known of it from some of them."""
        return self.reached.gaps if self.whole else ()


@dataclass(frozen=True)
class Broken:
    """A file for whose mistakes some cases could not be played."""

    file: str
    problems: tuple[Problem, ...]


def as_lines(run: Run, *, verbose: bool, counted: bool, width: int) -> Iterator[str]:
    """For people: what failed, with all that is needed to mend it."""
    if not run.played:
        yield f"{run.policy.policy}: no cases; write some into {run.file}"
        return
    yield f"{run.policy.policy}: {count(len(run.played), 'case')}, {run.failed} failed{_reach(run)}"
    yield from (f"  {gap}" for gap in run.gaps)
    yield from _counts(run.reached) if counted else ()
    for one in run.played:
        if verbose or not one.case.passed:
            cost = dollars(one.case.end.cost_nusd)
            yield f"  {'ok' if one.case.passed else 'FAILED'}  {run.file}:{one.line}: {one.case.case.name}  {cost}"
            yield from (f"    {line}" if line else "" for line in _told(one.case, width=width - 4))


def _reach(run: Run) -> str:
    if not run.whole:
        return ""
    return "; not all of the policy was reached:" if run.gaps else "; every check, tier and move was reached"


def _told(played: Played, *, width: int = WIDTH) -> Iterator[str]:
    yield from map(str, played.differences)
    yield from story_text(played.story, quiet=True, width=width).splitlines()
    if not played.passed:
        yield from played.advice.splitlines()


def _counts(reached: Coverage) -> Iterator[str]:
    """A table of what was reached how often."""
    width = max(map(len, (*reached.found, *reached.tiers, *(f"moves.{move}" for move in reached.moves))))
    yield f"  {'check':<{width}}  found  passed"
    for name, found in reached.found.items():
        yield f"  {name:<{width}}  {found:>5}  {reached.passed[name]:>6}"
    yield f"  {'tier':<{width}}  asked"
    yield from (f"  {name:<{width}}  {asked:>5}" for name, asked in reached.tiers.items())
    yield f"  {'move':<{width}}  times"
    yield from (f"  {f'moves.{move}':<{width}}  {times:>5}" for move, times in reached.moves.items())


def as_data(runs: Sequence[Run], broken: Sequence[Broken]) -> str:
    """For programs: one line of JSON; money as decimal strings in dollars."""
    data = {
        "cases": sum(len(run.played) for run in runs),
        "failed": sum(run.failed for run in runs),
        "policies": [_run_json(run) for run in runs],
        "problems": [problem_data(problem) for one in broken for problem in one.problems],
    }
    return json.dumps(data, ensure_ascii=False) + "\n"


def _run_json(run: Run) -> dict[str, Any]:
    reached = run.reached
    told = {"found": reached.found, "passed": reached.passed, "tiers": reached.tiers, "moves": reached.moves}
    return {
        "policy": run.policy.policy,
        "digest": run.policy.digest,
        "file": run.file,
        "cases": [_case_json(one.case, one.line) for one in run.played],
        "coverage": {**told, "gaps": list(run.gaps)} if run.whole else None,
    }


def _case_json(one: Played, line: int) -> dict[str, Any]:
    end = one.end
    return {
        "name": one.case.name,
        "line": line,
        "passed": one.passed,
        "differences": [{"what": d.what, "expected": d.expected, "got": d.got} for d in one.differences],
        "status": end.status,
        "reason": end.reason,
        "tier": end.tier,
        "attempts": end.attempts,
        "failed": end.failed,
        "warned": end.warned,
        "moves": end.moves,
        "cost_usd": usd(end.cost_nusd),
        "output": end.output,
        "trail": steps_json(one.story),
    }


def as_suite(run: Run) -> JUnitSuite:
    """For continuous integration: coverage as properties, a difference as a failure with its trail."""
    return JUnitSuite(
        name=run.policy.policy,
        file=run.file,
        cases=[_junit_case(one) for one in run.played],
        properties={"digest": run.policy.digest, **(_coverage_properties(run.reached) if run.whole else {})},
    )


def as_broken_suite(broken: Broken) -> JUnitSuite:
    """For continuous integration: what could not be played is no success."""
    first = broken.problems[0]
    said = "\n".join(map(as_text, broken.problems))
    case = JUnitCase(name="can be played", line=first.place.line, seconds=0.0, failure=(first.message, said))
    return JUnitSuite(name=Path(broken.file).stem, file=broken.file, cases=[case])


def _junit_case(one: Timed) -> JUnitCase:
    differences = [str(difference) for difference in one.case.differences]
    return JUnitCase(
        name=one.case.case.name,
        line=one.line,
        seconds=one.seconds,
        failure=("; ".join(differences), "\n".join(_told(one.case))) if differences else None,
        properties={"cost_usd": usd(one.case.end.cost_nusd)},
    )


def _coverage_properties(reached: Coverage) -> dict[str, str]:
    kinds = (("found", reached.found), ("passed", reached.passed), ("tier", reached.tiers), ("move", reached.moves))
    counts = {f"coverage.{kind}.{name}": str(n) for kind, counted in kinds for name, n in counted.items()}
    return counts | {"coverage.gaps": "; ".join(reached.gaps)}
