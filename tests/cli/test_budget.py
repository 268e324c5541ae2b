"""`router budget`: what is in force, how much of it is left, and how that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import RATES, an_intent
from tests.cli.desk import CliDesk
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


def test_a_broken_file_changes_nothing(shell: Shell, file: Path) -> None:
    """Mistakes are told at their place, and what is in force stays."""
    shell("budget", "publish", str(file))
    file.write_text(BUDGETS + "  - {scope: tennant:acme, usd: 1, per: dya}\n")

    assert shell("budget", "publish", str(file)) == 1
    assert "budgets.yaml:4:6: budgets.2.scope: 'tennant:acme' is no scope; write global" in shell.err
    assert "budgets.yaml:4:35: budgets.2.per: input should be 'minute', 'hour', 'day', 'week' or 'month'" in shell.err
    assert "did you mean 'day'?" in shell.err
    assert len(shell.json("budget", "list", "--json")) == 1
