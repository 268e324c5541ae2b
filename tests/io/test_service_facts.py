"""The facts of a service as a real server shows them, to the doctor and to metrics alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from router.budget import Budget
from router.decision import Review
from router.errors import StoreUnavailable
from router.health.service import Breaker, Service, Worker
from router.io.embedded import EmbeddedServer
from router.io.redis_keys import Keys
from router.io.redis_store import RedisStore
from router.io.service_facts import ServiceFacts
from router.verdict import Outcome
from router.webhook import Webhook
from tests.builders import BROKEN, GOOD, a_policy, a_submission, an_attempt
from tests.carrying import House, by_tier
from tests.conftest import Clock, a_redis_store
from tests.frozen import frozen
from tests.workers.test_sweep import Plant

TIERS = ("mini", "small", "large")
POLICY = a_policy()
MINUTE_MS = 60_000


@pytest.fixture
async def store(server: EmbeddedServer, prefix: str) -> AsyncIterator[RedisStore]:
    """A store that goes by the server's clock, as the facts do."""
    store = a_redis_store(server.url, prefix, None)
    await store.publish([POLICY])
    yield store
    await store.close()


@pytest.fixture
def facts(server: EmbeddedServer, prefix: str) -> Iterator[ServiceFacts]:
    with closing(ServiceFacts(server.url, prefix=prefix)) as facts:
        yield facts


@pytest.fixture
def plant(server: EmbeddedServer, prefix: str) -> Iterator[Plant]:
    plant = Plant(server.url, prefix)
    yield plant
    plant.close()


def server_ms(raw: redis.Redis) -> int:
    seconds, microseconds = raw.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def test_nothing_shows_nothing(facts: ServiceFacts) -> None:
    """Where no task ever came every number is 0, and nothing is there that would not be."""
    found = facts.service(TIERS, ["mini/main"])

    assert replace(found, workers=(), sample=()) == Service(breakers={"mini/main": Breaker.CLOSED})
    assert (len(found.workers), len(found.sample)) == (0, 0)


async def test_tasks_are_counted_where_they_stand(
    store: RedisStore, facts: ServiceFacts, prefix: str, raw: redis.Redis
) -> None:
    """Ready ones by queue, running ones by tier, those in review, and the rest waits for a time."""
    await store.submit([a_submission(f"a{i}", tenant="acme") for i in range(3)])
    await store.submit([a_submission(f"b{i}", tenant="beta", tier="large") for i in range(2)])
    first, _second = await store.claim({"mini": 9}, at_most=2, token="token")
    await store.finish(first, POLICY, an_attempt(1, "mini", Outcome.FAIL), Review("who knows"))
    raw.zadd(Keys(prefix).review, {first.task.id: server_ms(raw) - MINUTE_MS})

    found = facts.service(TIERS, [])

    assert found.ready == {"mini": 1, "large": 2}
    assert found.running == {"mini": 1}
    assert (found.waiting, found.review, found.delayed) == (5, 1, 0)
    assert found.review_ms >= MINUTE_MS


async def test_a_queue_is_as_old_as_the_oldest_of_those_in_front(
    store: RedisStore, facts: ServiceFacts, prefix: str, raw: redis.Redis
) -> None:
    """Of the tasks that are next for their tenants, the one that came first tells how old the queue is."""
    await store.submit([a_submission(name, tenant=name) for name in ("acme", "beta")])
    raw.hset(Keys(prefix).task("beta"), "c", server_ms(raw) - MINUTE_MS)

    oldest_ms = facts.service(TIERS, []).oldest_ms

    assert set(oldest_ms) == {"mini"}
    assert oldest_ms["mini"] >= MINUTE_MS


async def test_tiers_of_tasks_are_found_although_nobody_names_them(store: RedisStore, facts: ServiceFacts) -> None:
    """A task of a policy that is published no more still stands in its queue."""
    await store.submit([a_submission(tier="gone")])

    assert facts.service((), []).ready == {"gone": 1}


async def test_ends_are_counted_once_each(server: EmbeddedServer, prefix: str, facts: ServiceFacts) -> None:
    """However a task ends, and however often somebody tries to end it again."""
    clock = Clock()
    store = a_redis_store(server.url, prefix, clock)
    house = House(store, clock, by_tier(mini=GOOD))
    await house.submit(task_id="good")
    await house.settle("good")
    hopeless = House(store, clock, by_tier(mini=BROKEN))
    await hopeless.submit(task_id="bad", policy=a_policy(policy="hopeless", tiers=["mini"]))
    await hopeless.settle("bad")
    await store.submit([a_submission("left")])
    for name in ("left", "left", "good"):
        await store.cancel(name)
    await store.close()

    ends = {name: number for name, number in facts.service(TIERS, []).counts.items() if name.startswith("task:")}
    assert ends == {"task:succeeded": 1, "task:dead": 1, "task:cancelled": 1}


async def test_alarms_are_counted_as_they_are_raised(
    server: EmbeddedServer, prefix: str, facts: ServiceFacts, raw: redis.Redis
) -> None:
    """A budget that is used up is an alarm for each share that is told, not for each call."""
    clock = Clock()
    store = a_redis_store(server.url, prefix, clock)
    await store.publish_budgets([Budget(scope="tenant:*", usd="0.0008", per="day", on_exceeded="park")])
    house = House(store, clock, by_tier(mini=GOOD))
    for name in ("t0", "t1", "t2"):
        await house.submit(task_id=name)
    for claim in await store.claim({"mini": 9}, at_most=9, token="token"):
        await house.engine.carry(claim)
    await store.close()

    kinds = [line[b"e"] for _, line in raw.xrange(Keys(prefix).alarms)]
    assert kinds.count(b"budget") == facts.service(TIERS, []).counts["alarm:budget"] > 0


async def test_a_policy_tells_since_when_its_version_is_current(
    store: RedisStore, facts: ServiceFacts, prefix: str, raw: redis.Redis
) -> None:
    """Publishing the same again changes nothing; another version is current from now on."""
    key = Keys(prefix).published
    raw.hset(key, "receipts", 7)
    await store.publish([POLICY])
    same = facts.service(TIERS, []).published_ms

    await store.publish([a_policy(keep_s=90)])

    assert same == {"receipts": 7}
    assert facts.service(TIERS, []).published_ms["receipts"] > 7


@pytest.mark.parametrize(
    ("gate", "breaker", "rests"),
    [
        ({}, Breaker.CLOSED, False),
        ({"bf": 4}, Breaker.CLOSED, False),
        ({"cu": MINUTE_MS}, Breaker.CLOSED, True),
        ({"bu": MINUTE_MS, "bk": 1}, Breaker.OPEN, True),
        ({"bu": -MINUTE_MS, "bk": 1}, Breaker.PROBING, False),
        ({"bu": MINUTE_MS, "bk": 1, "bp": 1}, Breaker.PROBING, True),
    ],
)
def test_a_deployment_tells_how_its_breaker_stands(
    facts: ServiceFacts, prefix: str, raw: redis.Redis, *, gate: dict[str, int], breaker: Breaker, rests: bool
) -> None:
    """Closed, open, or with one call on its way to find out; and whether it is left alone, for whatever reason."""
    now_ms = server_ms(raw)
    for name, value in gate.items():
        raw.hset(Keys(prefix).gate("mini/main"), name, value + now_ms if name in ("cu", "bu") else value)

    found = facts.service(TIERS, ["mini/main"])

    assert found.breakers == {"mini/main": breaker}
    assert ("mini/main" in found.resting) is rests


async def test_webhooks_that_wait_are_counted(store: RedisStore, facts: ServiceFacts) -> None:
    """A delivery waits from the step in which its task ends."""
    hook = Webhook(url="https://example.com/hooks")
    await store.submit([a_submission(name, webhook=hook) for name in ("t1", "t2")])
    await store.cancel("t1")

    assert facts.service(TIERS, []).hooks_waiting == 1


def test_workers_are_told_by_what_they_serve(facts: ServiceFacts, plant: Plant) -> None:
    """Those for all tasks, and those for suspects of a crash."""
    plant.hire()
    plant.hire(alone=True)

    workers = facts.service(TIERS, []).workers

    assert sorted(workers, key=lambda worker: worker.alone) == [Worker(None), Worker(None, alone=True)]
    assert {worker.group for worker in workers} == {"all"}


def test_a_server_that_is_away_is_told_at_once() -> None:
    """Nobody waits for a server that does not answer: whoever asks for facts asks again."""
    with closing(ServiceFacts("redis://127.0.0.1:1/0", prefix="r:")) as facts, pytest.raises(StoreUnavailable):
        facts.service(TIERS, [])


def test_a_server_that_says_nothing_is_away(tmp_path: Path) -> None:
    """Whoever has little time is told so after that silence, whichever of the facts is asked for."""
    with EmbeddedServer(tmp_path) as server:
        facts = ServiceFacts(server.url, prefix="x:", silence_s=0.3)
        before = facts.full()
        with frozen(server):
            for read in (facts.cards, facts.full, lambda: facts.service((), ())):
                with pytest.raises(StoreUnavailable, match="Timeout"):
                    read()
        after = facts.full()
        facts.close()

    assert (before, after) == (None, None)
