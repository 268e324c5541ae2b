"""Fixtures that every part uses: a real server, stores on it, and a clock that a test moves by hand."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import redis
from hypothesis import HealthCheck, settings

from router import log
from router.io.commands.producer import ProducerCommands
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.memory import MemoryStore
from router.ports import Store
from tests.acl import GuardedServer, peek
from tests.builders import NOW_MS

log.configure("error", stream=sys.__stderr__)
settings.register_profile("house", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Each test begins with a log that is open: the one before may have had it written to a screen that is gone."""
    log.configure("error", stream=sys.__stderr__)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms

    def advance(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server for all; who reaches it by its address may do what `deploy/redis.acl` lets workers do, and no more."""
    with GuardedServer(tmp_path_factory.mktemp("server")) as running:
        yield running
        assert running.denied() == set(), "deploy/redis.acl forbids what is needed; a test looks at keys with `raw`"


@pytest.fixture
def prefix() -> str:
    """A prefix of the test's own: nothing needs to be flushed, nobody else is in the way."""
    return f"{uuid4().hex[:8]}:"


@pytest.fixture
def raw(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A plain client, to look at keys with."""
    client = peek(server.url)
    yield client
    client.close()


@pytest.fixture
async def redis_store(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[RedisStore]:
    store = a_redis_store(server.url, prefix, clock)
    yield store
    await store.close()


def a_redis_store(url: str, prefix: str, clock: Clock | None) -> RedisStore:
    return RedisStore(
        AsyncLink(connect_async(url), prefix=prefix),
        producing=ProducerCommands(prefix=prefix, clock_ms=clock),
        shifting=ShiftCommands(prefix=prefix, clock_ms=clock),
        clock_ms=clock,
    )


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Store:
    if request.param == "memory":
        return MemoryStore(clock_ms=clock)
    store: RedisStore = request.getfixturevalue("redis_store")
    return store
