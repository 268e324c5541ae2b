"""`make faults`: the long run over all cases, or over families of them: `python -m tests.faults kills rq baseline`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.e2e.house import House

from .book import CASES, FAMILIES
from .case import Case, Report
from .table import table, total

_AT_ONCE = 4
"""Cases under way: most of their time they wait for leases and open calls."""


def main() -> int:
    """Run, print the table; 1 where a promise is broken, 2 for wrong use."""
    arguments = _arguments()
    chosen = [case for case in CASES if not arguments.families or case.family in arguments.families]
    kept = _kept(arguments.json) if arguments.resume else {}
    with tempfile.TemporaryDirectory(prefix="router-faults-") as folder, House(Path(folder)) as house:
        with ThreadPoolExecutor(arguments.at_once) as pool:
            run = [pool.submit(_run, house, case, kept, arguments) for case in chosen]
            results = [(case, done.result()) for case, done in zip(chosen, run, strict=True)]
    print(table(results))
    return _verdict(results)


def _run(house: House, case: Case, kept: dict[str, Report], arguments: argparse.Namespace) -> Report:
    """Run one case, unless an earlier run has; what it reports is written down at once."""
    if case.name in kept:
        return kept[case.name]
    began_s = time.monotonic()
    try:
        report = case.run(house, max(1, int(case.many * arguments.scale)))
    except Exception as why:  # noqa: BLE001  # the other cases go on; this one is told as broken
        traceback.print_exc()
        report = Report(faults=0, tasks=0, broken=(f"the case did not end: {why!r}",))
    print(f"{time.monotonic() - began_s:6.0f} s  {case.family}: {case.name}", file=sys.stderr, flush=True)
    if arguments.json:
        with arguments.json.open("a") as file:
            file.write(json.dumps({"case": case.name, "baseline": case.baseline, **asdict(report)}) + "\n")
    return report


def _kept(file: Path | None) -> dict[str, Report]:
    """What an earlier run wrote down, promises that held only: the others are tried again."""
    if file is None or not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {line["case"]: _report(line) for line in lines if not line["broken"]}


def _report(line: dict[str, object]) -> Report:
    fields = {name: value for name, value in line.items() if name not in ("case", "baseline")}
    fields |= {name: tuple(line[name]) for name in ("broken", "recoveries_s")}  # type: ignore[call-overload]
    return Report(**fields)  # type: ignore[arg-type]


def _verdict(results: Sequence[tuple[Case, Report]]) -> int:
    ours = total(report for case, report in results if not case.baseline)
    for case, report in results:
        for said in report.broken[:20]:
            print(f"BROKEN  {case.name}: {said}", file=sys.stderr)
    print(f"{ours.tasks:,} tasks, {ours.faults:,} faults, {len(ours.broken)} broken promises", file=sys.stderr)
    return 1 if ours.broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"of cases: {', '.join(FAMILIES)}; default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line for each case as it ends")
    parser.add_argument("--resume", action="store_true", help="take the cases that FILE has, and run the others")
    parser.add_argument("--scale", type=float, default=1.0, help="of each case's number of tasks (default 1)")
    parser.add_argument("--at-once", type=int, default=_AT_ONCE, help=f"cases at the same time (default {_AT_ONCE})")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.families) - set(FAMILIES)):
        parser.error(f"no family {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    if arguments.resume and not arguments.json:
        parser.error("--resume needs --json FILE")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
