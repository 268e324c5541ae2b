"""`router top`: what happens now, in a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from decimal import Decimal

import pytest

from router.budget import Budget
from router.errors import StoreUnavailable
from router.ledger import EntryKind
from tests.cli.desk import CliDesk
from tests.shell import Shell


def test_shows_tiers_queues_and_what_needs_somebody(desk: CliDesk, shell: Shell) -> None:
    """Once, as text: the same as the first page of the dashboard."""
    desk.submit("t1")
    desk.bury("t3")
    desk.book("c1", EntryKind.SETTLED, 420_000, tenant="acme")
    desk.book("c2", EntryKind.UNSETTLED)

    assert shell("top", "--once") == 0

    for said in ("1 task under way", "0 workers", "1 dead letter\n", "$0.000420 spent", "in doubt at most"):
        assert said in shell.out, said
    for said in ("workers: none lives", "Queues", "mini"):
        assert said in shell.out, said
    assert "\x1b" not in shell.out


def test_speaks_json(desk: CliDesk, shell: Shell) -> None:
    """One object; its sums are those of `router cost`."""
    desk.submit("t1")
    desk.book("c1", EntryKind.SETTLED, 123_456_789)
    told, rows = shell.json("top", "--json"), shell.json("cost", "--json")

    assert told["waiting"] == 1
    assert told["costs"]["cost_usd"] == rows[0]["cost_usd"] == "0.123456789"
    assert [queue["ready"] for queue in told["queues"]] == [1, 0, 0]
    assert {alarm["about"] for alarm in told["alarms"]} >= {"workers"}


def test_budgets_show_how_much_of_them_is_used(desk: CliDesk, shell: Shell) -> None:
    """The same share as everywhere: of what is left nothing, where the limit is nothing."""
    budgets = [Budget(scope="tenant:default", usd=Decimal("0.01"), per="day")]
    budgets.append(Budget(scope="global", usd=Decimal(0), per="day"))
    desk.run(lambda store: store.publish_budgets(budgets))
    desk.book("c1", EntryKind.SETTLED, 2_500_000)
    shell("top", "--once")

    used = {line.split()[0]: line.split()[-1] for line in shell.out.splitlines() if " per day" in line}
    assert used == {"tenant:default": "25.0%", "global": "100.0%"}


def test_simulated_costs_say_so(desk: CliDesk, shell: Shell) -> None:
    """Costs of the demo's models are named so."""
    desk.book("c1", EntryKind.SETTLED, simulated=True)
    shell("top", "--once")

    assert "costs are simulated" in shell.out


def test_where_nobody_looks_it_ends(desk: CliDesk, shell: Shell) -> None:
    """In a pipe it prints once, instead of again and again."""
    assert shell("top") == 0
    assert "Through the tiers" in shell.out


def test_says_when_redis_is_away(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3, and a sentence."""
    monkeypatch.setenv("ROUTER_REDIS_URL", "redis://127.0.0.1:1/0")

    assert shell("top", "--once") == StoreUnavailable.exit_code == 3
    assert "ROUTER_REDIS_URL" in shell.err


def test_looks_again_and_again_until_told_to_stop(desk: CliDesk) -> None:
    """On a terminal it takes the screen, renews it, and gives it back at Ctrl-C."""
    desk.submit("t1")
    main, terminal = pty.openpty()
    env = {**os.environ, **desk.settings.environment(), "TERM": "xterm", "COLUMNS": "160", "LINES": "60"}
    words = [sys.executable, "-m", "router.cli", "top", "--every", "0.5"]
    with subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=env) as top:
        os.close(terminal)
        seen = b""
        while seen.count(b"Through the tiers") < 3:
            seen += os.read(main, 65_536)
        top.send_signal(signal.SIGINT)
        while b"\x1b[?1049l" not in seen:
            seen += os.read(main, 65_536)
        assert top.wait(30) == 0
    os.close(main)
    assert b"\x1b[?1049h" in seen
