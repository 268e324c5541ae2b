"""`router budget`: what is in force, how much of it is left, and how that changes."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.builders import RATES, an_intent
from tests.cli.desk import CliDesk
from tests.gang import POLICIES
from tests.shell import Shell

BUDGETS = """\
budgets:
  - {scope: global, usd: 50, per: month}
  - {scope: "tenant:*", usd: 0.000004, per: day, on_exceeded: park}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "budgets.yaml"
    path.write_text(BUDGETS)
    return path


def reserve(desk: CliDesk, tenant: str) -> None:
    async def work(store) -> None:  # type: ignore[no-untyped-def]
        (claim,) = await store.claim({"mini": 10}, at_most=1, token=tenant)
        intent = an_intent(task=claim.task.id, tenant=tenant, reserved_nusd=1000)
        await store.reserve(claim, intent, rates=RATES, limit_nusd=10**9, open_for_ms=40_000)

    desk.submit("t1", tenant=tenant)
    desk.run(work)


def test_says_that_nothing_is_limited(shell: Shell) -> None:
    """Where no budget was published the answer says how to have one."""
    assert shell("budget", "list") == 0
    assert shell.out == "no budget is in force; write budgets.yaml beside your policies and publish it\n"
    assert shell.json("budget", "list", "--json") == []


def test_shows_what_is_used_and_left(shell: Shell, desk: CliDesk, file: Path) -> None:
    """Each scope that spends has a line for each of its budgets, for people and for programs."""
    assert shell("budget", "publish", str(file)) == 0
    assert shell.out == "2 budgets in force\n"
    reserve(desk, "acme")

    assert shell("budget", "list") == 0
    line = next(line for line in shell.out.splitlines() if line.startswith("tenant:acme"))
    assert line.split()[:3] == ["tenant:acme", "day", "park"]
    assert line.split()[-4:] == ["$0.000004", "$0.000001", "$0.000003", "25%"]
    shown = {use["scope"]: use for use in shell.json("budget", "list", "--json")}
    assert {name: shown["global"][name] for name in ("per", "limit_usd", "used_usd", "left_usd", "on_exceeded")} == {
        "per": "month",
        "limit_usd": "50.000000000",
        "used_usd": "0.000001000",
        "left_usd": "49.999999000",
        "on_exceeded": "refuse",
    }
    assert shown["global"]["window_start"].endswith("-01T00:00:00Z")


def test_what_is_published_replaces_all(shell: Shell, file: Path) -> None:
    """An empty list takes every budget away."""
    shell("budget", "publish", str(file))
    file.write_text("budgets: []\n")

    assert shell("budget", "publish", str(file)) == 0
    assert shell.json("budget", "list", "--json") == []


@pytest.mark.parametrize("beside", [True, False], ids=["beside its policies", "elsewhere"])
def test_a_name_that_is_misspelt_is_refused(
    shell: Shell, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """A budget of nobody would leave the real policy without one: what the linter refuses is not put into force."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    monkeypatch.setenv("ROUTER_POLICIES", "nowhere" if beside else str(tmp_path / "policies"))
    file = file.rename((tmp_path / "policies" if beside else tmp_path) / "limits.txt")
    lines = ["budgets:", "  - {scope: policy:recipts, usd: 1, per: day}", "  - {scope: tier:lrge, usd: 1, per: day}"]
    file.write_text("\n".join(lines))

    assert shell("budget", "publish", str(file)) == 1
    assert "limits.txt:2:6: there is no policy 'recipts'; did you mean 'receipts'?" in shell.err
    assert "limits.txt:3:6: there is no tier 'lrge'; did you mean 'large'?" in shell.err
    assert shell.json("budget", "list", "--json") == []

    file.write_text("\n".join(lines).replace("recipts", "receipts").replace("lrge", "large"))
    assert shell("budget", "publish", str(file)) == 0
    assert (shell.out, shell.err) == ("2 budgets in force\n", "")


def test_says_where_names_could_not_be_checked(shell: Shell, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder of policies nobody knows which names are right."""
    monkeypatch.setenv("ROUTER_POLICIES", "nowhere")

    assert shell("budget", "publish", str(file)) == 0
    assert "names of policies and tiers were not checked: there is no folder nowhere" in shell.err


def test_says_that_there_is_no_file(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file there is nothing to publish: wrong use, with the name of the file that was looked for."""
    monkeypatch.setenv("ROUTER_POLICIES", str(tmp_path))

    assert shell("budget", "publish") == 2
    assert f"there is no {tmp_path / 'budgets.yaml'}; write it" in shell.err


def test_a_budget_of_nobody_yet_is_in_force(shell: Shell, file: Path) -> None:
    """Where only scopes with * are limited and nobody has spent, the answer is not that nothing is limited."""
    file.write_text('budgets:\n  - {scope: "tenant:*", usd: 1, per: day}\n')
    shell("budget", "publish", str(file))

    assert shell("budget", "list") == 0
    assert shell.out.startswith("1 budget in force; ")


def test_publishing_a_folder_without_budgets_leaves_them(
    shell: Shell, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was deleted takes no limit away; whoever thinks so is told what does, but only where one stands."""
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder, ignore=shutil.ignore_patterns("budgets.yaml"))
    monkeypatch.setenv("ROUTER_POLICIES", str(folder))
    assert shell("policy", "publish") == 0
    assert shell.err == ""
    shell("budget", "publish", str(file))

    assert shell("policy", "publish") == 0
    assert "what is in force stays (2 budgets); to drop it, publish such a file with `budgets: []`" in shell.err
    assert len(shell.json("budget", "list", "--json")) == 1


def test_a_broken_file_changes_nothing(shell: Shell, file: Path) -> None:
    """Mistakes are told at their place, and what is in force stays."""
    shell("budget", "publish", str(file))
    file.write_text(BUDGETS + "  - {scope: tennant:acme, usd: 1, per: dya}\n")

    assert shell("budget", "publish", str(file)) == 1
    assert "budgets.yaml:4:6: budgets.2.scope: 'tennant:acme' is no scope; write global" in shell.err
    assert "budgets.yaml:4:35: budgets.2.per: input should be 'minute', 'hour', 'day', 'week' or 'month'" in shell.err
    assert "did you mean 'day'?" in shell.err
    assert len(shell.json("budget", "list", "--json")) == 1


def test_budgets_come_out_of_a_pipe(shell: Shell, tmp_path: Path) -> None:
    """What a shell hands over as `<(...)` is no file and read all the same."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as others:
        writing = others.submit((tmp_path / "pipe").write_text, BUDGETS)
        assert shell("budget", "publish", str(tmp_path / "pipe")) == 0
        writing.result()

    assert shell.out == "2 budgets in force\n"
