"""Audits by real workers: what was accepted is asked again, booked apart, and told with an interval."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

import pytest

from router.app import load_book, open_store
from router.auditreport import audits
from router.ledger import Entry, EntryKind, fold
from router.record import Record
from router.result import Result
from router.task import AUDITOR
from tests.e2e.house import House, Site
from tests.gang import POLICIES
from tests.waiting import wait_until

TASKS = 8


@pytest.fixture(scope="module")
def audited(house: House, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Workers whose policy of intents has every output audited that was accepted below `large`."""
    folder = tmp_path_factory.mktemp("audited") / "policies"
    shutil.copytree(POLICIES, folder)
    file = folder / "intents.yaml"
    file.write_text(file.read_text() + "\naudit: {rate: 1, against: large}\n")
    return house.site("audited", policies=folder)


@pytest.fixture(scope="module")
def results(audited: Site) -> list[Result]:
    examples = load_book(audited.settings).policies["intents"].examples
    inputs = [example.input for example in examples if example.held_out][:TASKS]
    handles = audited.client.submit_many("intents", inputs)
    return [handle.wait(timeout_s=90) for handle in handles]


@pytest.fixture(scope="module")
def pairs(audited: Site, results: list[Result]) -> list[tuple[Record, Record]]:
    """Tasks with their audits, these at their end."""
    records = [audited.client.read(result.id) for result in results]
    linked = [(record, record.audit) for record in records if record.audit]
    wait_until(lambda: all(audited.client.read(audit).state.terminal for _, audit in linked), "audits at their end")
    return [(record, audited.client.read(audit)) for record, audit in linked]


def lines(site: Site) -> Sequence[Entry]:
    return site.entries()


def test_every_output_accepted_below_is_audited(results: list[Result], pairs: list[tuple[Record, Record]]) -> None:
    """Each success of a lower tier has one audit, by the larger tier, for nobody; the others have none."""
    below = {result.id for result in results if result.status == "succeeded" and result.tier != "large"}

    assert {task.task.id for task, _ in pairs} == below
    assert below
    assert {(a.task.tenant, a.trail[0].tier, a.trail[0].why) for _, a in pairs} == {(AUDITOR, "large", "audit")}


def test_audits_are_booked_apart(audited: Site, pairs: list[tuple[Record, Record]]) -> None:
    """The audits' budget scope holds their cost and no tenant's does; all the books agree with the whole ledger."""
    entries = lines(audited)
    spent = sum(e.amount_nusd for e in entries if e.why == "audit" and e.kind is EntryKind.SETTLED)

    async def balances() -> tuple[int, int, int]:
        async with open_store(audited.settings) as store:
            day = max(e.day for e in entries if e.day is not None)
            names = [f"{scope}:d{day}" for scope in ("audit:intents", "policy:intents", "global")]
            found = await store.balances(names)
            return tuple(found[name].settled_nusd for name in names)  # type: ignore[return-value]

    audit_nusd, policy_nusd, all_nusd = asyncio.run(balances())
    assert (audit_nusd, policy_nusd + audit_nusd) == (spent, all_nusd)
    assert audited.balance() == fold(entries)
    assert spent > 0


def test_the_estimate_is_told_by_version(audited: Site, pairs: list[tuple[Record, Record]]) -> None:
    """The report counts each audit once, under the version that the tasks were accepted with."""
    (row,) = audits(lines(audited))

    assert row.version == load_book(audited.settings).policies["intents"].digest
    assert row.differing.of + row.given_up == len(pairs)
    differ = [audit for _, audit in pairs if audit.output is not None and audit.output != audit.task.audits.output]
    assert row.differing.count == len(differ)
