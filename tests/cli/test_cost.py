"""`router cost`: the counters' sums for people, programs, spreadsheets and FinOps tools; the same as over HTTP."""

from __future__ import annotations

import csv
import os
import pty
import subprocess
import sys
from contextlib import closing, suppress
from decimal import Decimal

import httpx
import pytest

from router.api.app import create_app
from router.api.backend import open_backend
from router.app import load_pricing
from router.decision import Accept
from router.io.commands.cost import CostCommands
from router.io.folder import read_policy, read_tiers
from router.io.redis_link import Link, connect
from router.ledger import EntryKind
from router.policy import Policy
from router.spending.table import FOCUS
from tests.builders import a_kept, a_settlement, an_attempt, an_intent
from tests.cli import colours
from tests.cli.desk import CliDesk
from tests.shell import Shell

SETTLED, UNSETTLED = EntryKind.SETTLED, EntryKind.UNSETTLED
MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def spent(desk: CliDesk) -> CliDesk:
    """Two settled calls of two tenants at two tiers, and one of unknown outcome; the first is counted already."""
    desk.book("c1", SETTLED, 400, model=MODEL)
    with closing(Link(connect(desk.settings.redis_url), prefix=desk.settings.prefix)) as link:
        assert link.carry_out(CostCommands(prefix=desk.settings.prefix).count(load_pricing(desk.settings))) == 2
    desk.book("c2", SETTLED, 3000, tier="large", tenant="acme", task="t2", model="openai/gpt-5.4", why="escalate")
    desk.book("c3", UNSETTLED, model=MODEL)
    return desk


def test_people_read_a_table_with_its_sum(shell: Shell, spent: CliDesk) -> None:
    """The dearest group first, and all of them below."""
    assert shell("cost") == 0

    assert shell.out.index("large") < shell.out.index("mini") < shell.out.index("\nall")
    assert "$0.000003" in shell.out


def test_time_is_a_dimension_in_whole_hours(shell: Shell, spent: CliDesk) -> None:
    """Each step has its rows; half an hour is refused with what is taken."""
    rows = shell.json("cost", "--by", "tier", "--bucket", "1h", "--json")

    assert all(row["from"].endswith(":00:00.000Z") for row in rows)
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.000003400")
    assert shell("cost", "--bucket", "30m") == 2
    assert "take whole hours, such as 1h or 1d" in shell.err


def test_what_nobody_knows_has_bounds(shell: Shell, spent: CliDesk) -> None:
    """A lost call costs nothing at least, and its reservation at most."""
    (mini,) = (row for row in shell.json("cost", "--json") if row["tier"] == "mini")

    assert (mini["unsettled_low_usd"], mini["unsettled_high_usd"]) == ("0.000000000", "0.000001000")
    assert mini["doubt_usd"] == "0.000001000"


def test_focus_has_every_charge_once(shell: Shell, spent: CliDesk) -> None:
    """In the columns that FinOps tools read, by the hour; its dimensions are not for choosing."""
    assert shell("cost", "--format", "focus") == 0

    rows = list(csv.DictReader(shell.out.splitlines()))
    assert tuple(rows[0]) == FOCUS
    assert {(row["SubAccountId"], row["ResourceId"], row["BilledCost"]) for row in rows} == {
        ("default", MODEL, "0.000000400"),
        ("acme", "openai/gpt-5.4", "0.000003000"),
    }
    assert shell("cost", "--format", "focus", "--by", "tier") == 2


def test_a_climb_that_cost_more_than_the_top_says_so(
    shell: Shell, desk: CliDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saving is negative, and told in words."""
    monkeypatch.setenv("ROUTER_POLICIES", str(colours.SHIPPED))
    bound = a_shipped_policy()
    desk.publish(bound)
    desk.book("c1", SETTLED, 10**9, model=MODEL, version=bound.digest)

    (row,) = shell.json("cost", "--by", "policy", "--json")
    shell("cost")

    assert Decimal(row["saving_usd"]) == Decimal(row["always_top_usd"]) - 1
    assert Decimal(row["always_top_usd"]) > 0 > Decimal(row["saving_usd"])
    assert "MORE was spent than by that" in shell.out


def a_shipped_policy() -> Policy:
    return read_policy(colours.SHIPPED / "intents.yaml").bound_to(read_tiers(colours.SHIPPED / "tiers.yaml"))


async def over_http(desk: CliDesk, accept: str) -> httpx.Response:
    async with open_backend(desk.settings, insecure=True) as backend:
        transport = httpx.ASGITransport(create_app(backend))
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
            return await http.get("/v1/costs", params={"by": "tier,tenant"}, headers={"accept": accept})


def test_http_csv_and_the_command_line_agree(shell: Shell, spent: CliDesk) -> None:
    """The same rows to the nano-dollar, whoever asks in which form, before all is counted and after it."""
    words = ("cost", "--by", "tier,tenant", "--since", "24h")
    for _ in range(2):
        rows = shell.json(*words, "--json")
        shell(*words, "--format", "csv")
        text = shell.out
        answer = spent.run(lambda _: over_http(spent, "application/json")).json()["data"]
        table = spent.run(lambda _: over_http(spent, "text/csv"))

        assert [{**row.pop("group"), **row} for row in answer] == rows
        assert table.headers["content-type"].startswith("text/csv")
        assert table.text.splitlines() == text.splitlines()
        assert [line["cost_usd"] for line in csv.DictReader(text.splitlines())] == [row["cost_usd"] for row in rows]
        with closing(Link(connect(spent.settings.redis_url), prefix=spent.settings.prefix)) as link:
            link.carry_out(CostCommands(prefix=spent.settings.prefix).count(load_pricing(spent.settings)))


def test_what_was_paid_for_no_attempt_is_told(shell: Shell, spent: CliDesk) -> None:
    """With what was accepted, wasted and audited it is the whole cost, for people and for programs."""
    (row,) = shell.json("cost", "--by", "policy", "--json")
    shell("cost")

    parts = ("accepted_usd", "waste_usd", "audits_usd", "unjudged_usd")
    assert sum(Decimal(row[name]) for name in parts) == Decimal(row["cost_usd"]) == Decimal(row["unjudged_usd"])
    assert "paid for no attempt: $0.000003" in shell.out


def test_what_was_paid_before_the_time_asked_for_is_told(shell: Shell, desk: CliDesk) -> None:
    """Attempts of this time whose calls count before it: a sentence of its own, and nothing was paid below nothing."""
    paid = an_attempt(1, "mini", calls=(a_kept(an_intent(), a_settlement(cost_nusd=840)).spent,))
    desk.end("t1", Accept(paid), attempt=paid)
    (row,) = shell.json("cost", "--by", "policy", "--json")
    shell("cost")

    assert (row["cost_usd"], row["unjudged_usd"]) == ("0.000000000", "-0.000000840")
    assert "paid earlier: $0.000000840 of what attempts cost that were judged in this time" in " ".join(
        shell.out.split()
    )
    assert "paid for no attempt" not in shell.out
    assert "$-" not in shell.out


def test_names_stand_as_they_are(shell: Shell, spent: CliDesk) -> None:
    """A tenant may be called what a renderer would take for markup: it is none, and breaks nothing."""
    spent.book("c4", SETTLED, 5, tenant="[/bold]")
    spent.book("c5", SETTLED, 5, tenant="[bold]zeta")

    assert shell("cost", "--by", "tenant") == 0
    assert {"[/bold]", "[bold]zeta"} <= {line.split()[0] for line in shell.out.splitlines() if line}


def on_a_screen(spent: CliDesk, columns: int, *words: str) -> str:
    """What a command prints on a terminal so wide."""
    main, terminal = pty.openpty()
    env = {**os.environ, **spent.settings.environment(), "TERM": "dumb", "COLUMNS": str(columns)}
    with subprocess.Popen(
        [sys.executable, "-m", "router.cli", *words], stdout=terminal, stderr=terminal, env=env
    ) as it:
        os.close(terminal)
        seen = b""
        with suppress(OSError):  # the end of it
            while some := os.read(main, 65_536):
                seen += some
    os.close(main)
    assert it.returncode == 0
    return seen.decode()


@pytest.mark.parametrize("by", ["tier", "tier,policy", "tier,policy,tenant"])
def test_a_narrow_screen_cuts_no_amount(spent: CliDesk, by: str) -> None:
    """On 80 columns amounts stand whole; what there is no room for is named, but money in doubt is never among it."""
    lines = on_a_screen(spent, 80, "cost", "--by", by).splitlines()

    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= 80
    assert any({"$0.000000400", "$0.000001"} <= {*line.split()} for line in lines)
    assert "no room here for escalated" in " ".join(lines)
    assert "in doubt" in lines[0]


def test_only_what_is_new_enough_counts(shell: Shell, spent: CliDesk) -> None:
    """This hour's is."""
    assert shell.json("cost", "--since", "1h", "--json") == shell.json("cost", "--json")


@pytest.mark.parametrize("command", [("cost",), ("dead", "list"), ("task", "list"), ("policy", "audits")])
@pytest.mark.parametrize("text", ["0h", "x", "5"])
def test_no_time_at_all_is_none(shell: Shell, command: tuple[str, ...], text: str) -> None:
    """It would show nothing, whatever there is: it is refused, as HTTP refuses it."""
    assert shell(*command, "--since", text) == 2
    assert f"--since is {text!r}, expected a number above 0 and s, m, h, d or w, such as 24h" in shell.err


def test_nothing_booked_is_said(shell: Shell, desk: CliDesk) -> None:
    """Rather than an empty table."""
    assert shell("cost", "--since", "1h") == 0
    assert "nothing was booked in this time" in shell.out


def test_who_asks_for_more_than_is_kept_is_told(shell: Shell, spent: CliDesk) -> None:
    """Sums of 35 days are not taken for those of 90; data stays data."""
    all_kept = shell.json("cost", "--json")

    assert shell.json("cost", "--since", "90d", "--json") == all_kept
    assert "--since 90d: no more than 35 days are kept" in shell.err
    assert shell("cost", "--since", "35d") == 0
    assert "are kept" not in shell.err
