"""The command line against a running house: what people read, what programs get, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click
import pytest

from router.cli import root
from router.ledger import EntryKind
from router.settings import Settings
from tests.e2e.house import House, Site
from tests.gang import POLICIES, ROOT, environment, launch
from tests.shell import Shell

MAIL = '{"text": "Where is my parcel? I ordered it two weeks ago."}'


@pytest.fixture(scope="module", autouse=True)
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Commands that take seconds, begun before all else."""
    nowhere = Settings(redis_url=f"unix://{tmp_path_factory.mktemp('none')}/none.sock", policies=POLICIES)
    env = environment(Settings(policies=POLICIES))
    begun = {
        "demo": launch("router.cli", "demo", "--tasks", "12", "--json", env=env),
        "down": launch("router.cli", "cost", env=environment(nowhere)),
    }
    yield begun
    for process in begun.values():
        process.kill()
        process.communicate()


@pytest.fixture
def shell(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell with the settings of the running house."""
    monkeypatch.chdir(ROOT)
    for name, value in site.settings.environment().items():
        monkeypatch.setenv(name, value)
    return Shell(capsys)


# tasks


def test_submits_waits_and_shows(shell: Shell) -> None:
    """`task submit --wait` prints the whole trail: what was answered, what was found, what it cost, why it moved."""
    code = shell("task", "submit", "intents", "--input", MAIL, "--wait")

    assert code == 0
    for words in ("succeeded", "1. mini (first)", "reply", "$0.000", "output", "local demo models, not LLMs"):
        assert words in shell.out
    task_id = shell.out.split()[0]
    assert shell("task", "show", task_id) == 0
    assert task_id in shell.out


def test_speaks_json(shell: Shell) -> None:
    """Programs get the same as JSON: money as decimal strings with nine places, times as ISO 8601 in UTC."""
    shown = shell.json("task", "submit", "intents", "--input", MAIL, "--wait", "--json")
    again = shell.json("task", "show", shown["id"], "--json")

    assert shown == again
    assert shown["status"] == "succeeded"
    assert isinstance(shown["output"], str)
    assert Decimal(shown["cost_usd"]) == sum(Decimal(attempt["cost_usd"]) for attempt in shown["trail"]) > 0
    assert len(shown["cost_usd"].partition(".")[2]) == 9
    assert shown["created_at"].endswith("Z")
    assert [attempt["number"] for attempt in shown["trail"]] == list(range(1, len(shown["trail"]) + 1))


def test_a_key_may_be_used_twice(shell: Shell, tmp_path: Path) -> None:
    """The same key and body are the same task, from a file or not; another body is refused."""
    (tmp_path / "mail.json").write_text(MAIL)
    words = ("task", "submit", "intents", "--key", "cli-1", "--json", "--input")

    first = shell.json(*words, MAIL)
    again = shell.json(*words, f"@{tmp_path / 'mail.json'}")

    assert (first["id"], first["replayed"], again["replayed"]) == (again["id"], False, True)
    assert shell(*words, '{"text": "another"}') == 1
    assert "use a new key for a new body" in shell.err


def test_a_task_without_output_is_a_no(shell: Shell) -> None:
    """A task that did not succeed ends `--wait` with code 1, and so does waiting too short a time."""
    assert shell("task", "submit", "intents", "--input", MAIL, "--wait", "--deadline", "0.001") == 1
    assert "expired" in shell.out
    assert shell("task", "submit", "intents", "--input", MAIL, "--wait", "--timeout", "0") == 1
    assert "it goes on, wait for it again" in shell.err


def test_cancels(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """`task cancel` ends a task; one that has ended otherwise cannot be cancelled, and that is a no."""
    ended = site.client.run("intents", json.loads(MAIL), timeout_s=60)
    assert shell("task", "cancel", ended.id) == 1
    assert shell.out.strip() == "it had ended already: succeeded"

    monkeypatch.setenv("ROUTER_PREFIX", "nobody-works-here:")
    assert shell("policy", "publish", "policies/intents.yaml") == 0
    assert shell("task", "submit", "intents", "--input", MAIL) == 0
    waiting = shell.out.strip()
    assert shell("task", "cancel", waiting) == 0
    assert shell.out.strip() == "cancelled"
    assert shell.json("task", "cancel", waiting, "--json") == {"id": waiting, "status": "cancelled"}


WRONG = {
    "unknown policy": (["task", "submit", "intens", "--input", MAIL], 2, "no policy 'intens' was published"),
    "no JSON": (["task", "submit", "intents", "--input", "{text}"], 2, "--input is not JSON"),
    "no object": (["task", "submit", "intents", "--input", "[1]"], 2, "--input must be a JSON object"),
    "no file": (["task", "submit", "intents", "--input", "@none.json"], 2, "none.json cannot be read"),
    "wrong input": (["task", "submit", "intents", "--input", "{}"], 2, "does not meet the schema of policy 'intents'"),
    "unknown task": (["task", "show", "nobody"], 1, "there is no task nobody"),
    "unknown dimension": (["cost", "--by", "teir"], 2, "--by knows no 'teir'"),
    "unknown time": (["cost", "--since", "yesterday"], 2, "expected a number above 0 and s, m, h, d or w, such as 24h"),
    "unknown command": (["tsak"], 2, "No such command 'tsak'"),
    "unknown option": (["cost", "--bye"], 2, "No such option"),
    "broken bill": (["audit", "--bill", "LICENSE"], 2, "LICENSE:1: expected"),
}


@pytest.mark.parametrize("name", WRONG)
def test_says_in_a_sentence_what_is_wrong(shell: Shell, name: str) -> None:
    """Wrong use is code 2, a no is code 1, each with a sentence and without a traceback."""
    words, code, sentence = WRONG[name]

    assert shell(*words) == code
    assert sentence in " ".join(shell.err.split())


def test_a_server_that_is_away_is_code_3(begun: dict[str, subprocess.Popen[str]]) -> None:
    """When the world is down the command says so, after some seconds of patience."""
    _, said = begun["down"].communicate(timeout=60)

    assert begun["down"].returncode == 3
    assert "check ROUTER_REDIS_URL and that the server runs" in said
    assert "Traceback" not in said


# money


def test_sums_the_ledger_up(shell: Shell, site: Site) -> None:
    """`cost` adds up what the ledger holds, by any dimensions, in JSON, CSV and for people."""
    site.client.run("intents", json.loads(MAIL), timeout_s=60)
    settled_nusd = sum(e.amount_nusd for e in site.entries() if e.kind is EntryKind.SETTLED)

    rows = shell.json("cost", "--by", "tier,policy", "--json")
    assert sum(Decimal(row["cost_usd"]) for row in rows) * 10**9 == settled_nusd
    assert {"mini", "intents"} <= {row["tier"] for row in rows} | {row["policy"] for row in rows}
    assert shell.json("cost", "--by", "tier,policy", "--format", "json") == rows

    shell("cost", "--by", "tier,policy", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(shell.out)))
    assert [(line["tier"], line["policy"], line["cost_usd"]) for line in lines] == [
        (row["tier"], row["policy"], row["cost_usd"]) for row in rows
    ]

    shell("cost", "--by", "reason")
    assert {"first", "all", "simulated"} <= set(shell.out.replace(";", " ").split())


def test_counts_what_is_new_enough(shell: Shell, site: Site) -> None:
    """`--since` has what came within it; no time at all is refused instead of shown as nothing."""
    site.client.run("intents", json.loads(MAIL), timeout_s=60)

    assert shell.json("cost", "--since", "1h", "--json") == shell.json("cost", "--json")
    assert shell("cost", "--since", "0s", "--json") == 2
    assert (shell.out, "--since is '0s'" in shell.err) == ("", True)


def test_audits_the_ledger_against_a_bill(shell: Shell, site: Site, house: House, tmp_path: Path) -> None:
    """The provider's own bill agrees call by call; one changed amount does not, and its call is named."""
    site.client.run("intents", json.loads(MAIL), timeout_s=60)
    known = {entry.call for entry in site.entries()}
    own = [(call, amount) for call, amount in house.bill() if call in known]
    good = _bill(tmp_path / "good.jsonl", own)
    bad = _bill(tmp_path / "bad.jsonl", [(own[0][0], own[0][1] + 1), *own[1:]])

    assert shell("audit") == 0
    assert "balances  agree" in shell.out
    assert shell("audit", "--bill", str(good)) == 0
    assert shell.json("audit", "--bill", str(good), "--json")["billed_usd"] == f"{sum(a for _, a in own) / 10**9:.9f}"
    assert shell("audit", "--bill", str(bad)) == 1
    assert "DOES NOT AGREE" in shell.out
    assert shell.json("audit", "--bill", str(bad), "--json")["differing"] == [own[0][0]]


# help


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """A command and all below it, by their words."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*path, name))


@pytest.mark.parametrize("path", list(_commands(root)), ids=" ".join)
def test_every_command_explains_itself(shell: Shell, path: tuple[str, ...]) -> None:
    """`--help` says what a command does, with an example."""
    assert shell(*path, "--help") == 0
    assert "Usage: router" in shell.out
    assert f"Example: router {' '.join(path)}" in " ".join(shell.out.split())


# the demo


def test_the_demo_proves_itself(begun: dict[str, subprocess.Popen[str]]) -> None:
    """From nothing to a checked ledger: every task ended, some climbed, and the provider's bill is the ledger's sum."""
    out, said = begun["demo"].communicate(timeout=100)

    assert begun["demo"].returncode == 0, said
    told = json.loads(out.splitlines()[-1])
    assert told["tasks"] == 12 == told["succeeded"] + told["dead"] + told["rejected"]
    assert 0 < told["escalated"] <= 12
    assert told["attempts"] == sum(tier["attempts"] for tier in told["tiers"].values()) >= 12
    assert told["succeeded"] == sum(tier["accepted"] for tier in told["tiers"].values())
    assert (
        told["cost_usd"] == told["billed_usd"] == f"{sum(Decimal(t['cost_usd']) for t in told['tiers'].values()):.9f}"
    )
    assert Decimal(told["always_top_usd"]) > 0
    assert told["seconds"] > 0
    assert "local demo models, not LLMs" in said
    assert "equal to the nano-dollar" in " ".join(said.split())


def test_the_demo_says_which_key_is_missing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With real models but no key there is a sentence, before anything is started."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ROUTER_TIERS", str(POLICIES / "tiers.yaml"))

    assert shell("demo", "--provider", "env") == 2
    assert "OPENAI_API_KEY must be set" in shell.err


def _bill(path: Path, lines: list[tuple[str, int]]) -> Path:
    path.write_text("".join(json.dumps({"call_id": c, "amount_nusd": a}) + "\n" for c, a in lines))
    return path
