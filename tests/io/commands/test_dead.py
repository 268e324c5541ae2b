"""Dead letters on a real server: which there are, sending them again, dropping them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from router.decision import Accept, DeadLetter, Decision, Review, Wait
from router.errors import Backlogged, NotDead, TaskInvalid, UnknownTask
from router.io.commands.dead import DeadCommands, redriven_id
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, Flow, connect_async
from router.io.redis_store import RedisStore
from router.ledger import Balance, EntryKind
from router.ports import Claim
from router.submission import Submitted
from router.summary import Cursor, Page, Summary, Wanted
from router.task import Priority, TaskState
from router.verdict import Outcome
from tests.acl import GuardedServer, peek
from tests.builders import a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock
from tests.io.keyspace import keyspace
from tests.io.way import Way

T = TypeVar("T")
POLICY = a_policy()
OTHER = a_policy(policy="others")
FAILED = an_attempt(1, "mini", Outcome.FAIL)
ANY = Wanted()
DAY_S = 86_400


@dataclass(frozen=True)
class Desk:
    """A store with two published policies, what can be done with its dead letters, and the clock of both."""

    store: RedisStore
    link: AsyncLink
    commands: DeadCommands
    clock: Clock
    prefix: str

    async def carry_out(self, flow: Flow[T]) -> T:
        return await self.link.carry_out(flow)

    async def submit(self, *task_ids: str, **changes: Any) -> None:
        await self.store.submit([a_submission(task_id, **changes) for task_id in task_ids])

    async def claim(self, token: str = "a") -> list[Claim]:
        return list(await self.store.claim({"mini": 1000, "small": 1000}, at_most=100, token=token))

    async def end(self, task_id: str, decision: Decision, **changes: Any) -> None:
        await self.submit(task_id, **changes)
        (claim,) = await self.claim(f"holder-of-{task_id}")
        await self.store.finish(claim, POLICY, FAILED, decision)

    async def bury(self, *task_ids: str, reason: str = "no tier is left", **changes: Any) -> None:
        """Make dead letters, a second between each and the next."""
        for task_id in task_ids:
            await self.end(task_id, DeadLetter(reason), **changes)
            self.clock.advance(1)

    async def dead(self, wanted: Wanted = ANY, *, limit: int | None = None) -> Sequence[Summary]:
        return await self.carry_out(self.commands.dead(wanted, limit=limit))

    async def page(self, limit: int, after: Cursor | None = None) -> Page:
        return await self.carry_out(self.commands.dead_page(ANY, limit=limit, after=after))

    async def redrive(self, task_id: str = "t1", *, reply_to: str | None = None) -> Submitted:
        return await self.carry_out(self.commands.redrive(task_id, reply_to=reply_to))

    async def drop(self, task_id: str = "t1") -> None:
        await self.carry_out(self.commands.drop(task_id))


@asynccontextmanager
async def a_desk(url: str, prefix: str, *, waiting_max: int = 1_000_000) -> AsyncIterator[Desk]:
    clock = Clock()
    link = AsyncLink(connect_async(url), prefix=prefix, pauses_s=(0, 0))
    commands = DeadCommands(prefix=prefix, waiting_max=waiting_max, clock_ms=clock)
    shifting = ShiftCommands(prefix=prefix, clock_ms=clock)
    store = RedisStore(link, producing=commands, shifting=shifting, clock_ms=clock)
    await store.publish([POLICY, OTHER])
    yield Desk(store, link, commands, clock, prefix)
    await store.close()


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str) -> AsyncIterator[Desk]:
    async with a_desk(server.url, prefix) as made:
        yield made


def ids(letters: Sequence[Summary]) -> list[str]:
    return [letter.id for letter in letters]


# the list


async def test_pages_are_exact_while_letters_come_and_go(desk: Desk) -> None:
    """Each letter that is there all the time is on one page; the last one says that it is."""
    await desk.bury("t1", "t2", "t3", "t4", "t5")

    first = await desk.page(2)
    await desk.bury("t6")
    await desk.drop("t4")
    second = await desk.page(2, first.next)
    third = await desk.page(1, second.next)

    assert [ids(page.tasks) for page in (first, second, third)] == [["t5", "t4"], ["t3", "t2"], ["t1"]]
    assert third.next is None


async def test_the_newest_is_listed_first(desk: Desk) -> None:
    """Dead letters come in the order of their ends, however long each is kept; other ends are not among them."""
    await desk.bury("t1", keep_s=7 * DAY_S)
    await desk.bury("t2", "t3", keep_s=3600)
    await desk.end("fine", Accept(FAILED))

    assert ids(await desk.dead()) == ["t3", "t2", "t1"]
    assert ids(await desk.dead(limit=2)) == ["t3", "t2"]


async def test_a_line_says_what_died(desk: Desk) -> None:
    """A line of the list names policy, tier, tenant, reason, times and cost, without the task's contents."""
    created_ms = desk.clock.ms
    await desk.submit("t1", tenant="acme", policy=OTHER.digest)
    (claim,) = await desk.claim()
    intent, settlement = an_intent(), a_settlement(EntryKind.SETTLED, 400)
    await desk.store.resolve(intent, settlement, a_kept(intent, settlement))
    desk.clock.advance(2)
    await desk.store.finish(claim, OTHER, FAILED, DeadLetter("no tier is left"))

    assert await desk.dead() == [
        Summary(
            id="t1",
            policy="others",
            state=TaskState.DEAD,
            tier="mini",
            tenant="acme",
            created_ms=created_ms,
            ended_ms=created_ms + 2000,
            cost_nusd=400,
            reason="no tier is left",
        )
    ]


async def test_the_list_is_narrowed_down(desk: Desk) -> None:
    """Policy, tenant, words of the reason and time each leave out what does not fit."""
    await desk.bury("old", reason="TIMEOUT of the provider")
    await desk.bury("acme", tenant="acme", reason="a timeout", metadata={"tags": ["mail"]})
    await desk.bury("other", policy=OTHER.digest)

    assert ids(await desk.dead(Wanted(policy="others"))) == ["other"]
    assert ids(await desk.dead(Wanted(tenant="acme"))) == ["acme"]
    assert ids(await desk.dead(Wanted(tag="mail"))) == ["acme"]
    assert ids(await desk.dead(Wanted(reason="Timeout"))) == ["acme", "old"]
    assert ids(await desk.dead(Wanted(since_ms=await desk.carry_out(desk.commands.since_ms(2.5))))) == ["other", "acme"]
    assert ids(await desk.dead(Wanted(policy="receipts", tenant="default", reason="provider"))) == ["old"]
    assert await desk.dead(Wanted(policy="nobody's")) == []


async def test_letters_are_told_apart_by_whether_they_were_sent_again(desk: Desk) -> None:
    """What nobody dealt with can be listed alone, however many others are newer."""
    await desk.bury("open", "sent")
    await desk.redrive("sent")

    assert ids(await desk.dead(Wanted(redriven=False), limit=1)) == ["open"]
    assert ids(await desk.dead(Wanted(redriven=True))) == ["sent"]
    assert ids(await desk.dead()) == ["sent", "open"]


async def test_a_long_list_is_read_in_pages(desk: Desk, raw: redis.Redis) -> None:
    """A list of thousands is complete and in order, and no single command reads all of it."""
    await desk.bury("t1")
    names = [f"copy-{number:04}" for number in range(2500)]
    for number, name in enumerate(names):
        raw.copy(f"{desk.prefix}t:t1", f"{desk.prefix}t:{name}")
        raw.hset(f"{desk.prefix}t:{name}", "f", desk.clock.ms + number)
    raw.zadd(f"{desk.prefix}dead", dict.fromkeys(names, desk.clock.ms + 10**9))
    raw.config_resetstat()

    listed = ids(await desk.dead())

    assert listed == [*reversed(names), "t1"]
    assert ids(await desk.dead(limit=3)) == names[:-4:-1]
    assert raw.info("commandstats")["cmdstat_zscan"]["calls"] >= 2 * 4


async def test_what_is_no_longer_kept_is_not_listed(desk: Desk, raw: redis.Redis) -> None:
    """An entry whose record has gone is left out."""
    await desk.bury("t1", "t2")
    raw.delete(f"{desk.prefix}t:t1")

    assert ids(await desk.dead()) == ["t2"]


# sending again


async def test_a_dead_letter_is_sent_again(desk: Desk) -> None:
    """A new task with the same input, metadata, tenant and priority begins at the first tier with an empty trail."""
    noted = {"order": 7, "tags": ["mail"]}
    await desk.bury("t1", tenant="acme", priority=Priority.HIGH, metadata=noted, input={"text": "Süß ☕"})

    sent = await desk.redrive()

    record = await desk.store.read(sent.task_id)
    assert (record.state, record.tier, record.trail, record.cost_nusd) == (TaskState.READY, "mini", (), 0)
    assert (record.task.input, record.task.metadata) == ({"text": "Süß ☕"}, noted)
    assert (await desk.store.read("t1")).task.tags == record.task.tags == ("mail",)
    assert (record.task.tenant, record.task.priority) == ("acme", Priority.HIGH)
    assert [claim.task.id for claim in await desk.claim()] == [sent.task_id]


async def test_both_know_of_each_other(desk: Desk) -> None:
    """The dead letter names the task that was sent again for it, and that one names the dead letter."""
    await desk.bury("t1")
    sent = await desk.redrive()

    assert (await desk.store.read("t1")).redriven == sent.task_id
    assert (await desk.store.read(sent.task_id)).origin == "t1"
    assert [(letter.id, letter.redriven) for letter in await desk.dead()] == [("t1", sent.task_id)]
    assert (await desk.store.read("t1")).state is TaskState.DEAD


async def test_the_current_version_counts(desk: Desk, raw: redis.Redis) -> None:
    """What is sent again goes by what is published now: version, first tier, deadline, and how long it is kept."""
    await desk.bury("t1", deadline_s=5.0, keep_s=60)
    limits = {"attempts": 8, "deadline_s": 300, "cost_usd": 1}
    current = a_policy(tiers=["small", "large"], limits=limits, keep_s=7200)
    await desk.store.publish([current])

    sent = await desk.redrive()

    record = await desk.store.read(sent.task_id)
    assert (record.task.policy, record.tier) == (current.digest, "small")
    assert record.task.deadline_ms == desk.clock.ms + 300_000
    assert raw.hget(f"{desk.prefix}t:{sent.task_id}", "k") == b"7200"


async def test_an_input_that_is_no_longer_taken_is_refused(desk: Desk, raw: redis.Redis) -> None:
    """Where the current version has another schema the letter stays as it is, and the reason is told."""
    await desk.bury("t1")
    schema = {"type": "object", "properties": {"photo": {}}, "required": ["photo"]}
    await desk.store.publish([a_policy(input={"schema": schema}, prompt={"system": "Look.", "user": "{{ photo }}"})])
    before = keyspace(raw, desk.prefix)

    with pytest.raises(TaskInvalid, match="does not meet the schema of policy 'receipts'"):
        await desk.redrive()

    assert keyspace(raw, desk.prefix) == before


async def test_sent_twice_is_sent_once(desk: Desk, raw: redis.Redis) -> None:
    """Repeating it gives the same new task and changes nothing, also when that one has ended."""
    await desk.bury("t1")
    first = await desk.redrive()
    once = keyspace(raw, desk.prefix)

    assert await desk.redrive() == Submitted(first.task_id, replayed=True)
    assert keyspace(raw, desk.prefix) == once

    await desk.store.cancel(first.task_id)
    assert await desk.redrive() == Submitted(first.task_id, replayed=True)
    assert (await desk.store.read(first.task_id)).state is TaskState.CANCELLED


async def test_many_at_once_send_it_once(desk: Desk, raw: redis.Redis) -> None:
    """However many people press the button together, one task comes of it."""
    await desk.bury("t1")

    sent = await asyncio.gather(*(desk.redrive() for _ in range(20)))

    assert len({one.task_id for one in sent}) == 1
    assert raw.zcard(f"{desk.prefix}due") == 1


@pytest.mark.parametrize("act", ["redrive", "drop"])
async def test_a_lost_reply_is_made_good(
    server: EmbeddedServer, raw: redis.Redis, prefix: str, tmp_path: Path, act: str
) -> None:
    """When the reply to a script is lost, the caller hears the same and the keys are the same as if it were not."""
    outcomes = []
    for own, lost in ((f"{prefix}a:", False), (f"{prefix}b:", True)):
        async with Way(server.url, tmp_path / f"lossy-{lost}") as way:
            async with a_desk(way.url, own) as desk:
                await desk.bury("t1", key="order-1")
                if lost:
                    way.lose_next()
                said = await getattr(desk, act)()
                assert way.lost == int(lost)
                keys = keyspace(raw, own)
                outcomes.append((said, {k: v for k, v in keys.items() if k not in ("events", "ledger")}))

    assert outcomes[0] == outcomes[1]


async def test_a_lost_end_of_the_log_gives_the_same_task(desk: Desk, raw: redis.Redis) -> None:
    """Where Redis forgot that a letter was sent again, sending it once more gives the task of the same id."""
    await desk.bury("t1")
    before = {key: raw.dump(key) for key in raw.scan_iter(f"{desk.prefix}*")}
    first = await desk.redrive()
    raw.delete(*raw.scan_iter(f"{desk.prefix}*"))
    for key, value in before.items():
        raw.restore(key, 0, value)

    assert await desk.redrive() == Submitted(first.task_id)


async def test_what_died_again_is_sent_again(desk: Desk) -> None:
    """A chain of letters, each linked to the next."""
    await desk.bury("t1")
    second = (await desk.redrive()).task_id
    (claim,) = await desk.claim("second")
    await desk.store.finish(claim, POLICY, FAILED, DeadLetter("again"))

    third = (await desk.redrive(second)).task_id

    assert len({"t1", second, third}) == 3
    assert [(await desk.store.read(task_id)).origin for task_id in ("t1", second, third)] == [None, "t1", second]


async def test_who_waits_for_it_is_told(desk: Desk, raw: redis.Redis) -> None:
    """Whoever sends a letter again hears of the new task's end."""
    await desk.bury("t1")
    sent = await desk.redrive(reply_to="client-1")

    await desk.store.cancel(sent.task_id)

    assert raw.lrange(f"{desk.prefix}wake:client-1", 0, -1) == [sent.task_id.encode()]


async def test_the_backlog_is_bounded(server: EmbeddedServer, raw: redis.Redis, prefix: str) -> None:
    """Letters are not sent again into a backlog that takes no more; afterwards they are."""
    async with a_desk(server.url, prefix, waiting_max=1) as desk:
        await desk.bury("t1")
        await desk.submit("waiting")
        before = keyspace(raw, prefix)

        with pytest.raises(Backlogged, match="1 tasks wait already"):
            await desk.redrive()

        assert keyspace(raw, prefix) == before
        await desk.store.cancel("waiting")
        assert (await desk.redrive()).task_id == redriven_id("t1")


async def test_a_full_memory_takes_none(tmp_path: Path) -> None:
    """Where the memory that is left is kept for tasks that wait, letters stay letters, and wait for better times."""
    with GuardedServer(tmp_path / "redis") as small, peek(small.url) as raw:
        async with a_desk(small.url, "r:") as desk:
            await desk.bury("t1")
            before = keyspace(raw, desk.prefix)
            raw.config_set("maxmemory", int(raw.info("memory")["used_memory"]) + 1000)

            with pytest.raises(Backlogged, match="memory"):
                await desk.redrive()

            assert keyspace(raw, desk.prefix) == before
            raw.config_set("maxmemory", 0)
            assert (await desk.redrive()).task_id == redriven_id("t1")


STATES: dict[str, Decision | None] = {
    "ready": None,
    "running": None,
    "delayed": Wait(10**13, "a pause"),
    "review": Review("a person"),
    "succeeded": Accept(FAILED),
    "cancelled": None,
}


async def in_state(desk: Desk, state: str) -> None:
    if decision := STATES[state]:
        await desk.end("t1", decision)
        return
    await desk.submit("t1")
    if state == "running":
        await desk.claim()
    if state == "cancelled":
        await desk.store.cancel("t1")


@pytest.mark.parametrize("act", ["redrive", "drop"])
@pytest.mark.parametrize("state", STATES)
async def test_only_dead_letters_are_meant(desk: Desk, raw: redis.Redis, state: str, act: str) -> None:
    """What waits, runs or ended otherwise is neither sent again nor dropped, and that is said."""
    await in_state(desk, state)
    before = keyspace(raw, desk.prefix)

    with pytest.raises(NotDead, match=f"task t1 is {state}; only a dead letter can be redriven or dropped"):
        await getattr(desk, act)()

    assert keyspace(raw, desk.prefix) == before


@pytest.mark.parametrize("act", ["redrive", "drop"])
async def test_says_that_there_is_no_such_letter(desk: Desk, raw: redis.Redis, act: str) -> None:
    """A wrong id and a letter whose time is over are both unknown."""
    await desk.bury("t1")
    raw.delete(*(f"{desk.prefix}{part}:t1" for part in ("t", "in", "trail")))

    for task_id in ("t1", "nobody"):
        with pytest.raises(UnknownTask, match=f"there is no task {task_id}: the id is wrong or not whole"):
            await getattr(desk, act)(task_id)


# dropping


async def test_dropped_is_gone(desk: Desk, raw: redis.Redis) -> None:
    """Nothing is left of a dropped letter but what it cost."""
    await desk.submit("t1")
    (claim,) = await desk.claim()
    intent, settlement = an_intent(), a_settlement(EntryKind.SETTLED, 400)
    await desk.store.resolve(intent, settlement, a_kept(intent, settlement))
    await desk.store.finish(claim, POLICY, FAILED, DeadLetter("no tier is left"))
    await desk.bury("t2")

    await desk.drop("t1")

    assert ids(await desk.dead()) == ["t2"]
    assert raw.zrange(f"{desk.prefix}dead", 0, -1) == [b"t2"]
    assert [key for key in keyspace(raw, desk.prefix) if key.endswith(":t1")] == []
    assert await desk.store.balance() == Balance(settled_nusd=400, calls=1)


async def test_nothing_of_it_comes_back(desk: Desk, raw: redis.Redis) -> None:
    """A call that is booked after its task was dropped is booked, and leaves nothing of the task behind."""
    await desk.bury("t1")
    await desk.drop()

    intent, settlement = an_intent(), a_settlement(EntryKind.SETTLED, 400)
    await desk.store.resolve(intent, settlement, a_kept(intent, settlement))

    assert [key for key in keyspace(raw, desk.prefix) if key.endswith(":t1")] == []
    assert (await desk.store.balance()).settled_nusd == 400


async def test_its_task_sent_again_goes_on(desk: Desk) -> None:
    """Dropping a letter does nothing to the task that was sent again for it."""
    await desk.bury("t1")
    sent = await desk.redrive()

    await desk.drop()

    assert [claim.task.id for claim in await desk.claim()] == [sent.task_id]


@pytest.mark.parametrize(("waited_s", "left_s"), [(0, DAY_S), (DAY_S - 100, 100), (DAY_S, 0), (3 * DAY_S, 0)])
async def test_its_key_lives_a_day_from_the_end(desk: Desk, raw: redis.Redis, waited_s: int, left_s: int) -> None:
    """Until then the same key and body is still this task, and no second one is paid for; then the key is free."""
    await desk.end("t1", DeadLetter("no tier is left"), key="order-1", keep_s=7 * DAY_S)
    desk.clock.advance(waited_s)

    await desk.drop()

    key = f"{desk.prefix}idem:default:order-1"
    assert raw.exists(key) == (left_s > 0)
    assert raw.ttl(key) in ({-2} if left_s == 0 else range(left_s - 1, left_s + 1))
