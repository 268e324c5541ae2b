"""How long versions of policies are kept, and what becomes of values that newer versions of the code wrote."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import redis

from router.decision import Accept, Review
from router.errors import FormatTooNew, UnknownPolicy
from router.formats import FORMAT
from router.io.commands.producer import ProducerCommands
from router.io.embedded import EmbeddedServer
from router.io.packing import pack
from router.io.redis_store import RedisStore
from router.policy import Policy
from tests.acl import peek
from tests.builders import a_chat, a_policy, a_submission, an_attempt
from tests.conftest import Clock, a_redis_store

DAY_S = 86_400
KEEP_S = 7 * DAY_S
OLD = a_policy(keep_s=KEEP_S, limits={"wait_at_most_s": 30 * DAY_S})
NEW = a_policy(keep_s=KEEP_S, description="newer")


@pytest.fixture
async def store(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[RedisStore]:
    store = a_redis_store(server.url, prefix, clock)
    await store.publish([OLD])
    yield store
    await store.close()


async def kept(store: RedisStore, policy: Policy) -> bool:
    """Whether a version is still there after a sweep."""
    await store.sweep(at_most=100)
    try:
        return (await store.policy(policy.digest)).digest == policy.digest
    except UnknownPolicy:
        return False


async def test_the_current_version_stays(store: RedisStore, clock: Clock) -> None:
    """A version that nobody used for years is there as long as it is the current one."""
    for _ in range(3):
        clock.advance(300 * DAY_S)
        assert await kept(store, OLD)


async def test_a_superseded_version_that_nobody_used_goes(store: RedisStore, clock: Clock) -> None:
    """Producers may know it for some more time: after a day it is gone, and the new one stays."""
    await store.publish([NEW])

    clock.advance(DAY_S - 10)
    assert await kept(store, OLD)
    clock.advance(20)
    assert not await kept(store, OLD)
    assert await kept(store, NEW)


async def test_a_version_outlives_its_last_record(store: RedisStore, clock: Clock) -> None:
    """A task has its version to its end and as long as its record is kept; then the version goes."""
    await store.submit([a_submission(policy=OLD.digest, deadline_s=DAY_S, keep_s=KEEP_S)])
    await store.publish([NEW])

    clock.advance(DAY_S + KEEP_S)
    assert await kept(store, OLD)
    clock.advance(DAY_S + 10)
    assert not await kept(store, OLD)


async def test_who_waits_for_a_person_keeps_the_version(store: RedisStore, clock: Clock) -> None:
    """A task in review has its version for as long as it may wait there, and be kept afterwards."""
    await store.submit([a_submission(policy=OLD.digest, deadline_s=60, keep_s=KEEP_S)])
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="a")
    await store.finish(claim, OLD, an_attempt(), Review("look"))
    await store.publish([NEW])

    clock.advance(30 * DAY_S + KEEP_S)
    assert await kept(store, OLD)
    clock.advance(DAY_S + 10)
    assert not await kept(store, OLD)


async def test_an_audit_keeps_the_version(store: RedisStore, clock: Clock) -> None:
    """What is asked again is judged under the version that it was accepted with."""
    audited = a_policy(keep_s=KEEP_S, audit={"rate": 1, "against": "large"})
    await store.publish([audited])
    await store.submit([a_submission(policy=audited.digest, deadline_s=60, keep_s=60)])
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="a")
    attempt = an_attempt()
    await store.finish(claim, audited, attempt, Accept(attempt))
    await store.publish([NEW])

    clock.advance(DAY_S + KEEP_S)
    assert await kept(store, audited)


async def test_a_version_that_comes_back_is_there_again(store: RedisStore, clock: Clock) -> None:
    """Publishing an older version anew, after it was gone, makes it whole again."""
    await store.publish([NEW])
    clock.advance(2 * DAY_S)
    assert not await kept(store, OLD)

    await store.publish([OLD])

    assert await kept(store, OLD)


async def test_a_version_of_before_versions_were_counted_stays(
    store: RedisStore, clock: Clock, server: EmbeddedServer, prefix: str
) -> None:
    """Nobody knows when its last task goes, so it is never dropped, whatever comes under it later."""
    await store.submit([a_submission("long", policy=OLD.digest, deadline_s=30 * DAY_S)])
    with peek(server.url) as raw:
        raw.delete(f"{prefix}versions")
    await store.submit([a_submission("short", policy=OLD.digest, deadline_s=60)])
    await store.publish([NEW])

    clock.advance(20 * DAY_S)
    assert await kept(store, OLD)


async def test_a_policy_without_a_current_version_stops_no_sweep(
    store: RedisStore, clock: Clock, server: EmbeddedServer, prefix: str
) -> None:
    """Keys that somebody deleted by hand must not keep tasks from being put back."""
    with peek(server.url) as raw:
        raw.delete(f"{prefix}current:receipts")
    clock.advance(2 * DAY_S)

    assert not await kept(store, OLD)


# values of a newer version


NEWER = pack(b"{}", FORMAT + 1)


@pytest.mark.parametrize("what", ["task t1", "an attempt in the task's trail", "the answer kept of an attempt"])
async def test_a_task_that_a_newer_version_wrote_is_left_to_it(
    store: RedisStore, raw: redis.Redis, prefix: str, what: str
) -> None:
    """Whatever part of it cannot be read: nothing of it changes, and its neighbours are claimed."""
    await store.submit([a_submission(task_id, policy=OLD.digest) for task_id in ("t1", "t2")])
    match what.partition(" ")[0]:
        case "task":
            raw.set(f"{prefix}in:t1", NEWER)
        case "an":
            raw.rpush(f"{prefix}trail:t1", NEWER)
        case _:
            raw.hset(f"{prefix}kept:t1", "0", NEWER)
            raw.hset(f"{prefix}t:t1", "v", "1")

    claims = await store.claim({"mini": 9}, at_most=9, token="a")

    assert [claim.task.id for claim in claims] == ["t2"]
    kept = {name: raw.hget(f"{prefix}t:t1", name) for name in ("s", "l", "x", "z", "b")}
    assert kept == {"s": b"delayed", "l": b"", "x": None, "z": None, "b": b"1"}
    assert raw.hget(f"{prefix}t:t1", "why").decode().startswith(f"{what} is of format {FORMAT + 1}, and this process")
    assert store.opens_in_ms() == 250
    assert store.stands_back()


async def test_a_policy_that_a_newer_version_wrote_is_asked_for_once(
    store: RedisStore, raw: redis.Redis, prefix: str, clock: Clock
) -> None:
    """The first task under it shows that it cannot be read; later ones are left as they are claimed."""
    raw.set(f"{prefix}policy:{OLD.digest}", NEWER)
    await store.submit([a_submission(policy=OLD.digest)])
    (claim,) = await store.claim({"mini": 9}, at_most=9, token="a")
    with pytest.raises(FormatTooNew, match=f"policy version {OLD.digest} is of format {FORMAT + 1}"):
        await store.policy(OLD.digest)
    assert await store.leave(claim, "upgrade first")

    clock.advance(1)
    await store.sweep(at_most=9)

    assert await store.claim({"mini": 9}, at_most=9, token="b") == []
    assert raw.hget(f"{prefix}t:t1", "b") == b"2"


async def test_a_card_of_a_newer_version_takes_no_task(store: RedisStore, raw: redis.Redis, prefix: str) -> None:
    """A producer that does not know what a policy takes says so in a sentence, and lists the policies it knows."""
    await store.publish([a_policy(policy="other")])
    card = json.loads(raw.get(f"{prefix}current:receipts"))
    raw.set(f"{prefix}current:receipts", json.dumps(card | {"format": FORMAT + 1, "output": "song"}))

    with pytest.raises(FormatTooNew, match=r"policy 'receipts' is of format .*: upgrade this process"):
        await store._link.run(ProducerCommands(prefix=prefix).card("receipts"))
    assert await store._link.run(ProducerCommands(prefix=prefix).policy_name(OLD.digest)) == "receipts"
    raw.set(f"{prefix}policy:{OLD.digest}", NEWER)
    assert await store._link.run(ProducerCommands(prefix=prefix).policy_name(OLD.digest)) == OLD.digest


@pytest.mark.parametrize(("policy", "format"), [(a_policy(), 1), (a_chat(), 2)])
async def test_a_card_says_the_format_of_its_version(
    store: RedisStore, prefix: str, policy: Policy, format: int
) -> None:
    """What a worker has to know is what a producer has to know."""
    await store.publish([policy])

    assert (await store._link.run(ProducerCommands(prefix=prefix).card(policy.policy))).format == format
