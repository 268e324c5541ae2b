"""How long versions of policies are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from router.decision import Accept, Review
from router.errors import UnknownPolicy
from router.io.embedded import EmbeddedServer
from router.io.redis_store import RedisStore
from router.policy import Policy
from tests.acl import peek
from tests.builders import a_policy, a_submission, an_attempt
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
