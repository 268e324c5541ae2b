"""A tenant's tasks, page by page, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from router.decision import Accept
from router.io.commands.client import ClientCommands
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.summary import Cursor, Page, Wanted
from router.task import TaskState
from tests.builders import a_policy, a_submission, an_attempt
from tests.conftest import Clock

POLICY = a_policy()
OTHER = a_policy(policy="others")
ANY = Wanted()
DAY_S = 86_400


@dataclass(frozen=True)
class Desk:
    """A store with two published policies, and the list of a tenant."""

    store: RedisStore
    link: AsyncLink
    commands: ClientCommands
    clock: Clock
    prefix: str

    async def submit(self, *task_ids: str, **changes: Any) -> None:
        await self.store.submit([a_submission(task_id, **{"tenant": "acme"} | changes) for task_id in task_ids])

    async def page(self, wanted: Wanted = ANY, *, after: Cursor | None = None, limit: int = 10) -> Page:
        return await self.link.carry_out(self.commands.page("acme", wanted, after=after, limit=limit))

    async def ids(self, wanted: Wanted = ANY, *, limit: int = 10) -> list[str]:
        """All of them, page after page."""
        found: list[str] = []
        page = await self.page(wanted, limit=limit)
        while True:
            found += [task.id for task in page.tasks]
            if page.next is None:
                return found
            page = await self.page(wanted, after=Cursor.read(page.next.text), limit=limit)


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[Desk]:
    link = AsyncLink(connect_async(server.url), prefix=prefix)
    commands = ClientCommands(prefix=prefix, clock_ms=clock)
    shifting = ShiftCommands(prefix=prefix, clock_ms=clock)
    store = RedisStore(link, producing=commands, shifting=shifting, clock_ms=clock)
    await store.publish([POLICY, OTHER])
    yield Desk(store, link, commands, clock, prefix)
    await store.close()


async def test_the_newest_come_first(desk: Desk) -> None:
    """Over days, and whatever became of them; nobody else's tasks are among them."""
    for number in range(4):
        await desk.submit(f"t{number}", deadline_s=30 * DAY_S)
        await desk.submit(f"other{number}", tenant="bolt")
        desk.clock.advance(1.5 * DAY_S)
    await desk.store.cancel("t2")

    assert await desk.ids() == ["t3", "t2", "t1", "t0"]


@pytest.mark.parametrize("limit", [1, 7, 60, 200])
async def test_tasks_of_the_same_moment_are_each_listed_once(desk: Desk, limit: int) -> None:
    """However many came in one millisecond, and wherever a page ends among them."""
    for batch in range(2):
        await desk.submit(*(f"t{batch}-{number:03}" for number in range(90)))
        desk.clock.advance(1)

    assert await desk.ids(limit=limit) == sorted((f"t{b}-{n:03}" for b in range(2) for n in range(90)), reverse=True)


async def test_tags_narrow_lists_down(desk: Desk) -> None:
    """Each task has its own; one without any, and one whose `tags` are something else, are in no such list."""
    await desk.submit("t1", metadata={"tags": ["mail", "eu"]})
    await desk.submit("t2", metadata={"tags": ["eu", 'Süß "☕"\n']})
    await desk.submit("t3", metadata={"tags": "eu"})
    await desk.submit("t4")

    assert await desk.ids(Wanted(tag="eu")) == ["t2", "t1"]
    assert await desk.ids(Wanted(tag="mail")) == ["t1"]
    assert await desk.ids(Wanted(tag='Süß "☕"\n')) == ["t2"]
    assert [task.tags for task in (await desk.page()).tasks] == [(), (), ("eu", 'Süß "☕"\n'), ("mail", "eu")]


async def test_tags_go_with_the_contents(desk: Desk) -> None:
    """They are the caller's words, and erased like all of them."""
    await desk.submit("t1", metadata={"tags": ["mail"]})

    await desk.store.erase("t1")

    assert (await desk.ids(), await desk.ids(Wanted(tag="mail"))) == (["t1"], [])


async def test_a_list_is_stable_while_tasks_come(desk: Desk) -> None:
    """What comes between two pages is in neither, and nothing is there twice."""
    await desk.submit("t0", "t1", "t2", "t3")
    first = await desk.page(limit=2)
    desk.clock.advance(1)
    await desk.submit("t4", "t5")

    second = await desk.page(after=first.next, limit=2)

    assert [task.id for page in (first, second) for task in page.tasks] == ["t3", "t2", "t1", "t0"]
    assert second.next is None


async def test_narrows_a_list_down(desk: Desk) -> None:
    """By status, policy and the time they came."""
    await desk.submit("t0")
    begin_ms = desk.clock.ms
    desk.clock.advance(10)
    await desk.submit("t1", policy=OTHER.digest)
    await desk.submit("t2")
    (claim,) = [c for c in await desk.store.claim({"mini": 9}, at_most=9, token="a") if c.task.id == "t2"]
    await desk.store.finish(claim, POLICY, an_attempt(), Accept(an_attempt()))

    assert await desk.ids(Wanted(status=TaskState.SUCCEEDED)) == ["t2"]
    assert await desk.ids(Wanted(policy="others")) == ["t1"]
    assert await desk.ids(Wanted(since_ms=begin_ms + 1)) == ["t2", "t1"]
    assert await desk.ids(Wanted(until_ms=begin_ms)) == ["t0"]
    assert await desk.ids(Wanted(policy="nobody's")) == []


async def test_what_is_gone_is_left_out(desk: Desk, raw: redis.Redis) -> None:
    """A record whose time is over leaves no gap and no line."""
    await desk.submit("t0", "t1", "t2")
    raw.delete(f"{desk.prefix}t:t1")

    assert await desk.ids(limit=1) == ["t2", "t0"]


async def test_audits_are_in_nobodys_list(desk: Desk, raw: redis.Redis) -> None:
    """What runs for ourselves is not indexed."""
    await desk.submit("t0", tenant=":audit")

    assert raw.keys(f"{desk.prefix}of:*") == []


async def test_a_days_list_goes_with_its_last_record(desk: Desk, raw: redis.Redis) -> None:
    """It lives as long as the latest deadline and the keeping of its tasks, and a day; a task that comes later with
    less of it shortens nothing."""
    day = desk.clock.ms // (DAY_S * 1000)
    await desk.submit("t0", deadline_s=5000, keep_s=3600)
    assert raw.expiretime(f"{desk.prefix}of:acme:{day}") == desk.clock.ms // 1000 + 5000 + 3600 + DAY_S

    await desk.submit("t1", deadline_s=9000, keep_s=3600)
    await desk.submit("t2", deadline_s=60, keep_s=60)

    assert raw.expiretime(f"{desk.prefix}of:acme:{day}") == desk.clock.ms // 1000 + 9000 + 3600 + DAY_S


async def test_a_task_that_ends_late_is_listed_as_long_as_it_is_kept(desk: Desk, raw: redis.Redis) -> None:
    """Where nobody swept for days, the list still lives as long as the record."""
    day = desk.clock.ms // (DAY_S * 1000)
    await desk.submit("t0", deadline_s=60, keep_s=3600)
    desk.clock.advance(5 * DAY_S)

    await desk.store.sweep(at_most=10)

    assert raw.expiretime(f"{desk.prefix}of:acme:{day}") == desk.clock.ms // 1000 + 3600 + DAY_S
