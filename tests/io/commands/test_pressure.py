"""Pressure, as a real server tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from router.decision import Ask
from router.health.pressure import Pressure
from router.io.commands.client import ClientCommands
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.task import Priority
from router.verdict import Outcome
from tests.builders import a_policy, a_submission, an_attempt
from tests.conftest import Clock


@dataclass(frozen=True)
class Desk:
    """A store, and how full its queues are."""

    store: RedisStore
    link: AsyncLink
    commands: ClientCommands
    clock: Clock

    async def submit(self, tenant: str, count: int, **changes: Any) -> None:
        names = [f"{tenant}-{self.clock.ms}-{changes}-{number}" for number in range(count)]
        await self.store.submit([a_submission(name, tenant=tenant, **changes) for name in names])

    async def take(self, count: int) -> None:
        await self.store.claim({"mini": 10**6}, at_most=count, token=f"token-{self.clock.ms}-{count}")

    async def pressure(
        self, tenant: str = "acme", priority: Priority = Priority.NORMAL, tier: str = "mini"
    ) -> Pressure:
        return await self.link.run(self.commands.pressure(tier, tenant, patience_ms=priority.patience_ms))


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[Desk]:
    link = AsyncLink(connect_async(server.url), prefix=prefix)
    commands = ClientCommands(prefix=prefix, clock_ms=clock)
    shifting = ShiftCommands(prefix=prefix, clock_ms=clock)
    yield Desk(RedisStore(link, producing=commands, shifting=shifting, clock_ms=clock), link, commands, clock)
    await link.close()


async def test_an_empty_queue_has_none(desk: Desk) -> None:
    """Nobody waits, nothing is ahead, nothing is foretold."""
    found = await desk.pressure()

    assert (found.ready, found.ahead, found.busy_ms, found.oldest_ms, found.waiting, found.wait_s) == (0,) * 6


async def test_counts_what_goes_before_a_task(desk: Desk) -> None:
    """One's own more urgent tasks, and of others as many as take their turns meanwhile."""
    await desk.submit("acme", 5)
    await desk.submit("acme", 2, priority=Priority.LOW)
    await desk.submit("bolt", 50)
    await desk.submit("cask", 3)

    found = await desk.pressure("acme")
    assert (found.ready, found.own, found.others, found.waiting, found.waiting_all) == (60, 5, 6 + 3, 7, 60)
    assert ((await desk.pressure("acme", Priority.HIGH)).own, (await desk.pressure("new")).ahead) == (0, 3)


async def test_very_many_tenants_are_estimated(desk: Desk) -> None:
    """From a hundred of them, so that the question costs little however many there are."""
    for number in range(300):
        await desk.submit(f"tenant-{number}", 2)

    found = await desk.pressure("new")

    assert (found.ready, found.others, found.own) == (600, 300, 0)


async def test_counts_what_leaves_a_queue(desk: Desk) -> None:
    """In steps of ten seconds, the newest first, and no longer than for a minute."""
    await desk.submit("acme", 100)
    for count in (1, 2, 3, 4, 5, 6, 7, 8):
        await desk.take(count)
        desk.clock.advance(10)
    await desk.take(9)
    await desk.take(1)

    found = await desk.pressure()

    assert (found.left_now, tuple(found.left), found.now_ms) == (10, (8, 7, 6, 5, 4, 3), desk.clock.ms % 10_000)


async def test_a_claim_that_is_repeated_counts_once(desk: Desk) -> None:
    """A shift that did not hear the answer claims again, and nothing has left the queue anew."""
    await desk.submit("acme", 10)
    await desk.take(4)
    await desk.take(4)

    assert (await desk.pressure()).left_now == 4


async def test_tells_since_when_a_queue_is_busy(desk: Desk) -> None:
    """From the first task that found it empty; who comes later changes nothing."""
    await desk.submit("acme", 2)
    desk.clock.advance(7)
    await desk.submit("bolt", 2)
    assert ((await desk.pressure()).busy_ms, (await desk.pressure()).oldest_ms) == (7000, 7000)

    await desk.take(4)
    assert (await desk.pressure()).busy_ms == 0

    await desk.submit("acme", 1)
    desk.clock.advance(1)
    assert (await desk.pressure()).busy_ms == 1000


async def test_counts_the_tasks_of_a_tenant_until_they_end(desk: Desk) -> None:
    """Wherever they stand: those that climb, run or wait for a person count, those that have ended do not."""
    await desk.submit("acme", 3)
    held = await desk.store.claim({"mini": 9}, at_most=2, token="a")
    await desk.store.finish(held[0], a_policy(), an_attempt(1, "mini", Outcome.FAIL), Ask("small", "escalate"))
    assert (await desk.pressure()).waiting == 3

    for claim in held:
        await desk.store.cancel(claim.task.id)

    assert ((await desk.pressure()).waiting, (await desk.pressure("bolt")).waiting) == (1, 0)
