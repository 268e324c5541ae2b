"""`router policy diff`: what changes between two versions, in words and on recorded traffic."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import TIERS, a_policy
from tests.cli.colours import POLICY, SHIPPED
from tests.cli.desk import CliDesk
from tests.shell import Shell

STRICT = POLICY.replace("0.8", "0.9")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two versions of a policy, at the shipped tiers and prices."""
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "old.yaml").write_text(POLICY)
    (tmp_path / "new.yaml").write_text(STRICT)
    return tmp_path


@pytest.fixture
def quiet(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def a_task(number: int, sure: float, **changes: Any) -> dict[str, Any]:
    mini = {"output": "red", "confidence": sure, "cost_usd": "0.0001", "latency_ms": 500, "model": "gpt-4o-mini"}
    large = {"output": "blue", "cost_usd": "0.002", "latency_ms": 900}
    told = {
        "id": f"t{number}",
        "input": {"text": "plum"},
        "expected": "blue",
        "replies": {"mini": mini, "large": large},
    }
    return told | changes


def a_log(folder: Path, *tasks: dict[str, Any]) -> str:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return str(path)


def versions(folder: Path) -> tuple[str, str]:
    return str(folder / "old.yaml"), str(folder / "new.yaml")


def test_tells_what_changes(quiet: Shell, folder: Path) -> None:
    """Without a log the change stands there in words; two equal versions differ in nothing, and that is no failure."""
    old, new = versions(folder)

    assert quiet("policy", "diff", old, new) == 0
    assert quiet.out.splitlines()[1:] == ["  check confidence at_least: 0.8 -> 0.9"]
    assert quiet("policy", "diff", old, old) == 0
    assert quiet.out.splitlines()[1:] == ["  nothing changes"]


def test_says_that_a_promise_is_not_certified(quiet: Shell, folder: Path) -> None:
    """A version whose promise lacks a certificate accepts nothing below the top tier, and diff says so."""
    old, new = versions(folder)
    Path(new).write_text(f"{STRICT}promise: {{kind: regret, at_most: 0.05}}\n")

    assert quiet("policy", "diff", old, new) == 0
    told = [line for line in quiet.out.splitlines() if "no certificate holds for its promise" in line]
    assert [line.split()[1].rstrip(":") for line in told] == [quiet.out.split()[4]]


@pytest.mark.parametrize("option", ["--log", "--on"])
def test_judges_recorded_traffic_again(quiet: Shell, folder: Path, option: str) -> None:
    """What would be decided otherwise is counted, measured with intervals, and listed."""
    log = a_log(folder, *(a_task(number, 0.95) for number in range(8)), a_task(8, 0.85), a_task(9, 0.5))

    assert quiet("policy", "diff", *versions(folder), option, log) == 0

    said = quiet.out
    assert f"10 tasks of {log}, judged again under both; no model was asked" in said
    assert "decided otherwise: 1 of 10, 10.0% (1.8% to 40.4%)\n  mini -> large: 1\n" in said
    rows = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert rows["escalated"][1] == "10.0%"
    assert rows["cost a task"][3] == "$0.000300"
    assert "  t8  mini -> large  $0.000100  ->  $0.002100" in said
    assert "Beware" not in said


def test_gives_programs_all_of_it(quiet: Shell, folder: Path) -> None:
    """As JSON money is decimal strings in dollars, and every changed task is there."""
    log = a_log(folder, *(a_task(number, 0.85) for number in range(12)))

    told = quiet.json("policy", "diff", *versions(folder), "--log", log, "--json")

    assert told["changes"][0] == {
        "part": "check confidence",
        "how": "changed",
        "what": "at_least",
        "old": 0.8,
        "new": 0.9,
        "said": "check confidence at_least: 0.8 -> 0.9",
    }
    traffic = told["traffic"]
    assert (traffic["tasks"], traffic["right_is"], traffic["changed"]["count"]) == (12, "as labelled", 12)
    assert traffic["outcomes"] == [{"old": "mini", "new": "large", "tasks": 12}]
    measures = {measure["name"]: measure for measure in traffic["measures"]}
    assert measures["cost a task"]["difference"]["value"] == "0.002000000"
    assert measures["accepted although wrong"]["new"]["value"] == 0.0
    assert len(traffic["changed_tasks"]) == 12
    assert traffic["changed_tasks"][0] == {
        "id": "t0",
        "old": "mini",
        "new": "large",
        "old_usd": ["0.000100000", "0.000100000"],
        "new_usd": ["0.002100000", "0.002100000"],
    }


def test_lists_the_changed_tasks(quiet: Shell, folder: Path) -> None:
    """The first ten, and with --all every one."""
    log = a_log(folder, *(a_task(number, 0.85) for number in range(12)))

    quiet("policy", "diff", *versions(folder), "--log", log)
    assert "changed tasks (10 of 12; --all lists them)" in quiet.out
    quiet("policy", "diff", *versions(folder), "--log", log, "--all")
    assert quiet.out.count("mini -> large  $") == 12


def test_tells_what_the_log_does_not(quiet: Shell, folder: Path) -> None:
    """Missing replies are counted and bounded, other replies than today's are warned of, and so is missing truth."""
    (folder / "new.yaml").write_text(STRICT.replace("Name the colour.", "Say the colour."))
    tasks = [a_task(number, 0.85 if number < 3 else 0.95) for number in range(6)]
    for task in tasks:
        del task["expected"]
    del tasks[0]["replies"]["large"]

    quiet("policy", "diff", *versions(folder), "--log", a_log(folder, *tasks))

    assert (
        "Beware: the replies are recorded ones. prompt system changed, so models may answer otherwise now." in quiet.out
    )
    assert "The log has no labels: an output counts as right if it says the same as that of large." in quiet.out
    assert "new: the log lacks a reply of large for 1 task\n" in quiet.out
    assert "  cost a task, of all 6: old $0.000100 to $0.000100, new $0.000767 to $0.001100\n" in quiet.out
    assert "  t0  mini -> unknown" in quiet.out


def test_a_check_that_asks_otherwise_has_not_been_asked(quiet: Shell, folder: Path) -> None:
    """What a judge found about another question says nothing: both ways are gone, and the bounds say so."""
    for name, question in (("old", "Right?"), ("new", "Really right?")):
        judge = f"  - {{check: judge, tier: large, question: '{question}', tiers: [mini]}}\n"
        (folder / f"{name}.yaml").write_text(POLICY + judge)
    task = a_task(1, 0.95)
    task["replies"]["mini"] |= {
        "findings": [{"check": "judge", "outcome": "pass"}],
        "consulted": {"judge": {"cost_usd": "0.0002"}},
    }

    traffic = quiet.json("policy", "diff", *versions(folder), "--log", a_log(folder, task), "--json")["traffic"]

    assert traffic["outcomes"] == [{"old": "mini", "new": "unknown", "tasks": 1}]
    assert traffic["missing"] == {"old": [], "new": [{"what": "what check judge found at mini", "tasks": 1}]}
    assert traffic["changed_tasks"][0]["new_usd"] == ["0.000300000", "0.002300000"]


def test_reads_logs_of_others(quiet: Shell, folder: Path) -> None:
    """Tiers may be called otherwise, and tasks of other policies and bad lines are left out with a word."""
    replies = {"gpt-4o-mini": a_task(1, 0.85)["replies"]["mini"], "large": a_task(1, 0.85)["replies"]["large"]}
    log = a_log(folder, a_task(1, 0.85, replies=replies), a_task(2, 0.85, policy="intents"), {"id": 3})

    code = quiet("policy", "diff", *versions(folder), "--log", log, "--skip-bad", "--tier-map", "gpt-4o-mini=mini")

    assert code == 0
    assert "decided otherwise: 1 of 1" in quiet.out
    assert quiet.err.splitlines() == [
        f"left out 1 line of {log} that is no recording",
        f"left out 1 task of {log} of other policies",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--log", "none.jsonl"], "none.jsonl cannot be read: No such file or directory"),
        (["--tier-map", "mini"], "--tier-map is 'mini', expected NAME=TIER, such as gpt-4o-mini=mini"),
        (["--tier-map", "foo=mini"], "log.jsonl has no replies of foo; it has some of mini, large"),
    ],
)
def test_wrong_use_is_a_sentence(quiet: Shell, folder: Path, words: list[str], said: str) -> None:
    """What cannot be done is told, with exit code 2."""
    log = [] if "--log" in words else ["--log", a_log(folder, a_task(1, 0.9))]

    assert quiet("policy", "diff", *versions(folder), *log, *words) == 2
    assert said in quiet.err


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            a_task(1, 0.9, replies={"gpt": {"output": "red"}}),
            "has replies of gpt, the policy asks mini, large; say what",
        ),
        (a_task(1, 0.9, policy="intents"), "holds no task of policy colours"),
    ],
)
def test_a_log_about_something_else_is_told(quiet: Shell, folder: Path, task: dict[str, Any], said: str) -> None:
    """A log without a reply or a task that the policies are about is no evidence, and no success."""
    assert quiet("policy", "diff", *versions(folder), "--log", a_log(folder, task)) == 2
    assert said in quiet.err


def test_holds_a_file_against_what_is_published(shell: Shell, desk: CliDesk, folder: Path) -> None:
    """OLD may be the name of a published policy, or a digest: what is current, or what was."""
    first = a_policy(keep_s=600).bound_to(TIERS)
    desk.publish(first, a_policy(keep_s=700).bound_to(TIERS))

    assert shell("policy", "diff", first.digest, "receipts") == 0
    assert shell.out.splitlines()[1:] == ["  keep_s: 600 -> 700"]
    assert shell("policy", "diff", "recepits", "receipts") == 2
    assert "recepits" in shell.err
    assert shell("policy", "diff", "no/such.yaml", "receipts") == 2
    assert "there is no file no/such.yaml; give a policy's file, the name of a published one, or a digest" in shell.err


def test_names_the_extra_that_is_missing(folder: Path) -> None:
    """Words need no library; numbers on traffic say which one is not installed, and how to get it."""
    log = a_log(folder, a_task(1, 0.9))
    script = "import sys; sys.modules['numpy'] = None; from router.cli import main; main(sys.argv[1:])"

    runs = [
        subprocess.run(
            [sys.executable, "-c", script, "policy", "diff", *versions(folder), *more],
            capture_output=True,
            text=True,
            check=False,
        )
        for more in ([], ["--log", log])
    ]

    assert [run.returncode for run in runs] == [0, 2]
    assert "needs numpy; install it with: pip install 'router[science]'" in runs[1].stderr
