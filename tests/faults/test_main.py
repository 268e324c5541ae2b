"""The command line of the long run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.faults.book import CASES, FAMILIES
from tests.faults.case import Report
from tests.gang import ROOT


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def test_a_family_that_is_none_is_told() -> None:
    """Wrong use is code 2, and says what there is."""
    ended = run("killls")

    assert ended.returncode == 2
    assert f"no family killls; there are {', '.join(FAMILIES)}" in ended.stderr


def test_goes_on_where_an_earlier_run_stopped(tmp_path: Path) -> None:
    """Cases that were written down are not run again: their figures stand in the table."""
    kept = tmp_path / "run.jsonl"
    family = [case for case in CASES if case.family == "recovery"]
    report = Report(faults=7, tasks=123, kills=7, recoveries_s=(31.5, 33.0))
    lines = [{"case": case.name, "baseline": case.baseline, **asdict(report)} for case in family]
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))

    ended = run("recovery", "--json", str(kept), "--resume")

    assert ended.returncode == 0, ended.stderr
    assert f"| {family[0].name} | 7 | 123 | 0 | 0 | 0 | $0.000000 | 0 | 33.0 s / 33.0 s |" in ended.stdout
    assert len(kept.read_text().splitlines()) == len(family)


def test_every_case_has_a_name_of_its_own() -> None:
    """What is written down is found by name."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.many > 0 for case in CASES)
