"""The newsroom of a process: it reads while somebody listens, and knows what was missed."""

from __future__ import annotations

import pytest

from router.api.news import News, Newsroom
from router.event import Stands
from router.io.embedded import EmbeddedServer
from router.io.redis_store import RedisStore
from router.settings import Settings
from router.task import TaskState
from tests.builders import a_submission
from tests.waiting import until


@pytest.fixture
def newsroom(server: EmbeddedServer, prefix: str) -> Newsroom:
    return Newsroom(Settings(redis_url=server.url, prefix=prefix))


async def end(store: RedisStore, *task_ids: str) -> None:
    await store.submit([a_submission(task_id) for task_id in task_ids])
    for task_id in task_ids:
        await store.cancel(task_id)


def ends_of(heard: list[News] | None) -> list[str]:
    assert heard is not None
    return [news.event.task for news in heard if isinstance(news.event, Stands)]


async def test_listeners_hear_of_their_own_task_alone(newsroom: Newsroom, redis_store: RedisStore) -> None:
    """All who listen to it hear the same, and what happened before they came is not told them."""
    await end(redis_store, "t0")
    with newsroom.listen("t1") as one, newsroom.listen("t1") as other, newsroom.listen("t2") as third:
        await newsroom.begun()
        await end(redis_store, "t1")

        assert await one.get() == await other.get()
        assert (one.qsize(), third.qsize()) == (0, 0)


async def test_all_listeners_hear_that_the_process_ends(newsroom: Newsroom) -> None:
    """Whatever they listen to: they go on at another process."""
    with newsroom.listen("t1") as one, newsroom.listen("t2") as other:
        newsroom.close()

        assert (await one.get(), await other.get(), newsroom.closed) == (None, None, True)


async def test_somebody_who_comes_while_the_reader_goes_is_heard(newsroom: Newsroom, redis_store: RedisStore) -> None:
    """However often listeners come and go, each hears what happens to its task."""
    for number in range(3):
        with newsroom.listen(f"t{number}") as heard:
            await newsroom.begun()
            await end(redis_store, f"t{number}")
            news = await heard.get()
            assert news is not None and isinstance(news.event, Stands)
            assert (news.event.task, news.event.state) == (f"t{number}", TaskState.CANCELLED)
        if number:
            await until(lambda: newsroom._reader is None)


async def test_tells_what_was_missed(newsroom: Newsroom, redis_store: RedisStore) -> None:
    """Of one task, after an event; where it is not known any more, that is said instead."""
    with newsroom.listen("t1"):
        await newsroom.begun()
        begun = newsroom.last
        await end(redis_store, "t1", "t2")
        await until(lambda: newsroom.last != begun and len(newsroom.since("t2", begun) or []) == 1)

        assert (ends_of(newsroom.since("t1", begun)), ends_of(newsroom.since("t1", newsroom.last))) == (["t1"], [])
        assert ends_of(newsroom.since("t9", begun)) == []
        assert newsroom.since("t1", f"9{newsroom.last}") is None


async def test_nobody_listens_to_nobody(newsroom: Newsroom) -> None:
    """The last who leaves ends the reading."""
    with newsroom.listen("t1"):
        await newsroom.begun()
        assert newsroom.listening == 1

    assert newsroom.listening == 0
    await until(lambda: newsroom._reader is None)
