"""Each script applied twice, or with its reply lost, does what it does applied once; and what the keys look like."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from router.decision import Accept, Ask, DeadLetter, Decision, Reject, Review, Wait
from router.io.commands.producer import ProducerCommands
from router.io.commands.shift import ShiftCommands
from router.io.embedded import EmbeddedServer
from router.io.ledger_lines import intent_words
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.ledger import Balance, EntryKind, fold
from router.ports import Claim
from router.refusal import Refusal
from router.reviewing import ruled
from router.ruling import Ruling
from router.task import TaskState
from router.trail import Attempt
from router.verdict import Outcome
from tests.acl import peek
from tests.builders import NOW_MS, RATES, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock
from tests.io.keyspace import keyspace
from tests.io.way import Way

POLICY = a_policy()
SETTLED, VOID, UNSETTLED = EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED
LEASE_S = 30
GRACE_S = 15
FAILED = an_attempt(1, "mini", Outcome.FAIL)


@dataclass(frozen=True)
class Desk:
    """A store with the clock that moves it, and the names it writes under."""

    store: RedisStore
    link: AsyncLink
    producing: ProducerCommands
    clock: Clock
    prefix: str

    async def submit(self, task_id: str = "t1", **changes: Any) -> Any:
        return await self.store.submit([a_submission(task_id, **changes)])

    async def claim(self, token: str = "a", *, at_most: int = 10, alone: bool = False) -> list[Claim]:
        tiers = {"mini": 10, "small": 10}
        return list(await self.store.claim(tiers, at_most=at_most, token=token, alone=alone))

    async def claim_one(self, token: str = "a", *, alone: bool = False) -> Claim:
        (only,) = await self.claim(token, alone=alone)
        return only

    async def held(self, task_id: str = "t1") -> Claim:
        """A task that was submitted and claimed."""
        await self.submit(task_id)
        return await self.claim_one(f"holder-of-{task_id}")

    async def crash(self) -> None:
        for seconds in (LEASE_S, GRACE_S):
            self.clock.advance(seconds)
            await self.sweep()

    async def sweep(self) -> None:
        """Says nothing: what a sweep answers is what it did itself, and a second one finds nothing left."""
        await self.store.sweep(at_most=100)

    async def reserve(self, claim: Claim, call: str = "c1", *, limit_nusd: int = 10**9, **changes: Any) -> Any:
        intent = an_intent(call, **changes)
        granted = await self.store.reserve(claim, intent, rates=RATES, limit_nusd=limit_nusd, open_for_ms=40_000)
        return granted if isinstance(granted, Refusal) else None

    async def resolve(self, kind: EntryKind, call: str = "c1", cost_nusd: int = 400, **changes: Any) -> None:
        intent, settlement = an_intent(call, **changes), a_settlement(kind, cost_nusd)
        await self.store.resolve(intent, settlement, a_kept(intent, settlement))

    async def finish(self, claim: Claim, decision: Decision, attempt: Attempt | None = FAILED) -> bool:
        return await self.store.finish(claim, POLICY, attempt, decision)

    async def watch(self, task_id: str, who: str) -> TaskState:
        return await self.link.run(self.producing.watch(task_id, who))


@asynccontextmanager
async def a_desk(url: str, prefix: str) -> AsyncIterator[Desk]:
    clock = Clock()
    link = AsyncLink(connect_async(url), prefix=prefix, pauses_s=(0, 0))
    producing = ProducerCommands(prefix=prefix, clock_ms=clock)
    shifting = ShiftCommands(prefix=prefix, clock_ms=clock)
    store = RedisStore(link, producing=producing, shifting=shifting, clock_ms=clock)
    yield Desk(store, link, producing, clock, prefix)
    await store.close()


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str) -> AsyncIterator[Desk]:
    async with a_desk(server.url, prefix) as made:
        yield made


# Each step prepares a desk and gives back the one call of a script that is then applied.

Act = Callable[[], Awaitable[Any]]
Step = Callable[[Desk], Awaitable[Act]]
STEPS: dict[str, Step] = {}


def step(prepare: Step) -> Step:
    STEPS[prepare.__name__] = prepare
    return prepare


@step
async def publish(desk: Desk) -> Act:
    return lambda: desk.store.publish([POLICY, a_policy(policy="others")])


@step
async def submit(desk: Desk) -> Act:
    return lambda: desk.submit(reply_to="client-1")


@step
async def submit_with_key(desk: Desk) -> Act:
    return lambda: desk.submit(key="order-1")


@step
async def submit_known_key(desk: Desk) -> Act:
    await desk.submit("t0", key="order-1")
    return lambda: desk.submit(key="order-1")


@step
async def submit_conflict(desk: Desk) -> Act:
    await desk.submit("t0", key="order-1", fingerprint="another body")
    return lambda: desk.submit(key="order-1")


@step
async def claim(desk: Desk) -> Act:
    for i in range(5):
        await desk.submit(f"t{i}", tenant=f"tenant-{i % 2}")
    return lambda: desk.claim(at_most=3)


@step
async def claim_with_one_expired(desk: Desk) -> Act:
    await desk.submit("t0", deadline_s=1)
    await desk.submit("t1")
    desk.clock.advance(1)
    return desk.claim


@step
async def claim_suspect(desk: Desk) -> Act:
    await desk.reserve(await desk.held())
    await desk.resolve(SETTLED)
    await desk.crash()
    return lambda: desk.claim("b", alone=True)


@step
async def renew(desk: Desk) -> Act:
    claim = await desk.held()
    desk.clock.advance(10)
    return lambda: desk.store.renew([claim])


@step
async def renew_lost(desk: Desk) -> Act:
    claim = await desk.held()
    await desk.crash()
    return lambda: desk.store.renew([claim])


@step
async def reserve(desk: Desk) -> Act:
    claim = await desk.held()
    return lambda: desk.reserve(claim)


@step
async def reserve_too_much(desk: Desk) -> Act:
    claim = await desk.held()
    return lambda: desk.reserve(claim, limit_nusd=999)


@step
async def reserve_stale(desk: Desk) -> Act:
    claim = await desk.held()
    await desk.store.cancel("t1")
    return lambda: desk.reserve(claim)


def resolving(name: str, kind: EntryKind, *earlier: EntryKind, lost: bool = False, **changes: Any) -> None:
    """A step that resolves a call: open or (`lost`) forgotten, after it was resolved as *earlier* already."""

    async def prepare(desk: Desk) -> Act:
        claim = await desk.held()
        if not lost:
            await desk.reserve(claim)
        for before in earlier:
            await desk.resolve(before)
        return lambda: desk.resolve(kind, **changes)

    STEPS[name] = prepare


for kind in (SETTLED, VOID, UNSETTLED):
    resolving(f"resolve_{kind}", kind)
    resolving(f"resolve_lost_{kind}", kind, lost=True)
    for before in (SETTLED, VOID, UNSETTLED):
        resolving(f"resolve_{before}_then_{kind}", kind, before)
        resolving(f"resolve_lost_{before}_then_{kind}", kind, before, lost=True)
resolving("resolve_overrun", SETTLED, cost_nusd=1700)


@step
async def resolve_after_the_end(desk: Desk) -> Act:
    await desk.reserve(await desk.held())
    await desk.store.cancel("t1")
    return lambda: desk.resolve(SETTLED)


@step
async def resolve_late(desk: Desk) -> Act:
    await desk.reserve(await desk.held())
    await desk.crash()
    return lambda: desk.resolve(SETTLED)


@step
async def resolve_given_up(desk: Desk) -> Act:
    await desk.reserve(await desk.held())
    desk.clock.advance(40)
    await desk.sweep()
    return lambda: desk.resolve(UNSETTLED)


DECISIONS: dict[str, Decision] = {
    "same": Ask("mini", "repair"),
    "tier": Ask("small", "escalate"),
    "later": Wait(NOW_MS + 5000, "a pause"),
    "review": Review("a person decides"),
    "accept": Accept(FAILED),
    "reject": Reject("impossible"),
    "dead_letter": DeadLetter("no tier is left"),
}


def finishing(name: str, decision: Decision, attempt: Attempt | None) -> None:
    async def prepare(desk: Desk) -> Act:
        claim = await desk.held()
        await desk.reserve(claim)
        await desk.resolve(SETTLED)
        return lambda: desk.finish(claim, decision, attempt)

    STEPS[name] = prepare


for name, decision in DECISIONS.items():
    finishing(f"finish_{name}", decision, FAILED)
    finishing(f"finish_{name}_without_attempt", decision, None)


@step
async def finish_of_a_suspect(desk: Desk) -> Act:
    await desk.held()
    await desk.crash()
    claim = await desk.claim_one("b", alone=True)
    return lambda: desk.finish(claim, DECISIONS["tier"])


@step
async def finish_stale(desk: Desk) -> Act:
    claim = await desk.held()
    await desk.crash()
    return lambda: desk.finish(claim, DECISIONS["accept"])


@step
async def release(desk: Desk) -> Act:
    claim = await desk.held()
    return lambda: desk.store.release(claim)


@step
async def release_of_a_suspect(desk: Desk) -> Act:
    await desk.held()
    await desk.crash()
    claim = await desk.claim_one("b", alone=True)
    return lambda: desk.store.release(claim)


@step
async def sweep_notes(desk: Desk) -> Act:
    await desk.held()
    desk.clock.advance(LEASE_S)
    return desk.sweep


@step
async def sweep_reclaims(desk: Desk) -> Act:
    await desk.held()
    desk.clock.advance(LEASE_S)
    await desk.sweep()
    desk.clock.advance(GRACE_S)
    return desk.sweep


@step
async def sweep_buries(desk: Desk) -> Act:
    await desk.held()
    for number in range(3):
        await desk.crash()
        await desk.claim_one(f"alone-{number}", alone=True)
    desk.clock.advance(LEASE_S)
    await desk.sweep()
    desk.clock.advance(GRACE_S)
    return desk.sweep


@step
async def sweep_readies_what_was_delayed(desk: Desk) -> Act:
    await desk.finish(await desk.held(), DECISIONS["later"])
    desk.clock.advance(5)
    return desk.sweep


@step
async def sweep_looks_at_what_is_ready(desk: Desk) -> Act:
    await desk.submit()
    desk.clock.advance(70)
    return desk.sweep


@step
async def sweep_ends_what_is_late(desk: Desk) -> Act:
    await desk.finish(await desk.held("t1"), DECISIONS["review"])
    await desk.submit("t2", deadline_s=1)
    desk.clock.advance(10**6)
    return desk.sweep


@step
async def sweep_gives_up_on_calls(desk: Desk) -> Act:
    claim = await desk.held()
    await desk.reserve(claim, "c1")
    await desk.reserve(claim, "c2", position=1, reserved_nusd=0)
    desk.clock.advance(40)
    return desk.sweep


@step
async def cancel_ready(desk: Desk) -> Act:
    await desk.submit(reply_to="client-1")
    return lambda: desk.store.cancel("t1")


@step
async def cancel_running(desk: Desk) -> Act:
    await desk.reserve(await desk.held())
    return lambda: desk.store.cancel("t1")


def ruling(name: str, wish: str, **changes: Any) -> None:
    async def prepare(desk: Desk) -> Act:
        await desk.finish(await desk.held(), DECISIONS["review"])
        record = await desk.store.read("t1")
        made = Ruling.model_validate({"wish": wish, "by": "anna", **changes})
        decided = ruled(record, made, {"merchant": "ACME", "total": 1}, since_ms=NOW_MS, now_ms=NOW_MS)
        return lambda: desk.store.rule("t1", decided, patience_ms=900_000)

    STEPS[name] = prepare


ruling("resolve_review_accept", "accept")
ruling("resolve_review_reject", "reject", reason="no receipt")
ruling("resolve_review_dead_letter", "dead_letter", reason="nobody can read it")
ruling("resolve_review_ask", "ask", tier="small")


@step
async def erase_ready(desk: Desk) -> Act:
    await desk.submit(reply_to="client-1")
    return lambda: desk.store.erase("t1")


@step
async def erase_ended(desk: Desk) -> Act:
    await desk.finish(await desk.held(), DECISIONS["reject"])
    return lambda: desk.store.erase("t1")


@step
async def watch(desk: Desk) -> Act:
    await desk.submit(reply_to="client-1")
    return lambda: desk.watch("t1", "client-2")


@step
async def watch_what_has_ended(desk: Desk) -> Act:
    await desk.submit()
    await desk.store.cancel("t1")
    return lambda: desk.watch("t1", "client-2")


@pytest.mark.parametrize("name", STEPS)
async def test_applied_twice_is_applied_once(desk: Desk, raw: redis.Redis, name: str) -> None:
    """A script called again with the same words answers the same and changes not one key."""
    act = await STEPS[name](desk)

    first = await act()
    once = keyspace(raw, desk.prefix)
    second = await act()

    assert second == first
    assert keyspace(raw, desk.prefix) == once


@pytest.mark.parametrize("name", STEPS)
async def test_a_lost_reply_is_made_good(
    server: EmbeddedServer, raw: redis.Redis, prefix: str, tmp_path: Path, name: str
) -> None:
    """When a reply is lost on its way, the caller hears the same, and the keys are the same, as if it were not."""
    target = server.url
    async with Way(target, tmp_path / "way") as way, a_desk(way.url, f"{prefix}lossy:") as lossy:
        async with a_desk(server.url, f"{prefix}sound:") as sound:
            act, control = await STEPS[name](lossy), await STEPS[name](sound)
            expected = await control()
            way.lose_next()

            assert await act() == expected

            assert way.lost == 1
            assert written(raw, lossy.prefix) == written(raw, sound.prefix)


def written(raw: redis.Redis, prefix: str) -> dict[str, Any]:
    """The keys under a prefix, without the ids that the server gives to lines of streams."""
    found = keyspace(raw, prefix)
    for stream in ("ledger", "events"):
        if stream in found:
            found[stream] = [fields for _, fields in found[stream][0]]
    return found


async def test_scripts_are_loaded_again_when_the_server_forgot_them(desk: Desk, raw: redis.Redis) -> None:
    """A server that was restarted knows no scripts: they are sent again, and every call of the batch is carried out."""
    await desk.submit("t1")
    raw.script_flush()

    claim = await desk.claim_one()

    raw.script_flush()
    assert await desk.store.renew([claim]) == frozenset()


async def test_producers_see_the_version_published_last(desk: Desk) -> None:
    """What producers are told of a policy is its newest version, which may be an old one published again."""
    older, newer = a_policy(), a_policy(keep_s=7200)
    digests = []
    for policy in (older, newer, older):
        await desk.store.publish([policy])
        digests.append((await desk.link.run(desk.producing.card("receipts"))).digest)

    assert digests == [older.digest, newer.digest, older.digest]


# amounts


@pytest.mark.parametrize("amount", [10**14, 10**15 - 1, 9 * 10**15])
async def test_large_amounts_are_exact(desk: Desk, raw: redis.Redis, amount: int) -> None:
    """Amounts of up to nine million dollars are booked to the nano-dollar, and their sums beyond that too."""
    held = [await desk.held(f"t{i}") for i in range(3)]
    for i, claim in enumerate(held):
        granted = await desk.reserve(claim, f"c{i}", task=f"t{i}", reserved_nusd=amount - i, limit_nusd=amount - i)
        assert granted is None
    assert await desk.store.balance() == Balance(reserved_nusd=3 * amount - 3, calls=3)

    await desk.resolve(SETTLED, "c0", task="t0", reserved_nusd=amount, cost_nusd=amount - 7)
    await desk.resolve(SETTLED, "c1", task="t1", reserved_nusd=amount - 1, cost_nusd=amount)
    await desk.resolve(UNSETTLED, "c2", task="t2", reserved_nusd=amount - 2)

    assert await desk.store.balance() == Balance(
        settled_nusd=2 * amount - 7, unsettled_nusd=amount - 2, overrun_nusd=1, calls=3
    )
    assert [(await desk.store.read(f"t{i}")).cost_nusd for i in range(3)] == [amount - 7, amount, amount - 2]
    booked = [entry.amount_nusd for entry in await desk.store.ledger()]
    assert booked == [amount, amount - 1, amount - 2, amount - 7, amount, amount - 2]


async def test_a_limit_is_kept_to_the_nano_dollar_at_large_amounts(desk: Desk) -> None:
    """A call one nano-dollar over a limit of nine million dollars is refused."""
    claim = await desk.held()
    limit_nusd = 9 * 10**15
    await desk.reserve(claim, "c1", reserved_nusd=limit_nusd - 10, limit_nusd=limit_nusd)

    refused = await desk.reserve(claim, "c2", reserved_nusd=11, limit_nusd=limit_nusd)

    assert refused.limit == "cost"
    assert await desk.reserve(claim, "c3", reserved_nusd=10, limit_nusd=limit_nusd) is None


async def test_a_call_is_booked_on_the_day_of_its_reservation(desk: Desk, raw: redis.Redis) -> None:
    """A call that is settled after midnight changes the balance of the day before."""
    day = desk.clock.ms // 86_400_000
    desk.clock.ms = (day + 1) * 86_400_000 - 1
    await desk.reserve(await desk.held())
    desk.clock.advance(1)

    await desk.resolve(SETTLED)

    scopes = ("global", "tenant:default", "policy:receipts", "tier:mini")
    assert balances(keyspace(raw, desk.prefix)) == {f"bal:{scope}:d{day}" for scope in scopes}
    assert (await desk.store.balance()).settled_nusd == 400


# keys


async def test_every_key_has_the_prefix(server: EmbeddedServer) -> None:
    """In a database of our own there is no key without the prefix, whatever the scripts did."""
    url = f"{server.url}?db=7"
    with peek(url) as raw:
        raw.flushdb()
        for number, prepare in enumerate(STEPS.values()):
            async with a_desk(url, f"own-{number}:") as desk:
                await (await prepare(desk))()
                assert keyspace(raw, desk.prefix)
        strangers = [key for key in raw.scan_iter(count=1000) if not key.startswith(b"own-")]
        raw.flushdb()
    assert strangers == []


@pytest.mark.parametrize("decision", ["accept", "reject", "dead_letter"])
async def test_all_keys_of_an_ended_task_expire(desk: Desk, raw: redis.Redis, decision: str) -> None:
    """What a task leaves behind goes after its time, idempotency key and late answers included."""
    await desk.submit(key="order-1", reply_to="client-1", keep_s=3600)
    await desk.reserve(await desk.claim_one(), "c1")
    await desk.crash()
    claim = await desk.claim_one("b", alone=True)
    await desk.reserve(claim, "c2")
    await desk.resolve(SETTLED, "c2")
    await desk.finish(claim, DECISIONS[decision])
    await desk.resolve(SETTLED, "c1")

    keys = keyspace(raw, desk.prefix)
    lasting = {key for key, (_, expires) in keys.items() if not expires}
    kept = {"events", "ledger", "windows", "scopes", "vt:mini", "vt:!mini", "busy:mini", "busy:!mini", "counts"}
    assert lasting - {"dead", "policies"} == kept | balances(lasting)
    assert all(key.startswith("bal:global:") for key in balances(lasting))
    assert 86_000 < raw.ttl(f"{desk.prefix}idem:default:order-1") <= 86_400
    assert {raw.ttl(f"{desk.prefix}{part}:t1") for part in ("t", "in", "trail")} <= {3599, 3600}


def balances(keys: set[str]) -> set[str]:
    return {key for key in keys if key.startswith("bal:")}


async def test_no_answer_is_kept_for_a_task_that_has_ended(desk: Desk, raw: redis.Redis) -> None:
    """A call that comes back to a cancelled task is booked, and its answer dropped."""
    await desk.reserve(await desk.held())
    await desk.resolve(SETTLED, "c0", position=1)
    assert raw.exists(f"{desk.prefix}kept:t1")
    await desk.store.cancel("t1")

    await desk.resolve(SETTLED)

    assert not raw.exists(f"{desk.prefix}kept:t1")
    assert (await desk.store.read("t1")).cost_nusd == 800


async def test_no_record_comes_back_with_a_late_booking(desk: Desk, raw: redis.Redis) -> None:
    """A call that is booked after its task's record has gone leaves nothing of the task behind."""
    await desk.reserve(await desk.held())
    await desk.store.cancel("t1")
    raw.delete(*raw.scan_iter(f"{desk.prefix}*:t1"))

    await desk.resolve(SETTLED)

    assert [key for key in keyspace(raw, desk.prefix) if key.endswith(":t1")] == []
    assert await desk.store.balance() == Balance(settled_nusd=400, calls=1)


async def test_an_answer_survives_a_server_that_forgot_who_asked(desk: Desk, raw: redis.Redis) -> None:
    """Where a lost end of the log took claim and call with it, what was paid for is still used by the next shift."""
    await desk.submit()
    before = {key: raw.dump(key) for key in raw.scan_iter(f"{desk.prefix}*")}
    await desk.reserve(await desk.claim_one())
    raw.delete(*raw.scan_iter(f"{desk.prefix}*"))
    for key, value in before.items():
        raw.restore(key, 0, value)

    await desk.resolve(SETTLED)

    assert list((await desk.claim_one("b")).kept) == [0]


async def test_nothing_is_left_of_queues_that_are_empty(desk: Desk, raw: redis.Redis) -> None:
    """However tasks leave a queue (claimed, cancelled, expired), nothing stays of their tenants' turns."""
    for i in range(4):
        await desk.submit(f"t{i}", tenant=f"tenant-{i}", deadline_s=1 if i == 3 else 600)
    await desk.claim(at_most=1)
    await desk.store.cancel("t1")
    desk.clock.advance(1)
    await desk.sweep()
    assert raw.zrange(f"{desk.prefix}turn:mini", 0, -1) == [b"tenant-2"]

    await desk.claim("b")

    keys = keyspace(raw, desk.prefix)
    assert [key for key in keys if key.startswith(("turn:", "ready:"))] == []


async def test_virtual_time_stays_exact(desk: Desk, raw: redis.Redis) -> None:
    """After a million times a thousand million turns, tenants still take them one by one."""
    raw.set(f"{desk.prefix}vt:mini", 10**15)
    for i in range(3):
        for tenant in ("acme", "bolt"):
            await desk.submit(f"{tenant}-{i}", tenant=tenant)

    order = [claim.task.tenant for claim in await desk.claim(at_most=5)]

    assert order == ["acme", "bolt", "acme", "bolt", "acme"]
    assert raw.zscore(f"{desk.prefix}turn:mini", "bolt") == 10**15 + 3


async def test_dead_letters_are_listed_as_long_as_they_are_kept(desk: Desk, raw: redis.Redis) -> None:
    """The list of dead tasks forgets those whose records have gone."""
    for task_id in ("t1", "t2"):
        await desk.submit(task_id, keep_s=3600)
        await desk.finish(await desk.claim_one(task_id), DECISIONS["dead_letter"])
        desk.clock.advance(3600)

    assert raw.zrange(f"{desk.prefix}dead", 0, -1) == [b"t2"]


async def test_wake_ups_of_a_queue_are_few(desk: Desk, raw: redis.Redis) -> None:
    """A queue that nobody listens to gathers a handful of wake-ups, and they go after a while."""
    for i in range(50):
        await desk.submit(f"t{i}")

    assert raw.llen(f"{desk.prefix}wake:mini") == 8
    assert 0 < raw.ttl(f"{desk.prefix}wake:mini") <= 600


async def test_room_at_a_tier_wakes_who_waits_for_it(desk: Desk, raw: redis.Redis) -> None:
    """When a task leaves a tier where others are ready, an idle shift is woken to take one."""
    for i in range(2):
        await desk.submit(f"t{i}")
    (claim,) = await desk.claim(at_most=1)
    raw.delete(f"{desk.prefix}wake:mini")

    await desk.finish(claim, DECISIONS["accept"])

    assert raw.llen(f"{desk.prefix}wake:mini") == 1


async def test_who_waits_is_told_the_end(desk: Desk, raw: redis.Redis) -> None:
    """The end of a task is told to the producer that sent it, and to everybody who watches it."""
    await desk.submit(reply_to="client-1")
    await desk.watch("t1", "client-2")

    await desk.store.cancel("t1")

    assert [raw.lrange(f"{desk.prefix}wake:client-{i}", 0, -1) for i in (1, 2)] == [[b"t1"], [b"t1"]]


async def test_a_wake_list_that_nobody_reads_is_cut(desk: Desk, raw: redis.Redis) -> None:
    """A producer that never waits does not fill Redis with the ends of its tasks."""
    unread = f"{desk.prefix}wake:client-1"
    raw.rpush(unread, *range(10_000))
    await desk.submit(reply_to="client-1")

    await desk.store.cancel("t1")

    assert (raw.llen(unread), raw.lindex(unread, -1)) == (10_000, b"t1")


async def test_a_task_has_a_limited_number_of_watchers(desk: Desk, raw: redis.Redis) -> None:
    """However many watch a task, its record stays small, and the newest of them are told."""
    await desk.submit()
    for i in range(600):
        await desk.watch("t1", f"client-{i}")
    assert len(raw.hget(f"{desk.prefix}t:t1", "r")) <= 4000

    await desk.store.cancel("t1")

    assert raw.exists(f"{desk.prefix}wake:client-599")
    assert not raw.exists(f"{desk.prefix}wake:client-0")


async def test_the_more_tasks_wait_the_rarer_each_is_looked_at(desk: Desk, raw: redis.Redis) -> None:
    """Looking at tasks that merely wait never takes up the sweeps: at most a thousand a second fall due."""
    await desk.store.submit([a_submission(f"t{i}", deadline_s=86_400) for i in range(2000)])

    due = [int(score) - desk.clock.ms for _, score in raw.zrange(f"{desk.prefix}due", 0, -1, withscores=True)]

    assert due == [60_000 + i for i in range(2000)]


async def test_a_sweep_forgets_what_is_not_there(desk: Desk, raw: redis.Redis) -> None:
    """A task or call of which nothing is left but its time in the list is taken off the list."""
    raw.zadd(f"{desk.prefix}due", {"nobody": NOW_MS - 1})
    raw.zadd(f"{desk.prefix}open", {"nothing": NOW_MS - 1})

    await desk.sweep()

    assert keyspace(raw, desk.prefix) == {}


async def test_a_task_lost_from_its_queue_is_put_back(desk: Desk, raw: redis.Redis) -> None:
    """A ready task that is in no queue, for whatever reason, is found by its due time."""
    await desk.submit()
    raw.delete(f"{desk.prefix}ready:mini:default", f"{desk.prefix}turn:mini")
    assert await desk.claim() == []
    desk.clock.advance(60)

    assert (await desk.store.sweep(at_most=10)).readied == 1
    assert len(await desk.claim("b")) == 1


# what an earlier version wrote


@pytest.mark.parametrize("kind", [SETTLED, VOID, UNSETTLED])
async def test_calls_of_an_earlier_version_are_booked(desk: Desk, raw: redis.Redis, kind: EntryKind) -> None:
    """A call that was reserved before an upgrade has one balance and no deployment; it is booked all the same."""
    await desk.held()
    day = desk.clock.ms // 86_400_000
    intent = intent_words(an_intent()).decode()
    raw.set(f"{desk.prefix}c:c1", f"open 1000 d{day} t1 holder-of-t1 1 0 {intent}")
    raw.zadd(f"{desk.prefix}open", {"c1": desk.clock.ms + 1000})
    raw.sadd(f"{desk.prefix}windows", f"d{day}")
    raw.hset(f"{desk.prefix}bal:global:d{day}", mapping={"reserved": 1000, "calls": 1})
    raw.xadd(f"{desk.prefix}ledger", {"k": "reserved", "c": "c1", "t": "t1", "a": 1000, "o": 0, "i": intent, "x": ""})

    await desk.resolve(kind)

    balance = await desk.store.balance()
    assert balance.reserved_nusd == 0
    assert (balance.settled_nusd, balance.unsettled_nusd) == {SETTLED: (400, 0), VOID: (0, 0), UNSETTLED: (0, 1000)}[
        kind
    ]
    assert balance == fold(await desk.store.ledger())
    assert raw.zcard(f"{desk.prefix}open") == 0


# what a dead shift had


async def test_a_dead_shifts_tasks_are_taken_back_at_once(desk: Desk) -> None:
    """They are suspects, ready to run alone; what other shifts have stays theirs."""
    await desk.submit("t1")
    await desk.submit("t2")
    (mine,) = await desk.claim("shift-a-1", at_most=1)
    (other,) = await desk.claim("shift-ab-1", at_most=1)

    command = desk.store._shifting.abandon("shift-a", ["mini", "small"])
    assert [await desk.link.run(command) for _ in range(2)] == [1, 0]

    (taken,) = await desk.claim("b", alone=True)
    assert taken.task.id == mine.task.id
    assert await desk.store.renew([mine, other]) == {mine.task.id}
