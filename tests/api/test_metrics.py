"""`/metrics`: who may see them, in which form, how fresh they are, and that money is the same everywhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.apikey import Scope, Token
from router.app import load_pricing
from router.audit import NOBODY
from router.budget import Budget
from router.cost import usd
from router.io.commands.cost import CostCommands
from router.io.embedded import EmbeddedServer
from router.ledger import fold
from router.settings import Settings
from tests.acl import API, as_user
from tests.api.keys import Guarded, a_guarded
from tests.builders import DOUBTFUL, GOOD, a_failure, a_policy, a_submission
from tests.carrying import House, by_tier
from tests.conftest import Clock, a_redis_store
from tests.frozen import frozen
from tests.gang import POLICIES
from tests.scrape import Scraped, complaints
from tests.shell import Shell

NOWHERE = "redis://127.0.0.1:1/0"


OF_THE_PROCESS = {
    "router_build_info",
    "router_http_requests",
    "router_http_request_duration_seconds",
    "router_store_reachable",
}


def shown(key: str | None) -> dict[str, str]:
    """The headers of who shows a key."""
    return {} if key is None else {"authorization": f"Bearer {key}"}


async def scrape(http: httpx.AsyncClient, **headers: str) -> Scraped:
    return Scraped((await http.get("/metrics", headers=headers)).text)


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as guarded:
        yield guarded


async def ask(guarded: Guarded, *scopes: Scope) -> int:
    headers = {"authorization": f"Bearer {(await guarded.key('acme', *scopes)).text}"} if scopes else {}
    return (await guarded.http.get("/metrics", headers=headers)).status_code


# who, and in which form


async def test_needs_a_key_that_may(guarded: Guarded) -> None:
    """They tell of all tenants together: a scope of their own lets a scraper in, and nobody else."""
    assert await ask(guarded, Scope.METRICS) == 200
    assert await ask(guarded, Scope.READ, Scope.SUBMIT) == 403
    assert await ask(guarded) == 401


async def test_is_open_where_nobody_needs_a_key(http: httpx.AsyncClient) -> None:
    """On a laptop a scraper needs nothing."""
    answer = await http.get("/metrics")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert list(complaints(answer.text)) == []


async def test_speaks_openmetrics_to_who_accepts_it(http: httpx.AsyncClient) -> None:
    """What Prometheus asks for first, to the end that this format has."""
    answer = await http.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0;q=0.5"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert {family.name for family in open_metrics(answer.text)} >= {
        "router_build_info",
        "router_tasks",
        "router_alarms",
    }


@pytest.mark.parametrize(
    "accept", ["", "*/*", "image/png", "application/openmetrics-text;version=abc", "text/plain;version="]
)
async def test_answers_whatever_is_accepted(http: httpx.AsyncClient, accept: str) -> None:
    """A header that makes no sense gets the text that everybody reads."""
    answer = await http.get("/metrics", headers={"accept": accept})

    assert answer.status_code == 200
    assert "router_tasks" in answer.text


# of what


async def test_tells_what_the_store_shows(http: httpx.AsyncClient, backend: Backend) -> None:
    """Tasks that wait, policies that are published, and the requests of this process with the routes' own names."""
    await backend.store.publish([a_policy()])
    await backend.store.submit([a_submission(f"t{i}") for i in range(3)])
    for path in ("/livez", "/livez", "/v1/tasks/t0", "/nowhere/secret"):
        await http.get(path)

    read = await scrape(http)

    assert read["router_tasks"]["ready",] == 3
    assert read["router_queue_tasks"]["mini",] == 3
    assert read["router_policy_info"] == {("receipts", a_policy().digest): 1}
    assert read["router_http_requests_total"]["GET", "/livez", "200"] == 2
    assert read["router_http_requests_total"]["GET", "unknown", "404"] == 1
    assert "secret" not in read.text and "t0" not in read.text


async def test_tells_of_deployments_and_models_where_the_tiers_can_be_read(server: EmbeddedServer, prefix: str) -> None:
    """Beside the folder of policies a process knows which deployments there are, and which models leave when."""
    settings = Settings(redis_url=as_user(server.url, API), prefix=prefix, policies=POLICIES)
    async with open_backend(settings, insecure=True) as backend:
        transport = httpx.ASGITransport(create_app(backend))
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
            read = await scrape(http)

    assert read["router_breaker_state"]["main", "closed", "mini"] == 1
    assert read["router_tier_sunset_timestamp_seconds"]["mini",] == 1_799_884_800


async def test_budgets_of_tenants_that_nobody_named_make_no_series(http: httpx.AsyncClient, backend: Backend) -> None:
    """A budget for each tenant is told for those alone that have one by their own name."""
    await backend.store.publish([a_policy()])
    await backend.store.publish_budgets(
        [
            Budget(scope="global", usd="50", per="day"),
            Budget(scope="tenant:*", usd="5", per="day"),
            Budget(scope="tenant:acme", usd="9", per="day"),
            Budget(scope="policy:*", usd="7", per="day"),
        ]
    )
    clock = Clock()
    clock.ms = int(time.time() * 1000)
    store = a_redis_store(backend.settings.redis_url, backend.settings.prefix, clock)
    house = House(store, clock, by_tier(mini=GOOD))
    for name in ("t1", "t2"):
        await house.submit(task_id=name, tenant=name)
        await house.settle(name)
    await store.close()

    assert set((await scrape(http))["router_budget_left_dollars"]) == {
        ("day", "global"),
        ("day", "policy:receipts"),
        ("day", "tenant:acme"),
    }


async def test_tells_of_itself_while_the_store_is_away(prefix: str) -> None:
    """A scrape that fails would hide that it is Redis that is gone: it answers, and says so."""
    async with open_backend(Settings(redis_url=NOWHERE, prefix=prefix), insecure=True) as backend:
        transport = httpx.ASGITransport(create_app(backend))
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
            read = await scrape(http)

    assert read.one("router_store_reachable") == 0
    assert "router_tasks" not in read.text


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A server that may be frozen."""
    with EmbeddedServer(tmp_path) as server:
        yield server


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_key_that_cannot_be_looked_up_hears_of_this_process_alone(own: EmbeddedServer, hangs: bool) -> None:
    """
    While Redis is away or hangs, Prometheus hears so with any key that is formed like one: nothing of tenants, tasks or
    money is told. What is no key is refused as ever, and a stranger's is once Redis is there again.
    """
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(a_guarded(Settings(redis_url=own.url), silence_s=0.2))
        scraper = await guarded.key("acme", Scope.METRICS)
        stranger = Token.made_of(bytes(40))
        await guarded.backend.store.publish([a_policy()])
        await guarded.http.get("/livez")
        if hangs:
            stack.enter_context(frozen(own))
        else:
            own.stop()
        told = [await guarded.http.get("/metrics", headers=shown(token)) for token in (scraper.text, stranger.text)]
        refused = [await guarded.http.get("/metrics", headers=shown(text)) for text in (None, "rk_no", scraper.id)]

    read = Scraped(told[0].text)
    assert [answer.status_code for answer in told] == [200, 200]
    assert [answer.status_code for answer in refused] == [401, 401, 401]
    assert read.one("router_store_reachable") == 0
    assert read["router_http_requests_total"]["GET", "/livez", "200"] == 1
    assert {family.name for family in read.families} == OF_THE_PROCESS
    assert list(complaints(told[0].text)) == []


# money is the same everywhere


@pytest.fixture
async def spent(backend: Backend) -> None:
    """Tasks of two tenants climbed past a doubtful reply and an unknown outcome."""
    clock = Clock()
    clock.ms = int(time.time() * 1000)
    store = a_redis_store(backend.settings.redis_url, backend.settings.prefix, clock)
    house = House(store, clock, by_tier(mini=DOUBTFUL, small=a_failure(billed="unknown"), large=GOOD))
    policy = a_policy(moves={"error": "escalate"})
    for number in range(4):
        await house.submit(task_id=f"t{number}", tenant=f"n{number % 2}", policy=policy)
        await house.settle(f"t{number}")
    await store.close()


def of_tiers(read: Scraped, name: str) -> dict[str, Decimal]:
    """What a family of amounts comes to for each tier, where it is not nothing."""
    sums: Counter[str] = Counter()
    for (_policy, _reason, tier), text in read.dollars(name).items():
        sums[tier] += Decimal(text)  # type: ignore[assignment]
    return {tier: Decimal(amount) for tier, amount in sums.items() if amount}


@pytest.mark.usefixtures("spent")
async def test_money_is_the_same_in_metrics_the_api_the_command_line_and_the_ledger(
    http: httpx.AsyncClient,
    backend: Backend,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Every way to see costs agrees to the nano-dollar.

    Prometheus knows doubles only: each holds any amount up to nine million dollars so exactly that rounding to nine
    places gives it back; what is added here are such amounts, not doubles.
    """
    for name, value in backend.settings.environment().items():
        monkeypatch.setenv(name, value)

    read = await scrape(http)
    api = (await http.get("/v1/costs", params={"by": "tier"})).json()["data"]
    told = await asyncio.to_thread(Shell(capsys).json, "cost", "--by", "tier", "--json")
    books = fold(await backend.store.ledger())
    balance = await backend.store.balance()

    for family, column in (
        ("router_cost_dollars_total", "cost_usd"),
        ("router_cost_unsettled_dollars", "unsettled_high_usd"),
        ("router_cost_accepted_dollars_total", "accepted_usd"),
        ("router_cost_waste_dollars_total", "waste_usd"),
    ):
        amounts = of_tiers(read, family)
        assert amounts == {row["group"]["tier"]: Decimal(row[column]) for row in api if Decimal(row[column])}
        assert amounts == {row["tier"]: Decimal(row[column]) for row in told if Decimal(row[column])}
        assert amounts != {}
    assert sum(of_tiers(read, "router_cost_dollars_total").values()) == Decimal(usd(books.settled_nusd))
    assert sum(of_tiers(read, "router_cost_unsettled_dollars").values()) == Decimal(usd(books.unsettled_nusd))
    assert balance == books


@pytest.mark.usefixtures("spent")
async def test_costs_are_the_same_before_and_after_they_are_counted(http: httpx.AsyncClient, backend: Backend) -> None:
    """A scrape adds what the sweep has not counted yet: when that is done nothing is lost or told twice."""
    before = await scrape(http)
    commands = CostCommands(prefix=backend.settings.prefix)
    while await backend.link.carry_out(commands.count(load_pricing(backend.settings))):
        pass
    transport = httpx.ASGITransport(create_app(backend))
    async with httpx.AsyncClient(transport=transport, base_url="http://router") as other:
        after = await scrape(other)

    for name in ("router_cost_dollars_total", "router_cost_unsettled_dollars", "router_cost_waste_dollars_total"):
        assert before.dollars(name) == after.dollars(name) != {}
    for name in ("router_attempts_total", "router_escalations_total", "router_tokens_total"):
        assert before[name] == after[name] != {}
    assert before.one("router_cost_fold_lag_seconds") > 0
    assert after.one("router_cost_fold_lag_seconds") == 0


async def test_what_a_bill_alone_knows_is_in_the_costs_and_nowhere_else(
    http: httpx.AsyncClient,
    backend: Backend,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Calls that nobody remembers make no tier that nobody serves, no queue, no policy and no budget of anybody's."""
    for name, value in backend.settings.environment().items():
        monkeypatch.setenv(name, value)
    scopes = ["global", "tenant:*", "policy:*", "tier:*"]
    await backend.store.publish([a_policy()])
    await backend.store.publish_budgets([Budget(scope=scope, usd="5", per="day") for scope in scopes])
    bill = tmp_path / "bill.jsonl"
    bill.write_text('{"call_id": "lost", "amount_nusd": 70, "model": "m"}')

    assert await asyncio.to_thread(Shell(capsys), "audit", "--bill", str(bill), "--yes") == 0
    read = await scrape(http)
    api = (await http.get("/v1/costs", params={"by": "tier"})).json()["data"]
    budgets = (await http.get("/v1/budgets")).json()["data"]

    costs = [name for name, labels in read.samples if NOBODY in dict(labels).values()]
    assert {name for name in costs if not name.startswith("router_cost_")} == set()
    assert of_tiers(read, "router_cost_dollars_total") == {NOBODY: Decimal("0.000000070")}
    assert {("mini",), ("small",), ("large",)} <= set(read["router_tier_workers"])
    assert {row["group"]["tier"]: row["cost_usd"] for row in api} == {NOBODY: "0.000000070"}
    assert {(use["scope"], use["used_usd"]) for use in budgets} == {("global", "0.000000070")}
    assert {scope for _, scope in read["router_budget_limit_dollars"]} >= {"global", "policy:receipts", "tier:mini"}
