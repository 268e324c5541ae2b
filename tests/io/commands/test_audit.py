"""Booking what a bill says, on a real server: once, on the right day, whoever else books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from router.audit import Booking, audit, mend
from router.bill import BilledCall
from router.io.commands.audit import AuditCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.ledger import Balance, EntryKind, Intent, fold_days
from router.ports import Claim
from tests.builders import NOW_MS, RATES, a_kept, a_settlement, a_submission, an_intent
from tests.conftest import Clock, a_redis_store
from tests.io.keyspace import keyspace
from tests.io.way import Way

SETTLED, VOID, UNSETTLED = EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED
DAY = NOW_MS // 86_400_000
DAY_S = 86_400


@dataclass(frozen=True)
class Desk:
    """A store, the commands that mend its ledger, and the clock of both."""

    store: RedisStore
    link: AsyncLink
    commands: AuditCommands
    clock: Clock

    async def resolve(self, kind: EntryKind, intent: Intent | None = None, cost_nusd: int = 400) -> None:
        intent, settlement = intent or an_intent(), a_settlement(kind, cost_nusd)
        await self.store.resolve(intent, settlement, a_kept(intent, settlement))

    async def bookings(self, bill: dict[str, int], *, complete: bool = False) -> tuple[Booking, ...]:
        calls = {call: BilledCall(amount) for call, amount in bill.items()}
        return mend(await self.store.ledger(), calls, complete=complete)

    async def rebook(self, booking: Booking) -> bool:
        return await self.link.run(self.commands.rebook(booking))

    async def mend(self, bill: dict[str, int], *, complete: bool = False) -> list[bool]:
        return [await self.rebook(booking) for booking in await self.bookings(bill, complete=complete)]

    async def agrees(self, bill: dict[str, int]) -> bool:
        """Whether ledger, balances of each scope and day, and bill are at one."""
        lines = await self.store.ledger()
        balances = await self.store.balances(fold_days(lines).keys())
        return audit(lines, await self.store.balance(), bill, balances=balances).agrees


@asynccontextmanager
async def a_desk(url: str, prefix: str) -> AsyncIterator[Desk]:
    clock = Clock()
    link = AsyncLink(connect_async(url), prefix=prefix, pauses_s=(0, 0))
    store = a_redis_store(url, prefix, clock)
    yield Desk(store, link, AuditCommands(prefix=prefix, clock_ms=clock), clock)
    await link.close()
    await store.close()


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str) -> AsyncIterator[Desk]:
    async with a_desk(server.url, prefix) as made:
        yield made


async def test_an_unknown_outcome_is_settled(desk: Desk) -> None:
    """What was held against the budget is let go, and what was billed is booked in its place."""
    await desk.resolve(UNSETTLED)

    assert await desk.mend({"c1": 300}) == [True]

    assert await desk.store.balance() == Balance(settled_nusd=300, calls=1)
    assert await desk.agrees({"c1": 300})


async def test_a_charge_above_the_bound_is_overrun(desk: Desk) -> None:
    """All that was billed is booked, and what was above the worst case is told apart."""
    await desk.resolve(UNSETTLED)

    await desk.mend({"c1": 1_700})

    assert await desk.store.balance() == Balance(settled_nusd=1_700, overrun_nusd=700, calls=1)
    assert await desk.agrees({"c1": 1_700})


async def test_what_a_complete_bill_lacks_is_void(desk: Desk) -> None:
    """Nothing is held any more for a call that was not charged."""
    await desk.resolve(UNSETTLED)

    assert await desk.mend({}, complete=True) == [True]

    assert await desk.store.balance() == Balance(calls=1)
    assert await desk.agrees({})


async def test_a_call_that_the_ledger_forgot_is_booked(desk: Desk) -> None:
    """Its first line is its reservation, as for every call; scopes that nobody knows have a name of their own."""
    assert await desk.mend({"lost": 70}) == [True]

    assert [(line.kind, line.amount_nusd, line.day) for line in await desk.store.ledger()] == [
        (EntryKind.RESERVED, 0, DAY),
        (SETTLED, 70, None),
    ]
    kept = await desk.store.balances([f"{scope}:d{DAY}" for scope in ("global", "tenant:-", "policy:-", "tier:-")])
    assert set(kept.values()) == {Balance(settled_nusd=70, calls=1)}
    assert len(kept) == 4
    assert await desk.agrees({"lost": 70})


async def test_a_call_is_booked_on_the_day_of_the_bill(desk: Desk) -> None:
    """Where the bill says when, that day has it."""
    (booking,) = mend([], {"lost": BilledCall(70, at_ms=(DAY - 3) * DAY_S * 1000)})

    await desk.rebook(booking)

    assert await desk.store.balances([f"global:d{DAY}", f"global:d{DAY - 3}"]) == {
        f"global:d{DAY - 3}": Balance(settled_nusd=70, calls=1)
    }
    assert await desk.agrees({"lost": 70})


@pytest.mark.parametrize("forgotten", [False, True])
async def test_an_unknown_outcome_stays_on_its_day(desk: Desk, raw: redis.Redis, prefix: str, forgotten: bool) -> None:
    """A bill that comes weeks later settles the day of the reservation, also when the call's record has gone."""
    await desk.resolve(UNSETTLED)
    desk.clock.advance(40 * DAY_S)
    if forgotten:
        raw.delete(f"{prefix}c:c1")

    assert await desk.mend({"c1": 300}) == [True]

    kept = await desk.store.balances([f"tier:mini:d{DAY}", f"tier:mini:d{DAY + 40}"])
    assert kept == {f"tier:mini:d{DAY}": Balance(settled_nusd=300, calls=1)}
    assert await desk.agrees({"c1": 300})


@pytest.mark.parametrize("stands", ["unsettled", "forgotten"])
async def test_booked_twice_is_booked_once(desk: Desk, raw: redis.Redis, prefix: str, stands: str) -> None:
    """Two who mend at the same time, or one who says it again, book once."""
    if stands == "unsettled":
        await desk.resolve(UNSETTLED)
    (booking,) = await desk.bookings({"c1": 300})

    assert await desk.rebook(booking)
    once = keyspace(raw, prefix)
    assert not await desk.rebook(booking)

    assert keyspace(raw, prefix) == once
    assert await desk.bookings({"c1": 300}) == ()


@pytest.mark.parametrize("stands", ["unsettled", "forgotten"])
async def test_a_lost_reply_is_made_good(server: EmbeddedServer, prefix: str, tmp_path: Path, stands: str) -> None:
    """When the reply gets lost the booking is there once."""
    async with Way(server.url, tmp_path / "lossy") as way:
        async with a_desk(way.url, prefix) as desk:
            if stands == "unsettled":
                await desk.resolve(UNSETTLED)
            (booking,) = await desk.bookings({"c1": 300})
            way.lose_next()
            await desk.rebook(booking)

            assert way.lost == 1
            assert (await desk.store.balance()).settled_nusd == 300
            assert await desk.agrees({"c1": 300})


@pytest.mark.parametrize("kind", [SETTLED, VOID])
async def test_what_somebody_booked_meanwhile_stands(desk: Desk, kind: EntryKind) -> None:
    """A shift that came to know the outcome after the ledger was read is not contradicted."""
    await desk.resolve(UNSETTLED)
    (booking,) = await desk.bookings({"c1": 300})
    await desk.resolve(kind)
    before = await desk.store.ledger()

    assert not await desk.rebook(booking)
    assert await desk.store.ledger() == before


async def test_a_call_that_may_still_run_is_left_alone(desk: Desk) -> None:
    """Who runs it books it, and keeps its answer: the bill may be ahead of the reply."""
    await desk.store.submit([a_submission()])
    (claim,) = await desk.store.claim({"mini": 1}, at_most=1, token="a")
    (booking,) = await desk.bookings({"c1": 300})
    await reserve(desk.store, claim)

    assert not await desk.rebook(booking)

    assert await desk.store.balance() == Balance(reserved_nusd=1000, calls=1)
    assert await desk.bookings({"c1": 300}, complete=True) == ()


async def test_an_answer_is_never_made_up(desk: Desk) -> None:
    """Settling the call of a task that goes on adds to what it cost, and leaves no answer for its open attempt."""
    await desk.store.submit([a_submission()])
    (claim,) = await desk.store.claim({"mini": 1}, at_most=1, token="a")
    await reserve(desk.store, claim)
    desk.clock.advance(46)
    await desk.store.sweep(at_most=10)
    desk.clock.advance(46)
    await desk.store.sweep(at_most=10)

    assert await desk.mend({"c1": 300}) == [True]

    assert (await desk.store.read("t1")).cost_nusd == 300
    (again,) = await desk.store.claim({"mini": 1}, at_most=1, token="b", alone=True)
    assert again.kept == {}


async def test_a_late_answer_finds_its_call_booked(desk: Desk) -> None:
    """A shift that was away longer than the bill took books nothing more."""
    await desk.resolve(UNSETTLED)
    await desk.mend({"c1": 300})

    await desk.resolve(SETTLED, cost_nusd=300)

    assert await desk.store.balance() == Balance(settled_nusd=300, calls=1)
    assert await desk.agrees({"c1": 300})


@pytest.mark.parametrize("amount", [10**15 + 1, 2**53 - 1])
async def test_large_amounts_are_exact(desk: Desk, amount: int) -> None:
    """To the nano-dollar, up to nine million dollars."""
    await desk.resolve(UNSETTLED, an_intent(reserved_nusd=amount))

    await desk.mend({"c1": amount, "lost": amount})

    assert (await desk.store.balance()).settled_nusd == 2 * amount
    assert await desk.agrees({"c1": amount, "lost": amount})


async def reserve(store: RedisStore, claim: Claim) -> None:
    await store.reserve(claim, an_intent(), rates=RATES, limit_nusd=10**9, open_for_ms=45_000)
