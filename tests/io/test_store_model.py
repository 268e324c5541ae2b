"""Random histories, played to the store in Redis and to the one in memory: nobody can tell them apart."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from router.budget import Budget
from router.decision import Accept, Ask, DeadLetter, Expire, Reject, Review, Wait
from router.errors import NotInReview, UnknownTask
from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind, Intent, fold, fold_days
from router.memory import MemoryStore
from router.ports import Claim, Store, Swept
from router.record import Record
from router.reviewing import ruled
from router.ruling import Ruling
from router.task import Priority, TaskState
from router.verdict import Outcome
from tests.acl import peek
from tests.builders import RATES, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock, a_redis_store
from tests.io.keyspace import keyspace

T = TypeVar("T")

HISTORIES = int(os.environ.get("STORE_HISTORIES", "0"))
"""How many to play, freshly drawn and shrunk when they fail; without it some that are the same each time."""
PREFIX = "model:"
TIERS = ("mini", "large")
POLICY = a_policy(
    limits={"attempts": 8, "deadline_s": 600, "cost_usd": 1, "wait_at_most_s": 900},
    audit={"rate": 0.5, "against": "large"},
)
DEADLINE_MAX_S = 600
AUDIT_DEADLINE_S = 86_400
SCOPES = ["global", "tenant:*", "tenant:acme", "policy:receipts", "tier:mini", "tier:*", "audit:*"]
LIMIT_NUSD = 6000


@dataclass
class Pair:
    """Both stores under one clock, and what a history has brought forth so far."""

    model: MemoryStore
    real: Store
    clock: Clock
    tasks: set[str] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    calls: list[tuple[Claim, Intent]] = field(default_factory=list)
    tokens: int = 0
    replies_get_lost: bool = False

    async def both(self, ask: Callable[[Store], Awaitable[T]]) -> T:
        """Ask both the same and get the same, also where the real one has to be asked again."""
        expected = await answer_of(ask(self.model))
        if self.replies_get_lost:
            await answer_of(ask(self.real))
        assert await answer_of(ask(self.real)) == expected
        return expected

    async def sweep(self, at_most: int) -> Swept:
        """A sweep says what it did itself, so a repeated one says something else."""
        expected, got = await self.model.sweep(at_most=at_most), await self.real.sweep(at_most=at_most)
        assert got == expected
        return expected

    async def claim(self, which: int, stale: bool) -> Claim | None:
        """One that holds its task now, or (`stale`) any there ever was; None where there is none."""
        claims = self.claims if stale else [claim for claim in self.claims if await self.holds(claim)]
        return claims[-1 - which % len(claims)] if claims else None

    async def holds(self, claim: Claim) -> bool:
        newest = next(c for c in reversed(self.claims) if c.task.id == claim.task.id)
        return newest is claim and (await self.model.read(claim.task.id)).state is TaskState.RUNNING

    async def records(self) -> list[Record]:
        """Of all tasks, and of the audits that were made of them."""
        found: list[Record] = []
        ids = sorted(self.tasks)
        while ids:
            read = await self.both(lambda store, ids=ids: asyncio.gather(*map(store.read, ids)))
            found += read
            ids = [record.audit for record in read if record.audit]
        return found


async def answer_of(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except (UnknownTask, NotInReview) as why:
        return type(why)


# What may happen. `which` counts back from the newest one; `stale` ones may have lost their lease.


@dataclass(frozen=True)
class Submit:
    number: int
    tenant: str
    tier: str
    priority: Priority
    deadline_s: int
    key: str | None
    body: str

    async def happen(self, pair: Pair) -> None:
        sent = a_submission(
            f"t{self.number}",
            policy=POLICY.digest,
            tenant=self.tenant,
            tier=self.tier,
            priority=self.priority,
            deadline_s=self.deadline_s,
            key=self.key,
            fingerprint=self.body,
        )
        (admitted,) = await pair.both(lambda store: store.submit([sent]))
        pair.tasks.add(admitted.task_id)


@dataclass(frozen=True)
class Take:
    tiers: dict[str, int]
    at_most: int
    alone: bool
    again: bool

    async def happen(self, pair: Pair) -> None:
        pair.tokens += not self.again
        token = f"token-{pair.tokens}"
        claims = await pair.both(
            lambda store: store.claim(self.tiers, at_most=self.at_most, token=token, alone=self.alone)
        )
        pair.claims += claims


@dataclass(frozen=True)
class Renew:
    count: int

    async def happen(self, pair: Pair) -> None:
        await pair.both(lambda store: store.renew(pair.claims[-self.count :]))


@dataclass(frozen=True)
class Reserve:
    which: int
    stale: bool
    position: int
    amount_nusd: int
    again: bool

    async def happen(self, pair: Pair) -> None:
        claim = await pair.claim(self.which, self.stale)
        if claim is None:
            return
        if not (self.again and pair.calls):
            intent = an_intent(
                f"c{len(pair.calls):03}",
                task=claim.task.id,
                why="audit" if claim.task.audits else "first",
                tenant=claim.task.tenant,
                tier=claim.tier,
                attempt=len((await pair.model.read(claim.task.id)).trail) + 1,
                position=self.position,
                reserved_nusd=self.amount_nusd,
            )
            pair.calls.append((claim, intent))  # refused, but resolved all the same, its record counts as lost
        holder, call = pair.calls[-1]
        limits: dict[str, Any] = {"rates": RATES, "limit_nusd": LIMIT_NUSD, "open_for_ms": 40_000}
        await pair.both(lambda store: store.reserve(holder, call, **limits))


@dataclass(frozen=True)
class Insist:
    """A task asks every second, until room would be kept for it."""

    reserve: Reserve

    async def happen(self, pair: Pair) -> None:
        for _ in range(6):
            await self.reserve.happen(pair)
            pair.clock.advance(1)


@dataclass(frozen=True)
class Limit:
    """Budgets come into force in the place of all."""

    budgets: tuple[Budget, ...]

    async def happen(self, pair: Pair) -> None:
        await pair.both(lambda store: store.publish_budgets(self.budgets))
        await pair.both(lambda store: store.budgets())


@dataclass(frozen=True)
class Resolve:
    which: int
    kind: EntryKind
    cost_nusd: int

    async def happen(self, pair: Pair) -> None:
        if not pair.calls:
            return
        _, intent = pair.calls[-1 - self.which % len(pair.calls)]
        settlement = a_settlement(self.kind, self.cost_nusd)
        await pair.both(lambda store: store.resolve(intent, settlement, a_kept(intent, settlement)))


@dataclass(frozen=True)
class Finish:
    which: int
    stale: bool
    move: str
    attempted: bool
    skipped: int

    async def happen(self, pair: Pair) -> None:
        claim = await pair.claim(self.which, self.stale)
        if claim is None:
            return
        number = len((await pair.model.read(claim.task.id)).trail) + 1 + self.skipped
        attempt = an_attempt(max(1, number), claim.tier, Outcome.FAIL)
        decision = {
            "stay": Ask(claim.tier, "repair"),
            "climb": Ask("large" if claim.tier == "mini" else "mini", "escalate"),
            "wait": Wait(pair.clock.ms + 20_000, "a pause"),
            "park": Wait(pair.clock.ms + 60_000, "no money", parked=True),
            "review": Review("a person decides"),
            "accept": Accept(attempt),
            "reject": Reject("impossible"),
            "bury": DeadLetter("no tier is left"),
            "expire": Expire("too late"),
        }[self.move]
        await pair.both(lambda store: store.finish(claim, POLICY, attempt if self.attempted else None, decision))


@dataclass(frozen=True)
class Carry:
    """The ordinary way of a task through a shift."""

    take: Take
    reserve: Reserve
    resolve: Resolve
    finish: Finish

    async def happen(self, pair: Pair) -> None:
        for event in (self.take, self.reserve, self.resolve, self.finish):
            await event.happen(pair)


@dataclass(frozen=True)
class Release:
    which: int
    stale: bool

    async def happen(self, pair: Pair) -> None:
        if claim := await pair.claim(self.which, self.stale):
            await pair.both(lambda store: store.release(claim))


@dataclass(frozen=True)
class Cancel:
    number: int

    async def happen(self, pair: Pair) -> None:
        await pair.both(lambda store: store.cancel(f"t{self.number}"))


@dataclass(frozen=True)
class Rule:
    """A person decides about a task, in review or not; `skipped`: about an older trail than there is."""

    number: int
    wish: str
    skipped: int

    async def happen(self, pair: Pair) -> None:
        waiting = [r.task.id for r in await pair.records() if r.state is TaskState.REVIEW]
        task_id = waiting[self.number % len(waiting)] if waiting else f"t{self.number}"
        if task_id not in pair.tasks:
            return
        record = await pair.model.read(task_id)
        tier = "large" if self.wish == "ask" else None
        ruling = Ruling(wish=self.wish, by="anna", reason="so it is", tier=tier)
        made = ruled(record, ruling, {"merchant": "ACME", "total": 1}, since_ms=pair.clock.ms, now_ms=pair.clock.ms)
        attempt = made.model_copy(update={"number": max(1, made.number - self.skipped)})
        await pair.both(lambda store: store.rule(task_id, attempt, patience_ms=100_000))


@dataclass(frozen=True)
class Erase:
    number: int

    async def happen(self, pair: Pair) -> None:
        await pair.both(lambda store: store.erase(f"t{self.number}"))


@dataclass(frozen=True)
class Sweep:
    at_most: int

    async def happen(self, pair: Pair) -> None:
        await pair.sweep(self.at_most)


@dataclass(frozen=True)
class Pass:
    seconds: int

    async def happen(self, pair: Pair) -> None:
        pair.clock.advance(self.seconds)


@dataclass(frozen=True)
class Crash:
    """All shifts are gone, and sweeps notice it."""

    async def happen(self, pair: Pair) -> None:
        for seconds in (30, 15):
            pair.clock.advance(seconds)
            await pair.sweep(100)


@dataclass(frozen=True)
class Unheard:
    """The same, with every command carried out twice, because the first reply was lost."""

    what: Any

    async def happen(self, pair: Pair) -> None:
        pair.replies_get_lost = True
        await self.what.happen(pair)
        pair.replies_get_lost = False


rarely = st.sampled_from([False] * 5 + [True])
newest = st.sampled_from([0, 0, 0, 1, 2, 4])
numbers = st.integers(0, 19)
submits = st.builds(
    Submit,
    number=numbers,
    tenant=st.sampled_from(["acme", "bolt", "cask"]),
    tier=st.sampled_from(TIERS),
    priority=st.sampled_from(Priority),
    deadline_s=st.sampled_from([50, 300, DEADLINE_MAX_S]),
    key=st.sampled_from([None, None, None, "order-1", "order-2"]),
    body=st.sampled_from(["body", "body", "other"]),
)
takes = st.builds(
    Take,
    tiers=st.sampled_from([{"mini": 9, "large": 9}, {"mini": 2, "large": 2}, {"large": 1, "mini": 3}, {"mini": 9}]),
    at_most=st.sampled_from([1, 2, 9]),
    alone=st.booleans(),
    again=rarely,
)
reserves = st.builds(
    Reserve,
    which=newest,
    stale=rarely,
    position=st.sampled_from([0, 0, 1]),
    amount_nusd=st.sampled_from([0, 1000, 4000]),
    again=rarely,
)
limits = st.builds(
    Limit,
    st.lists(
        st.builds(
            Budget,
            scope=st.sampled_from(SCOPES),
            usd=st.sampled_from([Decimal(nano) / 10**9 for nano in (3000, 5000, 9000, 20_000)]),
            per=st.sampled_from(["minute", "hour", "day", "week", "month"]),
            on_exceeded=st.sampled_from(["park", "park", "refuse"]),
        ),
        max_size=4,
        unique_by=lambda budget: (budget.scope, budget.per),
    ).map(tuple),
)
resolves = st.builds(
    Resolve,
    which=newest,
    kind=st.sampled_from([EntryKind.SETTLED, EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED]),
    cost_nusd=st.sampled_from([0, 400, 5000]),
)
finishes = st.builds(
    Finish,
    which=newest,
    stale=rarely,
    move=st.sampled_from(
        ["climb"] * 5 + ["stay", "stay", "wait", "park", "review", "review", "accept", "reject", "bury", "expire"]
    ),
    attempted=st.sampled_from([True, True, True, False]),
    skipped=st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1]),
)
carries = st.builds(Carry, take=takes, reserve=reserves, resolve=resolves, finish=finishes)
often = [carries, carries, carries, takes, reserves, resolves, finishes]
seldom = [
    submits,
    submits,
    limits,
    st.builds(Insist, reserves),
    st.builds(Crash),
    st.builds(Crash),
    st.builds(Pass, seconds=st.sampled_from([1, 1, 5, 15, 30])),
    st.builds(Sweep, at_most=st.sampled_from([1, 100])),
    st.builds(Release, which=newest, stale=rarely),
    st.builds(Renew, count=st.integers(1, 4)),
    st.builds(Cancel, number=numbers),
    st.builds(Erase, number=numbers),
    st.builds(
        Rule,
        number=numbers,
        wish=st.sampled_from(["accept", "reject", "dead_letter", "ask", "ask"]),
        skipped=st.sampled_from([0, 0, 0, 1]),
    ),
]
events = st.one_of(*often, *seldom)
histories = st.builds(
    lambda beginning, rest: beginning + rest,
    st.lists(submits, min_size=6, max_size=8),
    st.lists(st.one_of(events, events, events, events.map(Unheard)), min_size=20, max_size=50),
)
"""A few tasks to begin with, then anything."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def database(server: EmbeddedServer) -> str:
    """A database of our own, so that its keys can be listed quickly."""
    return f"{server.url}?db=8"


@settings(
    max_examples=HISTORIES or 80,
    derandomize=not HISTORIES,
    phases=list(Phase) if HISTORIES else [Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories)
def test_both_stores_are_the_same(runner: asyncio.Runner, database: str, history: list[Any]) -> None:
    """Whatever happens, in any order, twice or too late: both answer the same, and all invariants hold at every end."""
    runner.run(play(database, history))


async def play(database: str, history: list[Any]) -> None:
    clock = Clock()
    real = a_redis_store(database, PREFIX, clock)
    pair = Pair(MemoryStore(clock_ms=clock), real, clock)
    with peek(database) as raw:
        raw.flushdb()
        for event in history:
            await event.happen(pair)
            await check(pair, raw)
        await check_money(pair, raw)
        await end_all(pair)
        await check(pair, raw)
        await check_money(pair, raw)
    await real.close()


async def end_all(pair: Pair) -> None:
    """Let time pass, with sweeps and nobody at work: every task has to end by itself."""
    for seconds in (DEADLINE_MAX_S, 15, 900, 15, AUDIT_DEADLINE_S, 15):
        pair.clock.advance(seconds)
        while await pair.sweep(3) != Swept():
            pass
    assert all(record.state.terminal for record in await pair.records())


async def check(pair: Pair, raw: redis.Redis) -> None:
    """What holds at any moment, and that both stores show the same."""
    records = {record.task.id: record for record in await pair.records()}
    keys = keyspace(raw, PREFIX)
    check_places(records, keys)
    check_leftovers(records, keys)


def check_places(records: dict[str, Record], keys: dict[str, Any]) -> None:
    """Each task is looked at some time unless it has ended, and stands in the one place that its state says."""
    assert {name for name, _ in zset(keys, "due")} == {i.encode() for i, r in records.items() if not r.state.terminal}
    assert {name for name, _ in zset(keys, "review")} == in_state(records, TaskState.REVIEW)
    assert {name for name, _ in zset(keys, "parked")} <= in_state(records, TaskState.DELAYED)
    ready = [name for key in keys if key.startswith("ready:") for name, _ in zset(keys, key)]
    assert sorted(ready) == sorted(in_state(records, TaskState.READY))
    slots = [name for tier in TIERS for name, _ in zset(keys, f"slots:{tier}")]
    assert len(slots) == len(set(slots))
    assert set(slots) <= in_state(records, TaskState.RUNNING)
    turns = {
        (key.split(":")[1], name.decode()) for key in keys if key.startswith("turn:") for name, _ in zset(keys, key)
    }
    assert turns == {tuple(key.split(":", 2)[1:]) for key in keys if key.startswith("ready:")}
    waiting = Counter(record.task.tenant for record in records.values() if not record.state.terminal)
    assert {name.decode(): int(count) for name, count in keys.get("waiting", ({}, False))[0].items()} == waiting
    listed = {name for key in keys if key.startswith("of:") for name, _ in zset(keys, key)}
    assert listed == {i.encode() for i, record in records.items() if record.task.audits is None}


async def check_money(pair: Pair, raw: redis.Redis) -> None:
    """Balances are the sum of the ledger, and only calls that are open hold reservations."""
    ledger = await pair.both(lines)
    balance = await pair.both(lambda store: store.balance())
    assert balance == fold(ledger)
    days = fold_days(ledger)
    assert await pair.both(lambda store: store.balances(sorted(days))) == days
    assert sum(record.cost_nusd for record in await pair.records()) == (
        balance.reserved_nusd + balance.settled_nusd + balance.unsettled_nusd
    )
    if not raw.exists(f"{PREFIX}open"):
        assert balance.reserved_nusd == 0


def check_leftovers(records: dict[str, Record], keys: dict[str, Any]) -> None:
    """Nothing of an ended task lasts, and only open attempts have answers kept."""
    for task_id, record in records.items():
        expiring = [expires for key, (_, expires) in keys.items() if key.endswith(f":{task_id}")]
        assert all(expiring) if record.state.terminal else not any(expiring)
        assert not (record.state.terminal and f"kept:{task_id}" in keys)


async def lines(store: Store) -> list[Any]:
    """The ledger without the time, which the server gives."""
    return [entry.model_copy(update={"at_ms": 0}) for entry in await store.ledger()]


def in_state(records: dict[str, Record], state: TaskState) -> set[bytes]:
    return {task_id.encode() for task_id, record in records.items() if record.state is state}


def zset(keys: dict[str, Any], key: str) -> list[tuple[bytes, float]]:
    return keys[key][0] if key in keys else []
