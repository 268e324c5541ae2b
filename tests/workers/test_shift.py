"""Shifts over a real server, with models that answer when the test says so."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from router.asking import tier_rates
from router.call import Answer, Call
from router.formats import FORMAT
from router.io.embedded import EmbeddedServer
from router.io.packing import pack
from router.ports import Claim, Store, Swept
from router.task import TaskState
from tests.acl import GuardedServer, peek
from tests.builders import BROKEN, GOOD, TIERS, a_policy, a_tier
from tests.conftest import Clock
from tests.listening import listening, newest
from tests.waiting import until
from tests.workers.floor import Away, Floor, Gated

COST_NUSD = 210_000
"""What one of our replies costs."""


@pytest.fixture
def llm() -> Gated:
    return Gated()


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str, clock: Clock, llm: Gated) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, clock, llm)
    yield floor
    await floor.close()


def ids(count: int) -> list[str]:
    return [f"t{i:03}" for i in range(count)]


async def test_holds_hundreds_of_calls_in_flight(floor: Floor, llm: Gated) -> None:
    """One shift carries as many tasks at once as it was allowed, no more, and all of them to their end."""
    await floor.submit(*ids(300))

    async with floor.shift(at_once=250) as shift:
        await llm.asked(250)
        assert (llm.in_flight, shift.ended) == (250, 0)
        llm.open()
        await until(lambda: shift.ended == 300)

    assert await floor.states(ids(300)) == {TaskState.SUCCEEDED: 300}
    assert len(llm.calls) == 300
    assert llm.in_flight_most == 250


async def test_a_tier_s_concurrency_holds_for_all_shifts_together(floor: Floor, llm: Gated) -> None:
    """Two shifts never have more calls in flight at a tier than the tier takes."""
    await floor.submit(*ids(20))

    async with floor.shift(concurrency=5, idle_s=0.05) as one, floor.shift(concurrency=5, idle_s=0.05) as other:
        await llm.asked(5)
        llm.open()
        await until(lambda: one.ended + other.ended == 20)

    assert llm.in_flight_most == 5


async def test_draining_finishes_the_calls_in_flight_and_claims_no_more(floor: Floor, llm: Gated) -> None:
    """After the order to drain no call begins; those in flight count, and who waits keeps waiting."""
    await floor.submit(*ids(50))
    async with floor.shift(at_once=30) as shift:
        await llm.asked(30)
        shift.drain()

    assert len(llm.calls) == 30
    assert await floor.states(ids(50)) == {TaskState.SUCCEEDED: 30, TaskState.READY: 20}


async def test_draining_releases_unchanged_what_has_no_call_in_flight(
    floor: Floor, llm: Gated, raw: redis.Redis, prefix: str
) -> None:
    """Tasks that were claimed, but not begun, go back into their old places."""
    await floor.submit(*ids(10))
    places = raw.zrange(f"{prefix}ready:mini:default", 0, -1, withscores=True)
    late = LateClaims(floor.store)

    async with floor.shift(store=late) as shift:
        await until(late.granted.is_set)
        assert raw.zcard(f"{prefix}ready:mini:default") == 0
        shift.drain()
        late.delivered.set()

    assert llm.calls == []
    assert raw.zrange(f"{prefix}ready:mini:default", 0, -1, withscores=True) == places
    assert raw.zcard(f"{prefix}slots:mini") == 0


async def test_draining_lets_nobody_begin_another_attempt(server: EmbeddedServer, prefix: str, clock: Clock) -> None:
    """A task whose answer was not good enough keeps that attempt, and its next one is for somebody else."""
    llm = Gated(lambda call: BROKEN)
    floor = Floor(server.url, prefix, clock, llm)
    await floor.submit("t1", policy=a_policy(tiers=[{"tier": "mini", "attempts": 2}], moves={"fail": "repair"}))

    async with floor.shift() as shift:
        await llm.asked(1)
        shift.drain()

    record = await floor.store.read("t1")
    assert (record.state, record.tier, len(record.trail)) == (TaskState.READY, "mini", 1)
    assert len(llm.calls) == 1
    await floor.close()


async def test_renews_its_leases(floor: Floor, llm: Gated, clock: Clock, raw: redis.Redis, prefix: str) -> None:
    """A call may take longer than a lease: its shift keeps it, and no sweep takes the task away."""
    await floor.submit("t1")

    async with floor.shift(lease_s=0.15):
        await llm.asked(1)
        clock.advance(20)
        await until(lambda: raw.zscore(f"{prefix}slots:mini", "t1") == clock() + 30_000)
        clock.advance(20)
        assert await floor.store.sweep(at_most=10) == Swept()

    assert await floor.states(["t1"]) == {TaskState.SUCCEEDED: 1}
    assert len(llm.calls) == 1


class Outage:
    """A server of the test's own that goes away while fifty calls are in flight."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.server = GuardedServer(directory)

    def kill(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.stop()

    def start_again(self) -> None:
        self.server = GuardedServer(self._directory)

    def stun(self) -> None:
        os.kill(self.server.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.server.pid, signal.SIGCONT)

    def fill(self) -> None:
        self._set_memory("1")

    def free(self) -> None:
        self._set_memory("0")

    def _set_memory(self, most: str) -> None:
        with peek(self.server.url) as client:
            client.config_set("maxmemory", most)


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Outage]:
    outage = Outage(tmp_path)
    yield outage
    outage.wake()
    outage.server.stop()


@pytest.mark.parametrize(
    ("go", "come", "trips"),
    [
        pytest.param(Outage.kill, Outage.start_again, 2, id="killed and started again"),
        pytest.param(Outage.stun, Outage.wake, 1, id="stopped and continued"),
        pytest.param(Outage.fill, Outage.free, 2, id="out of memory"),
    ],
)
async def test_survives_an_outage_of_redis(
    outage: Outage, llm: Gated, go: Callable[[Outage], None], come: Callable[[Outage], None], trips: int
) -> None:
    """What is answered while Redis is away is booked when it is back, once; who waited then has a turn."""
    floor = Floor(outage.server.url, "r:", Clock(), llm)
    await floor.submit(*ids(80))

    async with floor.shift(at_once=50, idle_s=0.1) as shift:
        await llm.asked(50)
        go(outage)
        sent = floor.link.trips
        llm.open()
        await until(lambda: floor.link.trips >= sent + trips)
        come(outage)
        await until(lambda: shift.ended == 80)

    assert await floor.states(ids(80)) == {TaskState.SUCCEEDED: 80}
    balance = await floor.store.balance()
    assert (balance.settled_nusd, balance.unsettled_nusd, balance.reserved_nusd) == (80 * COST_NUSD, 0, 0)
    assert len(llm.calls) == balance.calls == 80
    await floor.close()


@pytest.mark.parametrize(
    ("lost", "calls"),
    [
        pytest.param(["finish"], 5, id="answers kept, not bought again"),
        pytest.param(["resolve", "finish"], 10, id="answers lost, bought again"),
    ],
)
async def test_an_outage_longer_than_its_patience_costs_no_task(
    floor: Floor, llm: Gated, lost: list[str], calls: int
) -> None:
    """Whose end could not be told goes through quarantine; what it was answered is paid twice only if it was lost."""
    await floor.submit(*ids(5))
    away = Away(floor.store, *lost)
    async with floor.shift(store=away) as shift:
        await llm.asked(5)
        llm.open()
        await until(lambda: shift.ended == 5)
    assert away.refused == 5

    await floor.crash()
    async with floor.shift(alone=True, at_once=1, idle_s=0.05) as quarantine:
        await until(lambda: quarantine.ended == 5)

    assert await floor.states(ids(5)) == {TaskState.SUCCEEDED: 5}
    assert len(llm.calls) == calls
    balance = await floor.store.balance()
    assert balance.settled_nusd == 5 * COST_NUSD
    assert balance.calls == calls


async def test_a_claim_that_was_granted_unheard_is_not_lost(floor: Floor, llm: Gated) -> None:
    """When the answer to a claim gets lost, the next one gets the same tasks: nobody becomes a suspect."""
    await floor.submit(*ids(5))
    unheard = UnheardClaim(floor.store)

    async with floor.shift(store=unheard) as shift:
        llm.open()
        await until(lambda: shift.ended == 5)

    assert unheard.granted == 5
    assert await floor.states(ids(5)) == {TaskState.SUCCEEDED: 5}


async def test_a_surprise_in_one_task_leaves_its_neighbours_alone(
    server: EmbeddedServer, prefix: str, clock: Clock
) -> None:
    """An exception that nobody foresaw costs its own task a stay in quarantine, and the others nothing."""
    trouble = iter([RuntimeError("unforeseen")])
    llm = Gated(lambda call: _raise_once(call, trouble))
    floor = Floor(server.url, prefix, clock, llm)
    await floor.submit(*ids(19))
    await floor.submit("bad", input={"text": "BAD"})

    async with floor.shift() as shift:
        await llm.asked(20)
        llm.open()
        await until(lambda: shift.ended == 20)
    assert await floor.states([*ids(19), "bad"]) == {TaskState.SUCCEEDED: 19, TaskState.RUNNING: 1}

    await floor.crash()
    async with floor.shift(alone=True, at_once=1, idle_s=0.05) as quarantine:
        await until(lambda: quarantine.ended == 1)

    assert await floor.states(["bad"]) == {TaskState.SUCCEEDED: 1}
    await floor.close()


async def test_a_task_that_cannot_be_read_ends_the_shift_but_no_call(
    floor: Floor, llm: Gated, raw: redis.Redis, prefix: str
) -> None:
    """A stored value that is damaged stops the shift's claims; its calls in flight finish."""
    await floor.submit(*ids(5))
    with pytest.raises(ExceptionGroup) as group:
        async with floor.shift(at_once=5) as shift:
            await llm.asked(5)
            await floor.submit("bad")
            raw.set(f"{prefix}in:bad", b"\x00 not ours")
            llm.answer_one()
            await until(lambda: shift.draining)
            assert shift.ended == 1

    assert "not written by this service" in str(group.value.exceptions[0])
    assert await floor.states(ids(5)) == {TaskState.SUCCEEDED: 5}


async def test_a_task_that_a_newer_version_wrote_ends_no_shift(
    floor: Floor, llm: Gated, raw: redis.Redis, prefix: str
) -> None:
    """It is left to others, untouched; what came with it is carried on, and so is what comes later."""
    llm.open()
    await floor.submit("newer", *ids(5))
    raw.set(f"{prefix}in:newer", pack(b"{}", FORMAT + 1))

    async with floor.shift(idle_s=0.1) as shift:
        await until(lambda: shift.ended == 5)
        await floor.submit("late")
        await until(lambda: shift.ended == 6)

    assert await floor.states([*ids(5), "late"]) == {TaskState.SUCCEEDED: 6}
    left = raw.hmget(f"{prefix}t:newer", "s", "x", "z", "b")
    assert (left, raw.llen(f"{prefix}trail:newer")) == ([b"delayed", None, None, b"1"], 0)


async def test_a_command_that_cannot_be_sent_harms_nobody_else(floor: Floor, llm: Gated) -> None:
    """One task whose words are no UTF-8 does not keep the words of others from Redis."""
    await floor.submit(*ids(5))
    spoken = [asyncio.create_task(floor.store.policy(name)) for name in ("\ud800", a_policy().digest)]

    refused, policy = await asyncio.gather(*spoken, return_exceptions=True)

    assert isinstance(refused, UnicodeEncodeError)
    assert policy.digest == a_policy().digest


async def test_quarantine_takes_one_at_a_time_and_ends_when_it_is_quiet(floor: Floor, llm: Gated) -> None:
    """Suspects of a crash run alone, healthy tasks are not touched, and the shift ends by itself."""
    await floor.submit(*ids(4))
    await floor.store.claim({"mini": 10}, at_most=10, token="a shift that crashes")
    await floor.crash()
    await floor.submit("healthy")

    async with floor.shift(alone=True, at_once=1, idle_s=0.05) as shift:
        for asked in range(1, 5):
            await llm.asked(asked)
            assert llm.in_flight == 1
            llm.answer_one()
        await until(lambda: shift.draining)

    assert llm.in_flight_most == 1
    assert await floor.states([*ids(4), "healthy"]) == {TaskState.SUCCEEDED: 4, TaskState.READY: 1}


async def test_is_recycled_after_its_time(floor: Floor, llm: Gated) -> None:
    """A shift ends by itself after its time, with the calls in flight finished and the rest left to the next one."""
    await floor.submit(*ids(20))

    async with floor.shift(at_once=10, longest_s=0.2, idle_s=0.05) as shift:
        await llm.asked(10)
        await until(lambda: shift.draining)

    assert await floor.states(ids(20)) == {TaskState.SUCCEEDED: 10, TaskState.READY: 10}


async def test_a_wake_up_makes_a_waiting_shift_claim_at_once(floor: Floor, llm: Gated, raw: redis.Redis) -> None:
    """A shift that would look again in a quarter of an hour hears of a new task now."""
    before = newest(raw)
    async with floor.shift(idle_s=900.0):
        await until(lambda: listening(raw, before) == 1)
        await floor.submit("t1")
        await llm.asked(1)

    assert [call.tier for call in llm.calls] == ["mini"]


async def test_a_climb_wakes_the_shift_of_the_next_tier(
    server: EmbeddedServer, prefix: str, clock: Clock, raw: redis.Redis
) -> None:
    """A shift that serves larger models hears of a task at the moment in which it climbs."""
    llm = Gated(lambda call: BROKEN if call.tier == "mini" else GOOD)
    floor = Floor(server.url, prefix, clock, llm)
    before = newest(raw)

    async with floor.shift("mini", idle_s=900.0), floor.shift("small", idle_s=900.0) as upper:
        await until(lambda: listening(raw, before) == 2)
        await floor.submit("t1")
        await llm.asked(1)
        llm.answer_one()
        await llm.asked(2)
        llm.open()
        await until(lambda: upper.ended == 1)

    assert [a.tier for a in (await floor.store.read("t1")).trail] == ["mini", "small"]
    await floor.close()


async def test_ends_though_its_bell_does_not_hear_that_it_should(floor: Floor) -> None:
    """A library below the bell that swallows a cancellation keeps no drained shift alive."""
    bell = DeafBell()

    async with floor.shift(bell=bell):
        await until(bell.listening.is_set)

    assert bell.cancelled


async def test_an_idle_shift_looks_again_when_a_rate_lets_the_next_task_go(
    server: EmbeddedServer, prefix: str, llm: Gated
) -> None:
    """Tasks behind a burst leave one by one as the rate has room, though no bell rings and no look is due for hours."""
    floor = Floor(server.url, prefix, None, llm)
    tiers = TIERS | {"mini": a_tier("mini", requests_per_minute=600)}
    rates = {"mini": tier_rates(tiers["mini"])}
    bell = SilentBell()
    counted = Claims(floor.store)
    llm.open()
    await floor.submit(*ids(30))

    async with floor.shift(store=counted, bell=bell, known=tiers, rates=rates, idle_s=3600.0) as shift:
        await until(lambda: shift.ended == 30)

    assert await floor.states(ids(30)) == {TaskState.SUCCEEDED: 30}
    assert sum(counted.found) == 30
    assert max(counted.found) <= 20
    assert len(counted.found) <= 3 * 30
    await floor.close()


class SilentBell:
    """Never rings."""

    async def rung(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return False

    async def pass_on(self) -> None:
        """Nobody hears it either."""


class Claims:
    """A store that remembers how many tasks each claim brought."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.found: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *words: Any, **more: Any) -> list[Claim]:
        claims = list(await self._store.claim(*words, **more))
        self.found.append(len(claims))
        return claims


class DeafBell:
    """Goes on as if nothing had happened when it is cancelled."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self.cancelled = False

    async def rung(self, timeout_s: float) -> bool:
        self.listening.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
        return False

    async def pass_on(self) -> None:
        """Nobody hears it."""


class LateClaims:
    """A store whose claims are granted at once and heard of late."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.granted, self.delivered = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *words: Any, **more: Any) -> list[Claim]:
        claims = list(await self._store.claim(*words, **more))
        self.granted.set()
        await self.delivered.wait()
        return claims


class UnheardClaim:
    """A store that goes away just after it granted the first claim."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.granted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *words: Any, **more: Any) -> list[Claim]:
        claims = list(await self._store.claim(*words, **more))
        if not self.granted:
            self.granted = len(claims)
            await Away(self._store, "claim").claim()
        return claims


def _raise_once(call: Call, trouble: Iterator[Exception]) -> Answer:
    if "BAD" in str(call.messages) and (exception := next(trouble, None)):
        raise exception
    return GOOD
