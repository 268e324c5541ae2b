"""The stream of events on a real server: the newest, and what comes after them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.event import Stands
from router.io.embedded import EmbeddedServer
from router.io.event_stream import EventStream
from router.io.redis_store import RedisStore
from router.task import TaskState
from tests.builders import a_submission
from tests.io.way import Way


@pytest.fixture
async def stream(server: EmbeddedServer, prefix: str) -> AsyncIterator[EventStream]:
    stream = EventStream(server.url, prefix=prefix)
    yield stream
    await stream.close()


async def cancel(store: RedisStore, *task_ids: str) -> None:
    await store.submit([a_submission(task_id) for task_id in task_ids])
    for task_id in task_ids:
        await store.cancel(task_id)


async def test_reads_the_newest_events(stream: EventStream, redis_store: RedisStore) -> None:
    """As many as are asked for, oldest first; none where nothing has happened yet."""
    assert await stream.newest(10) == []
    await cancel(redis_store, "t1", "t2", "t3")

    told = [event for _, event in await stream.newest(2)]

    assert told == [Stands(name, TaskState.CANCELLED, "cancelled by the caller") for name in ("t2", "t3")]


async def test_goes_on_after_an_event(stream: EventStream, redis_store: RedisStore) -> None:
    """Each is read once, in order; where nothing comes for a second, that is said."""
    await cancel(redis_store, "t1", "t2")
    (first, _), (last, _) = await stream.newest(2)

    assert [event.task for _, event in await stream.after(first)] == ["t2"]
    assert await stream.after(last) == []


async def test_goes_on_after_the_server_was_away(
    server: EmbeddedServer, prefix: str, tmp_path: Path, redis_store: RedisStore
) -> None:
    """A connection that breaks loses nothing that was told meanwhile."""
    await cancel(redis_store, "t1")
    async with Way(server.url, tmp_path / "way") as way:
        stream = EventStream(way.url, prefix=prefix)
        ((last, _),) = await stream.newest(1)
        way.lose_next(b"XREAD")
        assert await stream.after(last) == []
        await cancel(redis_store, "t2")

        assert [event.task for _, event in await stream.after(last)] == ["t2"]
        await stream.close()
