"""The whole way from submit to a booked, checked result, every part a real process."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass

import pytest

from router.app import load_book
from router.audit import audit
from router.client import Handle
from router.ledger import Balance, EntryKind
from router.result import Result
from tests.e2e.house import House, Site
from tests.waiting import wait_until

TAUGHT = ("contacts", "intents", "moderation", "receipts", "toolcall")
EACH = 8
"""Sample inputs of each policy."""
LATE = 2
"""Calls in flight when their shift is killed."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, which only Linux has")


@dataclass(frozen=True)
class Crash:
    """A site whose shift was killed while calls were in flight, and what its books were just then."""

    site: Site
    handles: list[Handle]
    billed_nusd: int
    balance: Balance


@pytest.fixture(scope="module")
def crash(house: House, site: Site) -> Crash:
    """The models bill at once and answer seconds later: then the process that waits for them is killed."""
    tiers = house.folder / "late.yaml"
    tiers.write_text(house.tiers.read_text().replace("openai/local-mini", "openai/local-mini+latebill=3"))
    late = house.site("late", tiers=tiers, worker_lease_s="3")
    before = len(house.bill())
    handles = late.client.submit_many("intents", [{"text": f"Where is my parcel {i}?"} for i in range(LATE)])
    wait_until(lambda: len(house.bill()) >= before + LATE, "calls in flight, billed and not answered")
    os.kill(late.gang.shift(), signal.SIGKILL)
    return Crash(late, handles, sum(amount for _, amount in house.bill()[before:]), late.balance())


@pytest.fixture(scope="module")
def results(site: Site, house: House) -> dict[str, list[Result]]:
    """Held-out sample inputs of every shipped policy but `translate`, which the local models do not know."""
    sent = {}
    shipped = load_book(site.settings).policies
    for policy in (shipped[name] for name in TAUGHT):
        inputs = [e.input for e in policy.examples if e.held_out and not any(map(e.input.get, policy.images))]
        sent[policy.policy] = site.client.submit_many(policy.policy, inputs[:EACH])
    return {name: [handle.wait(timeout_s=90) for handle in handles] for name, handles in sent.items()}


@linux
def test_a_killed_shift_leaves_its_calls_reserved(crash: Crash) -> None:
    """What was written down before the calls were sent covers what the provider charges for them."""
    balance = crash.balance

    assert (balance.calls, balance.settled_nusd, balance.unsettled_nusd) == (LATE, 0, 0)
    assert 0 < crash.billed_nusd <= balance.reserved_nusd


def test_every_policy_s_tasks_end(results: dict[str, list[Result]]) -> None:
    """All tasks of the shipped policies reach an end, most of them with an output that passed all checks."""
    assert sorted(results) == ["contacts", "intents", "moderation", "receipts", "toolcall"]
    for name, ended in results.items():
        statuses = Counter(result.status for result in ended)
        assert set(statuses) <= {"succeeded", "dead", "rejected"}, name
        assert statuses["succeeded"] >= EACH // 2, name


def test_a_success_is_an_answer_that_passed(results: dict[str, list[Result]]) -> None:
    """The output of a task that succeeded is the one of its last attempt, which passed; all before it did not."""
    for result in _all(results):
        passed = [attempt.passed for attempt in result.trail]
        assert passed[:-1] == [False] * (len(passed) - 1)
        assert result.ok == passed[-1] == (result.output is not None)
        assert result.tier == result.trail[-1].tier


def test_tasks_climb(results: dict[str, list[Result]], site: Site) -> None:
    """Some answers of the mini model are not good enough: their tasks climb, tier by tier, and each step says why."""
    order = list(load_book(site.settings).tiers)
    climbed = [result for result in _all(results) if len({attempt.tier for attempt in result.trail}) > 1]
    assert climbed
    assert any(result.ok for result in climbed)
    for result in climbed:
        steps = [order.index(attempt.tier) for attempt in result.trail]
        assert steps == sorted(steps)
        assert {attempt.why for attempt in result.trail[1:]} <= {"escalate", "repair", "retry"}
        assert all(attempt.told for attempt in result.trail[:-1])
    assert any(not any(attempt.tier != "mini" for attempt in result.trail) for result in _all(results))


def test_the_ledger_equals_the_provider_s_bill(results: dict[str, list[Result]], site: Site, house: House) -> None:
    """Call by call, to the nano-dollar: what we booked is what the provider counted for itself."""
    entries = site.entries()
    booked = {e.call: e.amount_nusd for e in entries if e.kind is EntryKind.SETTLED}
    billed = {call: amount for call, amount in house.bill() if call in booked}
    spent = {call.call: call.cost_nusd for result in _all(results) for a in result.trail for call in a.calls}

    assert booked == billed
    assert spent.items() <= booked.items()
    assert audit(entries, site.balance(), billed).agrees
    assert sum(booked.values()) == site.balance().settled_nusd


def test_one_call_is_one_request(results: dict[str, list[Result]], crash: Crash, house: House) -> None:
    """The provider saw every call id once, and none that was not written down before."""
    seen = Counter(call for call, _ in house.bill())
    written = {e.call for site in house.sites for e in site.entries() if e.kind is EntryKind.RESERVED}

    assert set(seen.values()) == {1}
    assert len(seen) >= len(_all(results)) + len(crash.handles)
    assert set(seen) <= written


def test_every_task_ends_once(results: dict[str, list[Result]], site: Site) -> None:
    """The live events tell one end of each task."""
    ends = site.ends()

    assert {ends[result.id] for result in _all(results)} == {1}


@linux
def test_tasks_of_a_killed_shift_end_once_within_their_bounds(crash: Crash, house: House) -> None:
    """They run again, alone, and end; what both rounds cost lies between what is settled and what is bounded."""
    ended = [handle.wait(timeout_s=90) for handle in crash.handles]

    assert {result.status for result in ended} <= {"succeeded", "dead"}
    assert {crash.site.ends()[result.id] for result in ended} == {1}
    entries, balance = crash.site.entries(), crash.site.balance()
    own = {e.call for e in entries}
    bill = {call: amount for call, amount in house.bill() if call in own}
    bounded_nusd = balance.settled_nusd + balance.unsettled_nusd + balance.reserved_nusd
    assert balance.settled_nusd + crash.billed_nusd <= sum(bill.values()) <= bounded_nusd
    assert audit(entries, balance, bill).agrees


def _all(results: dict[str, list[Result]]) -> list[Result]:
    return [result for ended in results.values() for result in ended]
