"""The ledger counted by the hour: each line once, whoever counts, dies, or reads meanwhile; and cut behind that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis

from router.decision import Accept, Ask
from router.event import Alarm
from router.io.commands.cost import PAGE, CostCommands, Trimmed
from router.io.commands.producer import ProducerCommands
from router.io.commands.shift import ShiftCommands
from router.io.cost_words import TENANTS_MAX
from router.io.embedded import EmbeddedServer
from router.io.ledger_lines import attempt_words, intent_words
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.ledger import EntryKind, fold, fold_days
from router.memory import MemoryStore
from router.ports import Store
from router.spending.counters import HOUR_MS, KEPT_MS, OTHER, Change, counted, summed
from router.spending.pricing import Pricing, Rungs
from router.spending.report import DIMENSIONS, costs, total
from router.verdict import Outcome
from tests.builders import (
    NOW_MS,
    PRICES,
    RATES,
    TIERS,
    a_kept,
    a_policy,
    a_settlement,
    a_submission,
    an_attempt,
    an_intent,
)
from tests.io.keyspace import keyspace
from tests.io.way import Way
from tests.test_ledger import a_line

POLICY = a_policy().bound_to(TIERS).on(TIERS)
KINDS = (EntryKind.SETTLED, EntryKind.UNSETTLED, EntryKind.VOID)
ATTEMPT = attempt_words(a_line(EntryKind.ATTEMPT, None))
COUNTERS = ("cost:", "costs", "counting", "doubt:", "unanswered")
HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True)
class Books:
    """A store whose ledger is counted, by the server's own clock."""

    store: RedisStore
    link: AsyncLink
    commands: CostCommands
    pricing: Pricing

    async def count(self, at_most: int = PAGE) -> int:
        return await self.link.carry_out(self.commands.count(self.pricing, at_most=at_most))

    async def count_all(self, at_most: int = PAGE) -> None:
        while await self.count(at_most):
            pass

    async def read(self, **wished: Any) -> Sequence[Change]:
        found = await self.link.carry_out(self.commands.counted(self.pricing, **wished))
        return sorted(summed(found.changes), key=str)

    async def direct(self) -> Sequence[Change]:
        """What the lines come to when they are counted from the first on."""
        pricing = Pricing(PRICES)
        pricing.learn(POLICY.digest, Rungs.of(json.loads(POLICY.text)))
        return sorted(counted(await self.store.ledger(), pricing), key=str)

    async def trim(self, **wished: Any) -> Trimmed:
        return await self.link.run(self.commands.trim(**{"keep_days": 40, "lines_max": 10**6} | wished))


@asynccontextmanager
async def open_books(url: str, prefix: str) -> AsyncIterator[Books]:
    link = AsyncLink(connect_async(url), prefix=prefix, pauses_s=(0, 0))
    store = RedisStore(link, producing=ProducerCommands(prefix=prefix), shifting=ShiftCommands(prefix=prefix))
    yield Books(store, link, CostCommands(prefix=prefix), Pricing(PRICES))
    await store.close()


@pytest.fixture
async def books(server: EmbeddedServer, prefix: str) -> AsyncIterator[Books]:
    async with open_books(server.url, prefix) as opened:
        await opened.store.publish([POLICY])
        yield opened


class Traffic:
    """Tasks that climb, fail, are left open and booked late, in an order that chance decides."""

    def __init__(self, store: Store, dice: Random) -> None:
        self._store = store
        self._dice = dice
        self._tasks = 0
        self._doubtful: list[tuple[Any, Any]] = []

    async def step(self) -> None:
        if self._doubtful and self._dice.random() < 0.3:
            await self._reconcile()
        else:
            await self._task()

    async def _task(self) -> None:
        """One task, up to three tiers, up to two calls at each."""
        dice, self._tasks = self._dice, self._tasks + 1
        task_id, tenant = f"t{self._tasks}", dice.choice(["acme", "bolt", "cog"])
        await self._store.submit([a_submission(task_id, policy=POLICY.digest, tenant=tenant)])
        for number, tier in enumerate(POLICY.path, 1):
            (claim,) = await self._store.claim({tier: 9}, at_most=1, token=f"{task_id}-{number}")
            for position in range(dice.randint(0, 2)):
                await self._call(claim, number, position, tier)
            last = number == len(POLICY.path) or dice.random() < 0.5
            attempt = an_attempt(number, tier, Outcome.PASS if last else Outcome.FAIL)
            decision = Accept(attempt) if last else Ask(POLICY.path[number], "escalate")
            await self._store.finish(claim, POLICY, attempt, decision)
            if last:
                return

    async def _call(self, claim: Any, attempt: int, position: int, tier: str) -> None:
        intent = an_intent(
            f"{claim.task.id}-{attempt}-{position}",
            task=claim.task.id,
            attempt=attempt,
            position=position,
            purpose=self._dice.choice(["answer", "sample", "judge"]) if position else "answer",
            why="first" if attempt == 1 else "escalate",
            tier=tier,
            model=TIERS[tier].model,
            version=POLICY.digest,
            tenant=claim.task.tenant,
            reserved_nusd=self._dice.randint(1, 2000),
        )
        await self._store.reserve(claim, intent, rates=RATES, limit_nusd=10**9, open_for_ms=60_000)
        if self._dice.random() < 0.9:
            await self._book(intent, self._dice.choice(KINDS))

    async def _book(self, intent: Any, kind: EntryKind) -> None:
        settlement = a_settlement(kind, self._dice.randint(0, 2000))
        await self._store.resolve(intent, settlement, a_kept(intent, settlement))
        if kind is EntryKind.UNSETTLED:
            self._doubtful.append((intent, settlement))

    async def _reconcile(self) -> None:
        intent, _ = self._doubtful.pop(self._dice.randrange(len(self._doubtful)))
        await self._book(intent, self._dice.choice([EntryKind.SETTLED, EntryKind.VOID]))


@pytest.mark.parametrize("seed", range(6))
async def test_counters_and_what_they_lack_are_the_ledger_at_every_moment(books: Books, seed: int) -> None:
    """However often a few lines are counted in between: the same cells as the lines, the same sums as the balances."""
    dice = Random(seed)
    traffic = Traffic(books.store, dice)
    for _ in range(8):
        await traffic.step()
        for _ in range(dice.randint(0, 3)):
            await books.count(at_most=dice.randint(1, 9))

        found = await books.read()
        assert found == await books.direct()

    whole, balance = total(costs(found, ["tier"])), await books.store.balance()
    assert balance == fold(await books.store.ledger())
    assert (whole.cost_nusd, whole.sums["unsettled"], whole.sums["reserved"], whole.calls) == (
        balance.settled_nusd,
        balance.unsettled_nusd,
        balance.reserved_nusd,
        balance.calls,
    )


@pytest.mark.parametrize("seed", range(3))
async def test_every_day_of_the_counters_is_what_budgets_go_by(books: Books, seed: int) -> None:
    """By tenant and by tier the sums of a day are the balances that budgets are held against."""
    traffic = Traffic(books.store, Random(seed))
    for _ in range(6):
        await traffic.step()
    await books.count_all()

    found = await books.read()
    kept = await books.store.balances(fold_days(await books.store.ledger()).keys())

    for dimension in ("tenant", "tier", "policy"):
        days = {
            f"{dimension}:{row.group[dimension]}:d{_day(row.group['from'])}": row.cost_nusd
            for row in costs(found, [dimension], bucket_ms=24 * HOUR_MS)
            if row.calls
        }
        balances = {name: b.settled_nusd for name, b in kept.items() if name.startswith(f"{dimension}:")}
        assert days == balances


def _day(began: str) -> int:
    return int(datetime.fromisoformat(began).timestamp()) // DAY_S


async def test_the_store_in_memory_counts_the_same(books: Books) -> None:
    """The same tasks come to the same sums in both stores, and to their balances."""
    memory = MemoryStore(clock_ms=lambda: NOW_MS)
    await memory.publish([POLICY])
    for store in (memory, books.store):
        traffic = Traffic(store, Random(8))
        for _ in range(10):
            await traffic.step()
    await books.count_all()

    found = costs(await books.read(), DIMENSIONS)
    modelled = costs(counted(await memory.ledger(), books.pricing), DIMENSIONS)

    assert [row.as_json() for row in found] == [row.as_json() for row in modelled]
    whole, balance = total(modelled), await memory.balance()
    assert (whole.cost_nusd, whole.doubt_nusd) == (
        balance.settled_nusd,
        balance.unsettled_nusd + balance.reserved_nusd,
    )


async def test_counting_is_done_once_whoever_does_it(books: Books) -> None:
    """Several that count the same lines at once count them once; one of them is right in the end."""
    traffic = Traffic(books.store, Random(1))
    for _ in range(5):
        await traffic.step()

    lines = len(await books.store.ledger())
    done = [await asyncio.gather(*(books.count(at_most=5) for _ in range(4))) for _ in range(lines)]

    assert sum(map(sum, done)) == lines
    assert all(sorted(each)[:3] == [0, 0, 0] for each in done)
    assert await books.read() == await books.direct()


async def test_a_count_whose_reply_was_lost_is_repeated_without_harm(
    server: EmbeddedServer, raw: redis.Redis, prefix: str, tmp_path: Path
) -> None:
    """The counters are those of a count whose reply came."""
    async with Way(server.url, tmp_path / "way") as way, open_books(way.url, prefix) as books:
        await books.store.publish([POLICY])
        traffic = Traffic(books.store, Random(2))
        for _ in range(4):
            await traffic.step()
        commands = books.commands.count(books.pricing)
        replies: list[Any] = []
        with pytest.raises(StopIteration):
            wanted = next(commands)
            while True:
                if any(command.script == "count" for command in wanted):
                    way.lose_next()
                replies = list(await asyncio.gather(*(books.link.run(command) for command in wanted)))
                wanted = commands.send(replies)

        assert way.lost == 1
        assert await books.read() == await books.direct()


async def test_whoever_counts_may_die_at_any_moment(books: Books, raw: redis.Redis, prefix: str) -> None:
    """After each of its round trips: nothing has changed before the last, and everything with it."""
    traffic = Traffic(books.store, Random(3))
    for _ in range(3):
        await traffic.step()
    before = counters(raw, prefix)
    trips = 0
    while counters(raw, prefix) == before:
        trips += 1
        flow = books.commands.count(Pricing(PRICES))
        wanted = next(flow)
        for _ in range(trips - 1):
            wanted = flow.send([await books.link.run(command) for command in wanted])
        for command in wanted:
            await books.link.run(command)

    assert trips > 3
    assert await books.read() == await books.direct()


def counters(raw: redis.Redis, prefix: str) -> dict[str, Any]:
    return {name: held for name, held in keyspace(raw, prefix).items() if name.startswith(COUNTERS)}


async def test_who_reads_while_others_count_sees_each_line_once(books: Books) -> None:
    """Sums that are read in the middle of counting are those of all lines."""
    traffic = Traffic(books.store, Random(4))
    for _ in range(6):
        await traffic.step()
    direct = await books.direct()
    flow = books.commands.counted(books.pricing)
    wanted = next(flow)
    with pytest.raises(StopIteration) as end:
        while True:
            replies = []
            for command in wanted:
                replies.append(await books.link.run(command))
                await books.count(at_most=7)
            wanted = flow.send(replies)

    assert sorted(summed(end.value.value.changes), key=str) == direct


async def test_only_the_hours_asked_for_are_read(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Those that a time touches, counted or not."""
    await lines(raw, prefix, 3, days_ago=2)
    await books.count_all()
    await lines(raw, prefix, 2)

    async def attempts(**wished: int) -> int:
        return total(costs(await books.read(**wished), [])).attempts

    assert [await attempts(), await attempts(back_ms=3 * 24 * HOUR_MS), await attempts(back_ms=HOUR_MS)] == [5, 5, 2]


async def test_nothing_is_told_of_a_time_that_is_not_kept(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Who asks for more is told since when it is; counters go when that time is over."""
    await lines(raw, prefix, 2)
    await books.count_all()
    told = await books.link.carry_out(books.commands.counted(books.pricing, back_ms=400 * 24 * HOUR_MS))
    (hour,) = {change.hour for change in told.changes}
    ends_s = raw.expiretime(f"{prefix}cost:{hour}")

    assert total(costs(told.changes, [])).attempts == 2
    assert told.since_ms == (hour - KEPT_MS // HOUR_MS) * HOUR_MS
    assert abs(ends_s - ((hour + 1) * HOUR_MS + KEPT_MS) // 1000) <= 1


async def test_tenants_beyond_a_number_are_counted_together(books: Books, raw: redis.Redis, prefix: str) -> None:
    """The first of an hour have cells of their own; the others share one, and no nano-dollar is lost."""
    tenants = TENANTS_MAX + 5
    for n in range(tenants):
        intent = an_intent(f"c{n}", task=f"t{n}", tenant=f"tenant-{n}", version=POLICY.digest)
        settlement = a_settlement(EntryKind.SETTLED if n % 2 else EntryKind.UNSETTLED, 400)
        await books.store.resolve(intent, settlement, a_kept(intent, settlement))
    await books.count_all(at_most=150)
    late = an_intent(f"c{tenants - 1}", task=f"t{tenants - 1}", tenant=f"tenant-{tenants - 1}", version=POLICY.digest)
    await books.store.resolve(late, a_settlement(), a_kept(late, a_settlement()))
    await books.count_all()

    rows = costs(await books.read(), ["tenant"])

    assert len(rows) == TENANTS_MAX + 1
    (other,) = (row for row in rows if row.group["tenant"] == OTHER)
    assert (other.calls, other.cost_nusd, other.doubt_nusd) == (5, 400 * 3, 1000 * 2)
    balance = await books.store.balance()
    assert (total(rows).cost_nusd, total(rows).doubt_nusd) == (balance.settled_nusd, balance.unsettled_nusd)


async def test_counters_go_after_their_time(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Hours after 35 days, calls of unknown outcome after 100; open calls when booked; the sums of all stay."""
    for call, kind in (("a", EntryKind.SETTLED), ("b", EntryKind.UNSETTLED)):
        intent = an_intent(call, version=POLICY.digest)
        await books.store.resolve(intent, a_settlement(kind), a_kept(intent, a_settlement(kind)))
    await books.count_all()

    left_s = {name.split(":")[0]: raw.ttl(f"{prefix}{name}") for name in counters(raw, prefix) if name != "cost:all"}

    assert 35 * DAY_S < left_s.pop("cost") <= 35 * DAY_S + HOUR_S
    assert 99 * DAY_S < left_s.pop("doubt") <= 100 * DAY_S
    assert left_s == {"costs": -1}
    assert raw.ttl(f"{prefix}cost:all") == -1
    assert [hour for hour, _ in raw.zscan_iter(f"{prefix}costs")] == [
        key.decode().rpartition(":")[2].encode() for key in raw.scan_iter(f"{prefix}cost:[0-9]*")
    ]


async def test_what_is_booked_for_an_hour_that_is_gone_counts_for_all(
    books: Books, raw: redis.Redis, prefix: str
) -> None:
    """A call of long ago changes the sums since the beginning, and brings no hour back."""
    day = await books.link.run(books.commands.time()) // (1000 * DAY_S) - 50
    for kind, extra in (("reserved", str(day)), ("settled", "")):
        words = {
            "k": kind,
            "c": "old",
            "t": "t1",
            "a": "700",
            "o": "0",
            "i": intent_words(an_intent("old")),
            "x": extra,
        }
        raw.xadd(f"{prefix}ledger", words)  # type: ignore[arg-type]
    await books.count_all()

    ever = await books.link.carry_out(books.commands.counted_ever(books.pricing))

    assert total(costs(ever.changes, ["tier"])).cost_nusd == 700
    assert await books.read() == []


async def test_what_was_counted_ever_has_few_dimensions(books: Books) -> None:
    """Tiers, policies, reasons and verdicts; a thousand tenants make no more of it."""
    traffic = Traffic(books.store, Random(6))
    for _ in range(6):
        await traffic.step()
    await books.count(at_most=11)

    ever = await books.link.carry_out(books.commands.counted_ever(books.pricing))

    assert {(c.cell.tenant, c.cell.version, c.cell.model) for c in ever.changes} == {("", "", "")}
    by = ["tier", "policy", "reason"]
    assert [row.as_json() for row in costs(ever.changes, by)] == [
        row.as_json() for row in costs(await books.read(), by)
    ]


# trimming


async def lines(raw: redis.Redis, prefix: str, count: int, *, days_ago: float = 0, number: int = 0) -> None:
    """Attempts of so long ago."""
    at_ms = int(raw.time()[0] * 1000 - days_ago * DAY_S * 1000)
    for n in range(count):
        told = {"k": "attempt", "c": "", "t": f"t{n}", "a": "0", "o": "0", "i": ATTEMPT, "x": ""}
        raw.xadd(f"{prefix}ledger", told, id=f"{at_ms}-{number + n + 1}")  # type: ignore[arg-type]


async def alarms(books: Books) -> list[str]:
    """What was said of the ledger."""
    told = await books.link.run(ProducerCommands(prefix=books.commands.keys.prefix).alarms("-"))
    return [alarm.said for _, alarm in told if isinstance(alarm, Alarm) and alarm.kind == "ledger"]


async def test_old_lines_are_cut_when_they_are_counted(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Not before, and not the younger ones; what was cut last is told."""
    await lines(raw, prefix, 5, days_ago=41)
    await lines(raw, prefix, 5, days_ago=39)

    assert (await books.trim()).cut == 0
    await books.count(at_most=3)
    assert await books.trim() == Trimmed(cut=3, held=1)
    await books.count_all()
    assert [await books.trim() for _ in range(2)] == [Trimmed(cut=2), Trimmed()]

    assert raw.xlen(f"{prefix}ledger") == 5
    cut_ms = await books.link.run(books.commands.cut())
    assert cut_ms is not None
    assert cut_ms // 1000 in (raw.time()[0] - 41 * DAY_S + s for s in range(-5, 1))


async def test_too_many_lines_are_cut_some_at_a_time(books: Books, raw: redis.Redis, prefix: str) -> None:
    """The oldest first, down to the number that there may be."""
    await lines(raw, prefix, 25)
    await books.count_all()

    cut = [(await books.trim(lines_max=10, at_most=6)).cut for _ in range(4)]

    assert (cut, raw.xlen(f"{prefix}ledger")) == ([6, 6, 3, 0], 10)


async def test_too_many_lines_that_are_not_counted_are_an_alarm(books: Books, raw: redis.Redis, prefix: str) -> None:
    """None is cut, and somebody is told, once in a while."""
    await lines(raw, prefix, 20)

    found = [await books.trim(lines_max=10) for _ in range(3)]

    assert found == [Trimmed(held=10)] * 3
    assert await alarms(books) == ["it has 20 lines, and the oldest are not counted: none is cut"]


async def test_what_an_archiver_lacks_is_not_cut(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Who sets its checkpoint keeps every line behind it."""
    await lines(raw, prefix, 20)
    await books.count_all()
    archived = raw.xrange(f"{prefix}ledger", count=4)[-1][0]
    raw.set(f"{prefix}archived", archived)

    assert await books.trim(lines_max=10) == Trimmed(cut=4, held=6)
    assert await alarms(books) == ["it has 16 lines, and the oldest are not archived: none is cut"]
    assert raw.xlen(f"{prefix}ledger") == 16


async def test_cutting_changes_no_sum(books: Books, raw: redis.Redis, prefix: str) -> None:
    """What was counted stays counted, and later bookings of calls whose lines are gone find what they stood at."""
    traffic = Traffic(books.store, Random(7))
    for _ in range(6):
        await traffic.step()
    await books.count_all()
    before = await books.read()
    while (await books.trim(lines_max=1)).cut:
        pass
    assert raw.xlen(f"{prefix}ledger") == 1
    assert await books.read() == before

    for _ in range(8):
        await traffic.step()
    await books.count_all()
    whole, balance = total(costs(await books.read(), [])), await books.store.balance()
    assert (whole.cost_nusd, whole.doubt_nusd) == (
        balance.settled_nusd,
        balance.unsettled_nusd + balance.reserved_nusd,
    )


async def test_a_slow_counter_catches_up_in_pages(books: Books, raw: redis.Redis, prefix: str) -> None:
    """Thousands of lines take as many counts as they have pages; until then readers count the rest themselves."""
    await lines(raw, prefix, 2 * PAGE + 1)

    (row,) = costs(await books.read(), [])
    counts = [await books.count() for _ in range(4)]

    assert (row.attempts, counts) == (2 * PAGE + 1, [PAGE, PAGE, 1, 0])
