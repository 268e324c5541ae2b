"""Reviews on a real server: which there are, and what people decide of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from router.async_client import AsyncClient
from router.client import LOOK_AGAIN_S
from router.decision import Ask, Review
from router.errors import NotInReview, RulingInvalid, UnknownTask
from router.io.commands.client import ClientCommands
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.record import Record
from router.ruling import Ruling
from router.summary import Cursor, Page, Summary, Wanted
from router.task import ENDS, TaskState
from router.verdict import Outcome
from tests.builders import a_failure, a_policy, a_submission, an_attempt
from tests.conftest import Clock
from tests.waiting import until

POLICY = a_policy()
OTHER = a_policy(policy="others")
ANY = Wanted()
GOOD_OUTPUT = {"merchant": "BOLT", "total": 2}


@dataclass(frozen=True)
class Desk:
    """A store with two published policies, and what people do there."""

    store: RedisStore
    link: AsyncLink
    commands: ClientCommands
    clock: Clock

    async def send_to_review(self, *task_ids: str, **changes: Any) -> None:
        """One after the other, a second between each and the next."""
        for task_id in task_ids:
            await self.store.submit([a_submission(task_id, **changes)])
            (claim,) = await self.store.claim({"mini": 100}, at_most=9, token=f"holder-of-{task_id}")
            attempt = an_attempt(1, "mini", Outcome.UNSURE)
            await self.store.finish(claim, POLICY, attempt, Review("who knows"))
            self.clock.advance(1)

    async def reviews(self, wanted: Wanted = ANY, limit: int | None = None) -> list[Summary]:
        return await self.link.carry_out(self.commands.reviews(wanted, limit=limit))

    async def page(self, limit: int, after: Cursor | None = None) -> Page:
        return await self.link.carry_out(self.commands.review_page(ANY, limit=limit, after=after))

    async def resolve(self, wish: str, *, output: Any = None, attempt: int | None = None, **changes: Any) -> TaskState:
        ruling = Ruling.model_validate({"wish": wish, "by": "anna", **changes})
        return await self.link.carry_out(self.commands.resolve("t1", ruling, output=output, attempt=attempt))

    async def many_to_review(self, count: int) -> None:
        """All of them in one moment."""
        await self.store.submit([a_submission(f"a{i:04}") for i in range(count)])
        for start in range(0, count, 100):
            for claim in await self.store.claim({"mini": count}, at_most=100, token=f"token-{start}"):
                await self.store.finish(claim, POLICY, an_attempt(1, "mini", Outcome.UNSURE), Review("who knows"))

    async def record(self) -> Record:
        return await self.store.read("t1")


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[Desk]:
    link = AsyncLink(connect_async(server.url), prefix=prefix)
    commands = ClientCommands(prefix=prefix, clock_ms=clock)
    shifting = ShiftCommands(prefix=prefix, clock_ms=clock)
    store = RedisStore(link, producing=commands, shifting=shifting, clock_ms=clock)
    await store.publish([POLICY, OTHER])
    yield Desk(store, link, commands, clock)
    await store.close()


async def test_lists_what_waits_longest_first(desk: Desk) -> None:
    """Those that will expire first come first; of some, the first ones; each with why it is there."""
    await desk.send_to_review("t1", "t2", "t3")

    assert [(task.id, task.state, task.reason) for task in await desk.reviews()] == [
        (name, TaskState.REVIEW, "who knows") for name in ("t1", "t2", "t3")
    ]
    assert [task.id for task in await desk.reviews(limit=2)] == ["t1", "t2"]


async def test_lists_what_is_wanted_of_very_many(desk: Desk) -> None:
    """The one task of a tenant is found behind more than a page of others."""
    await desk.many_to_review(600)
    await desk.send_to_review("t1", tenant="acme", policy=OTHER.digest)

    assert len(await desk.reviews()) == 601
    assert [task.id for task in await desk.reviews(Wanted(tenant="acme"), limit=5)] == ["t1"]
    assert [task.id for task in await desk.reviews(Wanted(policy="others"))] == ["t1"]


async def test_pages_are_exact_while_tasks_come_and_go(desk: Desk) -> None:
    """Each task that waits all the time is on one page, also of many that came in one moment."""
    await desk.many_to_review(600)
    desk.clock.advance(1)
    await desk.send_to_review("b1", "b2", "b3")

    first = await desk.page(590)
    for task_id in ("a0000", "a0589", "b1"):
        await desk.store.cancel(task_id)
    await desk.send_to_review("c1")
    second = await desk.page(11, first.next)
    third = await desk.page(11, second.next)

    assert [task.id for task in first.tasks] == [f"a{i:04}" for i in range(590)]
    assert [task.id for task in second.tasks] == [*(f"a{i:04}" for i in range(590, 600)), "b2"]
    assert ([task.id for task in third.tasks], third.next) == (["b3", "c1"], None)


async def test_what_is_resolved_while_a_page_is_read_moves_no_other(desk: Desk) -> None:
    """Of very many that came in one moment each that still waits is listed once, though others go in between."""
    await desk.many_to_review(1300)
    reading = desk.commands.reviews(ANY, limit=None)
    going = [f"a{i:04}" for i in range(200)]

    asked = next(reading)
    with pytest.raises(StopIteration) as end:
        while True:
            replies = [await desk.link.run(command) for command in asked]
            for task_id in going[:40]:
                await desk.store.cancel(task_id)
            going = going[40:]
            asked = reading.send(replies)

    listed = [task.id for task in end.value.value]
    assert going == []
    assert set(listed) >= {f"a{i:04}" for i in range(200, 1300)}
    assert listed == sorted(set(listed))


async def test_the_last_page_says_so_when_it_is_full(desk: Desk) -> None:
    """Nobody asks for a page with nothing on it."""
    await desk.send_to_review("t1", "t2")

    first = await desk.page(1)

    assert [page.next is None for page in (first, await desk.page(1, first.next), await desk.page(2))] == [
        False,
        True,
        True,
    ]


async def test_accepts_an_output_that_is_given(desk: Desk) -> None:
    """It is the result; the trail shows for how long the task waited for whom."""
    await desk.send_to_review("t1")
    desk.clock.advance(60)

    assert await desk.resolve("accept", output=GOOD_OUTPUT, reason="read by eye") is TaskState.SUCCEEDED

    record = await desk.record()
    last = record.trail[-1]
    assert record.output == GOOD_OUTPUT
    assert (last.tier, last.why, last.calls, last.ended_ms - last.started_ms) == ("review", "review", (), 61_000)
    assert last.ruling == Ruling(wish="accept", by="anna", reason="read by eye")


async def test_accepts_the_output_of_an_attempt(desk: Desk) -> None:
    """What a model said and a check doubted is accepted as it stands."""
    await desk.send_to_review("t1")

    await desk.resolve("accept", attempt=1)

    assert (await desk.record()).output == {"merchant": "ACME", "total": 12.5}


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"wish": "accept", "output": {"merchant": "BOLT"}}, "does not meet the schema.*total"),
        ({"wish": "accept", "output": None}, "does not meet the schema"),
        ({"wish": "accept", "attempt": 2}, "there is no attempt 2; the task has had 1"),
        ({"wish": "ask", "tier": "huge"}, "has no tier 'huge'; it climbs mini, small, large"),
    ],
)
async def test_refuses_what_cannot_be_done(desk: Desk, decision: dict[str, Any], said: str) -> None:
    """No person overrules the schema; nothing is accepted that is not there, no tier asked that is not in the path."""
    await desk.send_to_review("t1")
    before = await desk.record()

    with pytest.raises(RulingInvalid, match=said):
        await desk.resolve(**decision)

    assert await desk.record() == before


async def test_a_failure_has_no_output_to_accept(desk: Desk) -> None:
    """Of an attempt without a reply nothing can be accepted."""
    await desk.store.submit([a_submission("t1")])
    (claim,) = await desk.store.claim({"mini": 1}, at_most=1, token="a")
    await desk.store.finish(claim, POLICY, an_attempt(1, "mini", None, answer=a_failure()), Review("it fails"))

    with pytest.raises(RulingInvalid, match="attempt 1 has no output"):
        await desk.resolve("accept", attempt=1)


async def test_a_tier_is_asked_within_the_policys_deadline(desk: Desk) -> None:
    """Who decides late gives the task the policy's whole deadline again."""
    await desk.send_to_review("t1")
    desk.clock.advance(50_000)

    assert await desk.resolve("ask", tier="small") is TaskState.READY

    (claim,) = await desk.store.claim({"small": 1}, at_most=1, token="b")
    assert claim.task.deadline_ms == desk.clock.ms + int(POLICY.limits.deadline_s * 1000)


async def test_a_decision_may_be_repeated(desk: Desk) -> None:
    """Who did not hear the answer decides the same again and is told the same; who decides otherwise is refused."""
    await desk.send_to_review("t1")
    await desk.resolve("accept", output=GOOD_OUTPUT)
    desk.clock.advance(5)
    before = await desk.record()

    assert await desk.resolve("accept", output=GOOD_OUTPUT) is TaskState.SUCCEEDED
    with pytest.raises(NotInReview, match="is succeeded"):
        await desk.resolve("accept", attempt=1)

    assert await desk.record() == before


async def test_what_was_sent_on_can_come_back(desk: Desk) -> None:
    """A task may be reviewed twice; the second decision may be the same as the first."""
    await desk.send_to_review("t1")
    await desk.resolve("ask", tier="small")
    for token in ("b", "c"):
        (claim,) = await desk.store.claim({"small": 1}, at_most=1, token=token)
        record = await desk.record()
        attempt = an_attempt(len(record.trail) + 1, "small", Outcome.UNSURE, why="retry")
        await desk.store.finish(
            claim, POLICY, attempt, Review("who knows") if token == "b" else Ask("large", "escalate")
        )
        if token == "b":
            assert await desk.resolve("ask", tier="small") is TaskState.READY

    assert [attempt.why for attempt in (await desk.record()).trail] == ["first", "review", "retry", "review", "retry"]


async def test_nobody_resolves_what_is_not_there(desk: Desk) -> None:
    """An unknown task is told as such."""
    with pytest.raises(UnknownTask):
        await desk.resolve("accept", output=GOOD_OUTPUT)


async def test_who_waits_hears_of_a_review_at_once(
    desk: Desk, server: EmbeddedServer, raw: redis.Redis, prefix: str
) -> None:
    """Sooner than a waiter looks by itself; and of the end that a person brings about, too."""
    await desk.store.submit([a_submission("t1")])
    (claim,) = await desk.store.claim({"mini": 1}, at_most=1, token="a")
    async with AsyncClient(server.url, prefix=prefix) as client:
        waiting = asyncio.create_task(client.reach("t1", ENDS | {TaskState.REVIEW}, timeout_s=LOOK_AGAIN_S * 0.9))
        await until(lambda: raw.hexists(f"{prefix}t:t1", "r"))
        await desk.store.finish(claim, POLICY, an_attempt(1, "mini", Outcome.UNSURE), Review("who knows"))
        assert await waiting is TaskState.REVIEW

        ending = asyncio.create_task(client.wait("t1", timeout_s=LOOK_AGAIN_S * 0.9))
        await desk.resolve("accept", attempt=1)
        assert (await ending).status == "succeeded"
