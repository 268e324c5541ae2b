"""`router policy backtest`: the frontier as a table, as data and as a picture."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.science.data import DATA, SOURCES
from tests.shell import Shell

SHIPPED = Path(__file__).parents[2] / "policies"
POLICY = """\
policy: answers
prompt: {system: Answer., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}, required: [text]}}
output: {text: {}}
tiers: [mini, large]
checks:
  - {check: confidence, at_least: 0.7, tiers: [mini]}
"""


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "answers.yaml").write_text(POLICY)
    return str(tmp_path / "answers.yaml")


def a_task(number: int) -> dict[str, Any]:
    """Mini is right in two of three, and surer where it is."""
    right = number % 3 != 0
    mini = {"output": "yes" if right else "no", "confidence": 0.9 if right else 0.4, "cost_usd": "0.0001"}
    return {
        "id": f"t{number}",
        "input": {"text": "?"},
        "expected": "yes",
        "replies": {"mini": mini, "large": {"output": "yes", "confidence": 0.99, "cost_usd": "0.001"}},
    }


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(a_task(number)) + "\n" for number in range(30)))
    return str(path)


def test_prints_a_table(shell: Shell, policy: str, log: str) -> None:
    """Every way has its cost, its share of the top tier's, how often it is right, and what a right one costs."""
    assert shell("policy", "backtest", policy, "--log", log) == 0

    rows = {line.split("  ")[0]: line for line in shell.out.splitlines()}
    assert "30 tasks of" in shell.out.splitlines()[0]
    assert "10.0% (10.0% to 10.0%)" in rows["always mini"]
    assert "66.7% (48.8% to 80.8%)" in rows["always mini"]
    assert "$0.000433" in rows["this policy"]
    assert "100.0% (88.6% to 100.0%)" in rows["this policy"]
    assert {"always large", "oracle", "random mix of the same cost", "confidence at_least 0.9"} <= rows.keys()


def test_gives_programs_the_points(shell: Shell, policy: str, log: str, tmp_path: Path) -> None:
    """JSON and CSV hold the same rows, money as decimal strings in dollars."""
    table = tmp_path / "frontier.csv"

    told = shell.json("policy", "backtest", policy, "--log", log, "--csv", str(table), "--json")

    assert (told["tasks"], told["top"], told["cheapest"], told["right_is"]) == (30, "large", "mini", "as labelled")
    own = next(point for point in told["points"] if point["kind"] == "policy")
    assert (own["cost_usd"], own["right"], own["cost_per_right_usd"]) == ("0.000433333", 1.0, "0.000433333")
    rows = list(csv.DictReader(StringIO(table.read_text())))
    assert [row["name"] for row in rows] == [point["name"] for point in told["points"]]
    assert [row["cost_usd"] for row in rows] == [point["cost_usd"] for point in told["points"]]


def test_draws_a_picture(shell: Shell, policy: str, log: str, tmp_path: Path) -> None:
    """As PNG or as SVG, by the name of the file; the words of the picture stand in an SVG as such."""
    png, svg = tmp_path / "frontier.png", tmp_path / "frontier.svg"

    for file in (png, svg):
        assert shell("policy", "backtest", policy, "--log", log, "--plot", str(file)) == 0

    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    text = svg.read_text()
    for said in ("cost, as a share of always asking large", "random mix", "oracle", "this policy", "always mini"):
        assert f">{said}<" in text


def test_agreement_stands_in_for_labels(shell: Shell, policy: str, tmp_path: Path) -> None:
    """Without labels what says the same as the top tier counts as right, and the table says so."""
    log = tmp_path / "log.jsonl"
    tasks = [{key: value for key, value in a_task(number).items() if key != "expected"} for number in range(6)]
    log.write_text("".join(json.dumps(task) + "\n" for task in tasks))

    assert shell("policy", "backtest", policy, "--log", str(log)) == 0
    assert "an output counts as right if it says the same as that of large" in shell.out
    assert "same as large" in shell.out


def test_says_that_a_promise_is_not_certified(shell: Shell, policy: str, log: str) -> None:
    """A policy that accepts nothing below its top tier, for want of a certificate, does not look like a bad one."""
    Path(policy).write_text(POLICY + "promise: {kind: regret, at_most: 0.05}\n")

    assert shell("policy", "backtest", policy, "--log", log) == 0
    said = "no certificate holds for its promise: nothing is accepted below large; run `router calibrate answers`"
    assert said in shell.out.splitlines()[1]


def test_what_cannot_be_tried_is_told(shell: Shell, policy: str, log: str, tmp_path: Path) -> None:
    """Tasks that lack something are counted; if all do, that is a sentence and no success."""
    lines = Path(log).read_text().splitlines()
    lone = json.dumps(a_task(99) | {"replies": {"mini": {"output": "yes", "cost_usd": "0.0001"}}})
    some, none = tmp_path / "some.jsonl", tmp_path / "none.jsonl"
    some.write_text("\n".join([*lines, lone]))
    none.write_text(lone)

    assert shell("policy", "backtest", policy, "--log", str(some)) == 0
    assert "Tasks are left out that lack something: a reply of large for 1 task." in shell.out
    assert shell("policy", "backtest", policy, "--log", str(none)) == 2
    assert f"{none} has no task on which all ways can be tried" in shell.err


def test_a_picture_needs_a_known_form(shell: Shell, policy: str, log: str) -> None:
    """Another suffix is wrong use, told before anything is worked out."""
    assert shell("policy", "backtest", policy, "--log", log, "--plot", "frontier.gif") == 2
    assert "--plot is frontier.gif, expected a file that ends with .png or .svg" in shell.err


@pytest.mark.parametrize("option", ["--csv", "--plot"])
def test_a_file_that_cannot_be_written_is_told(shell: Shell, policy: str, log: str, option: str) -> None:
    """A folder that is not there is a sentence and exit code 2."""
    assert shell("policy", "backtest", policy, "--log", log, option, "/nowhere/frontier.png") == 2
    assert shell.err == "router: /nowhere/frontier.png cannot be written: No such file or directory\n"


def test_names_the_extra_that_is_missing(policy: str, log: str, tmp_path: Path) -> None:
    """The table needs no library; a picture says which one is not installed, and how to get it."""
    script = "import sys; sys.modules['matplotlib'] = None; from router.cli import main; main(sys.argv[1:])"
    words = [sys.executable, "-c", script, "policy", "backtest", policy, "--log", log]

    runs = [
        subprocess.run([*words, *more], capture_output=True, text=True, check=False)
        for more in ([], ["--plot", str(tmp_path / "frontier.png")])
    ]

    assert [run.returncode for run in runs] == [0, 2]
    assert "policy backtest --plot needs matplotlib; install it with: pip install 'router[science]'" in runs[1].stderr


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data beside the checkout")
def test_reads_real_traffic(shell: Shell, policy: str, tmp_path: Path) -> None:
    """A log of recorded runs gives a frontier on every one of its tasks."""
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(list(SOURCES["mmlu"].lines())[:400]))

    told = shell.json("policy", "backtest", policy, "--log", str(log), "--json")

    assert (told["tasks"], told["left_out"]) == (400, {})
    assert len([point for point in told["points"] if point["kind"] == "threshold"]) > 10
