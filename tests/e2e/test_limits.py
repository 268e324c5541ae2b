"""Budgets and deployments through real workers: what is parked goes on, and what is broken is passed by."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from router.app import open_store
from router.budget import Budget
from router.event import Alarm
from router.io.embedded import EmbeddedServer
from tests.e2e.house import Site, open_site
from tests.e2e.test_other_server import said
from tests.fault_provider import FaultProvider
from tests.waiting import wait_until

TASKS = 40
COST_NUSD = 1000 * 150 + 200 * 600


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultProvider]:
    with FaultProvider(lambda _: said(json.dumps({"label": "refund"}))) as provider:
        yield provider


@pytest.fixture(scope="module")
def site(server: EmbeddedServer, provider: FaultProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One tier that answers at two places, the preferred one of which is broken."""
    folder: Path = tmp_path_factory.mktemp("limits")
    places = f"[{{name: broken, api_base: '{provider.url('500')}'}}, {{name: sound, api_base: '{provider.url()}'}}]"
    tiers = folder / "tiers.yaml"
    names = ("mini", "small", "large", "frontier")
    tiers.write_text(
        "tiers:\n" + "".join(f"  {n}: {{model: openai/gpt-4o-mini, deployments: {places}}}\n" for n in names)
    )
    with open_site("limits", folder, redis_url=server.url, tiers=tiers) as site:
        yield site


def limit(site: Site, *budgets: Budget) -> None:
    async def publish() -> None:
        async with open_store(site.settings) as store:
            await store.publish_budgets(budgets)

    asyncio.run(publish())


def test_a_broken_deployment_is_passed_by(site: Site, provider: FaultProvider) -> None:
    """Every task succeeds at the other deployment, and after a few failures the broken one is hardly asked any more."""
    handles = site.client.submit_many("intents", [{"text": f"money back, {i}"} for i in range(TASKS)])
    results = [handle.wait(timeout_s=60) for handle in handles]

    assert {result.status for result in results} == {"succeeded"}
    assert {result.trail[-1].deployment for result in results} == {"sound"}
    assert {attempt.why for result in results for attempt in result.trail} <= {"first", "fallback"}
    asked = Counter(request.mode for request in provider.requests)
    assert (asked["given"], asked["500"]) == (TASKS, sum(len(result.trail) == 2 for result in results))
    events = [event for event in site.client.events(wait_s=0) if isinstance(event, Alarm)]
    assert (events[0].kind, events[0].about) == ("breaker", "mini/broken")


def test_parked_tasks_are_done_when_the_budget_is_raised(site: Site) -> None:
    """Tasks stop within a budget and say why they wait; they go on when it is raised, and nothing was overspent."""
    park = {"scope": "tenant:acme", "per": "month", "on_exceeded": "park"}
    limit(site, Budget(usd=Decimal("0.002"), **park))
    handles = site.client.submit_many("intents", [{"text": f"refund {i}"} for i in range(20)], tenant="acme")

    def spent() -> int:
        return sum(e.amount_nusd for e in site.entries() if e.tenant == "acme" and e.kind == "settled")

    def waits_for_the_window() -> bool:
        results = [handle.result() for handle in handles]
        waiting = [result.reason or "" for result in results if result.status != "succeeded"]
        return all(
            why.startswith("no room in the budget of tenant:acme") and "it waits until" in why for why in waiting
        )

    wait_until(waits_for_the_window, "tasks within the budget")
    assert 0 < spent() <= 2_000_000
    assert {handle.result().status for handle in handles} == {"succeeded", "delayed"}

    limit(site, Budget(usd=Decimal(1), **park))
    assert {handle.wait(timeout_s=60).status for handle in handles} == {"succeeded"}
    assert spent() == 20 * COST_NUSD


def test_a_burst_waits_for_room_that_its_own_calls_hold(site: Site) -> None:
    """Of a budget that suffices no task is refused, although all at once might cost far more than it allows."""
    limit(site, Budget(scope="tenant:bolt", usd=Decimal("0.0125"), per="month"))

    handles = site.client.submit_many("intents", [{"text": f"refund {i}"} for i in range(TASKS)], tenant="bolt")

    results = [handle.wait(timeout_s=60) for handle in handles]
    assert Counter(result.status for result in results) == {"succeeded": TASKS}
    assert {attempt.why for result in results for attempt in result.trail} <= {"first", "fallback"}
    reserved = [e for e in site.entries() if e.kind == "reserved" and e.tenant == "bolt"]
    assert len({e.task for e in reserved}) == TASKS
    assert sum(e.amount_nusd for e in reserved) > 12_500_000
