"""Costs and budgets over HTTP: the ledger's sums, each tenant its own."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from router.api.backend import Backend, open_backend
from router.api.caller import ANYBODY
from router.api.costs import counted
from router.api.gathering import Gathering
from router.apikey import Scope
from router.budget import Budget
from router.decision import Accept, Ask
from router.io.commands.cost import CostCommands
from router.io.cost_words import TENANTS_MAX
from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind
from router.settings import Settings
from router.spending.pricing import Pricing
from router.verdict import Outcome
from tests.api.keys import Guarded, a_guarded
from tests.builders import PRICES, RATES, TIERS, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent

POLICY = a_policy()


async def spend(backend: Backend, task_id: str, *, tenant: str = "default", cost_nusd: int = 400) -> None:
    """A task that mini failed and large did, for that much each."""
    await backend.store.publish([POLICY])
    await backend.store.submit([a_submission(task_id, tenant=tenant)])
    for number, tier in enumerate(("mini", "large"), 1):
        (claim,) = await backend.store.claim({tier: 9}, at_most=1, token=f"{task_id}-{tier}")
        intent = an_intent(f"{task_id}-{tier}", task=task_id, tier=tier, tenant=tenant, attempt=number)
        await backend.store.reserve(claim, intent, rates=RATES, limit_nusd=10**9, open_for_ms=45_000)
        settlement = a_settlement(EntryKind.SETTLED, cost_nusd)
        await backend.store.resolve(intent, settlement, a_kept(intent, settlement))
        attempt = an_attempt(number, tier, Outcome.FAIL if tier == "mini" else Outcome.PASS)
        decision = Ask("large", "escalate") if tier == "mini" else Accept(attempt)
        await backend.store.finish(claim, POLICY, attempt, decision)


async def test_sums_the_ledger_by_what_is_asked(http: httpx.AsyncClient, backend: Backend) -> None:
    """By tier as a matter of course, by others and by several where they are named."""
    await spend(backend, "t1")
    await spend(backend, "t2")

    by_tier = (await http.get("/v1/costs")).json()["data"]
    by_both = (await http.get("/v1/costs", params={"by": "policy,reason", "since": "1h"})).json()["data"]

    assert {row["group"]["tier"]: (row["calls"], row["escalated"], row["cost_usd"]) for row in by_tier} == {
        "mini": (2, 2, "0.000000800"),
        "large": (2, 0, "0.000000800"),
    }
    assert [(row["group"], row["calls"], row["accepted"], row["input_tokens"]) for row in by_both] == [
        ({"policy": "receipts", "reason": "first"}, 4, 2, 4000)
    ]


async def test_sums_the_ledger_by_time(http: httpx.AsyncClient, backend: Backend) -> None:
    """In steps that begin with the step of Unix time, whose sums are those of the whole."""
    await spend(backend, "t1")

    rows = (await http.get("/v1/costs", params={"by": "policy", "bucket": "1h"})).json()["data"]

    assert all(row["from"].endswith(":00:00.000Z") for row in rows)
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.000000800")


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"by": "colour"}, "by"),
        ({"since": "yesterday"}, "since"),
        ({"bucket": "0s"}, "bucket"),
        ({"bucket": "30m"}, "bucket"),
        ({"since": "9999999w", "bucket": "1h"}, "bucket"),
    ],
)
async def test_refuses_what_cannot_be_summed(http: httpx.AsyncClient, params: dict[str, str], param: str) -> None:
    """With the name of what is wrong."""
    answer = await http.get("/v1/costs", params=params)

    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


async def test_metrics_are_of_the_same_prices(server: EmbeddedServer, prefix: str, tmp_path: Path) -> None:
    """Both go by the prices of the file as the process found it, whatever it says by now."""
    settings = Settings(redis_url=server.url, prefix=prefix, policies=tmp_path)
    (tmp_path / "prices.yaml").write_text(prices(10))
    async with open_backend(settings, insecure=True) as backend:
        bound = POLICY.bound_to(TIERS)
        await backend.store.publish([bound])
        intent = an_intent(version=bound.digest)
        await backend.store.resolve(intent, a_settlement(), a_kept(intent, a_settlement()))
        (tmp_path / "prices.yaml").write_text(prices(20))
        costs = await counted(backend, ANYBODY, since_s=3600)
        metrics = await Gathering(backend).facts()

    assert metrics is not None
    tops = [sum(change.sums["top"] for change in changes) for changes in (costs.changes, metrics.counts)]
    assert tops == [10_000_000] * 2


def prices(dollars: int) -> str:
    """A price list by which a million tokens that large reads cost so much."""
    price = f'{{from: "2020-01-01", input: {dollars}, output: 0, source: "list"}}'
    return f"prices:\n  {TIERS['large'].model}:\n    - {price}\n"


async def test_each_tenant_sees_its_own_costs(guarded: Guarded) -> None:
    """An admin sees all of them, or those of one that it names; nobody else names another."""
    await spend(guarded.backend, "t1", tenant="acme", cost_nusd=100)
    await spend(guarded.backend, "t2", tenant="bolt", cost_nusd=1000)
    acme, admin = await guarded.key("acme", Scope.READ), await guarded.key("acme", *Scope)
    user, boss = ({"authorization": f"Bearer {token.text}"} for token in (acme, admin))

    async def costs(headers: dict[str, str], **params: str) -> dict[str, str]:
        answer = await guarded.http.get("/v1/costs", params={"by": "tenant"} | params, headers=headers)
        return {row["group"]["tenant"]: row["cost_usd"] for row in answer.json()["data"]}

    assert await costs(user) == await costs(user, tenant="acme") == {"acme": "0.000000200"}
    assert await costs(boss) == {"acme": "0.000000200", "bolt": "0.000002000"}
    assert await costs(boss, tenant="bolt") == {"bolt": "0.000002000"}
    assert (await guarded.http.get("/v1/costs", params={"tenant": "bolt"}, headers=user)).status_code == 403


async def test_each_tenant_sees_its_own_budgets(guarded: Guarded) -> None:
    """With what is left of them; an admin sees those of every scope."""
    scopes = {"global": 5, "tenant:*": 1}
    budgets = [Budget(scope=scope, usd=Decimal(usd), per="day", on_exceeded="park") for scope, usd in scopes.items()]
    await guarded.backend.store.publish_budgets(budgets)
    await spend(guarded.backend, "t1", tenant="acme", cost_nusd=100)
    await spend(guarded.backend, "t2", tenant="bolt", cost_nusd=100)
    acme, admin = await guarded.key("acme", Scope.READ), await guarded.key("acme", *Scope)

    async def seen(text: str) -> dict[str, tuple[str, str, str]]:
        answer = await guarded.http.get("/v1/budgets", headers={"authorization": f"Bearer {text}"})
        return {row["scope"]: (row["limit_usd"], row["used_usd"], row["per"]) for row in answer.json()["data"]}

    assert await seen(acme.text) == {"tenant:acme": ("1.000000000", "0.000000200", "day")}
    assert sorted(await seen(admin.text)) == ["global", "tenant:acme", "tenant:bolt"]


async def test_tells_spreadsheets_the_same(http: httpx.AsyncClient, backend: Backend) -> None:
    """CSV for whoever accepts nothing better: the same names and amounts as in JSON."""
    await spend(backend, "t1")

    rows = (await http.get("/v1/costs")).json()["data"]
    answer = await http.get("/v1/costs", headers={"accept": "text/csv"})
    both = await http.get("/v1/costs", headers={"accept": "application/json, text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    found = list(csv.DictReader(answer.text.splitlines()))
    assert [(line["tier"], line["cost_usd"], line["waste_usd"]) for line in found] == [
        (row["group"]["tier"], row["cost_usd"], row["waste_usd"]) for row in rows
    ]
    assert both.headers["content-type"].startswith("application/json")


async def test_says_that_a_tenant_may_stand_among_others(guarded: Guarded) -> None:
    """Where an hour has more tenants than it tells apart, each of them is told that its part may be elsewhere."""
    commands, backend = CostCommands(prefix=guarded.backend.settings.prefix), guarded.backend
    for n in range(TENANTS_MAX + 1):
        intent = an_intent(f"c{n}", task=f"t{n}", tenant=f"tenant-{n}")
        await backend.store.resolve(intent, a_settlement(), a_kept(intent, a_settlement()))
    user = {"authorization": f"Bearer {(await guarded.key(f'tenant-{TENANTS_MAX}', Scope.READ)).text}"}

    before = (await guarded.http.get("/v1/costs", headers=user)).json()
    await backend.link.carry_out(commands.count(Pricing(PRICES)))
    after = (await guarded.http.get("/v1/costs", headers=user)).json()

    assert (before["partial"], [row["calls"] for row in before["data"]]) == (False, [1])
    assert (after["partial"], after["data"]) == (True, [])
