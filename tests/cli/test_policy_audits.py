"""`router policy audits`: how often accepted outputs differ from what a larger tier answers."""

from __future__ import annotations

import time

from router.io.redis_store import RedisStore
from tests.builders import GOOD, a_policy, a_reply
from tests.carrying import House
from tests.cli.desk import CliDesk
from tests.conftest import Clock
from tests.shell import Shell

POLICY = a_policy(audit={"rate": 1, "against": "large"})


def run_three(desk: CliDesk) -> None:
    """Three tasks accepted at mini; the larger tier answers one of them otherwise."""
    answers = iter([GOOD, a_reply({"merchant": "OTHER", "total": 12.5}), GOOD])

    async def work(store: RedisStore) -> None:
        clock = Clock()
        clock.ms = int(time.time() * 1000)
        house = House(store, clock, lambda call: GOOD if call.tier == "mini" else next(answers))
        for number in range(3):
            await house.submit(task_id=f"t{number}", policy=POLICY)
            record = await house.settle(f"t{number}")
            await house.settle(record.audit or "")

    desk.run(work)


def test_audits_are_told_with_their_interval(shell: Shell, desk: CliDesk) -> None:
    """A person reads share, interval and cost; a program gets the same with the cost as a decimal string."""
    run_three(desk)

    assert shell("policy", "audits") == 0
    assert "33.3%" in shell.out
    assert "6.1% to 79.2%" in shell.out
    (row,) = shell.json("policy", "audits", "receipts", "--json")
    assert (row["version"], row["audits"], row["differ"], row["no_evidence"]) == (POLICY.digest, 3, 1, 0)
    assert row["cost_usd"] == "0.000630000"


def test_without_audits_it_says_how_to_get_them(shell: Shell, desk: CliDesk) -> None:
    """Where nothing was audited, a person learns what to write."""
    assert shell("policy", "audits") == 0
    assert "audit: {rate: 0.02, against: TIER}" in shell.out


def test_what_audits_cost_is_seen_by_reason_and_version(shell: Shell, desk: CliDesk) -> None:
    """`router cost` shows audits apart from what callers asked for, and splits by version."""
    run_three(desk)

    rows = {row["reason"]: row for row in shell.json("cost", "--by", "reason,version", "--json")}
    assert {reason: (row["calls"], row["accepted"]) for reason, row in rows.items()} == {
        "first": (3, 3),
        "audit": (3, 0),
    }
    assert {row["version"] for row in rows.values()} == {POLICY.digest}
