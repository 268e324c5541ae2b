"""What may be spent and asked: budgets, rates, rests, breakers and storms, as the scripts in Redis hold them."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import redis

from router.budget import Budget
from router.call import Deployment, Health
from router.client import Client
from router.decision import Accept, Ask, Wait
from router.event import Alarm
from router.io.embedded import EmbeddedServer
from router.io.redis_store import RedisStore
from router.ledger import EntryKind, Settlement
from router.ports import Claim, Rates
from router.refusal import Refusal
from router.task import TaskState
from router.verdict import Outcome
from tests.acl import peek
from tests.builders import RATES, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock, a_redis_store

POLICY = a_policy()
EU, US = Deployment(name="eu", model="openai/m"), Deployment(name="us", model="openai/m")


class Till:
    """A store with one running task a call, and the clock that moves it."""

    def __init__(self, store: RedisStore, clock: Clock, url: str, prefix: str) -> None:
        self.store, self.clock, self.url, self.prefix = store, clock, url, prefix
        self._count = 0

    async def budgets(self, *budgets: tuple[str, int, str] | tuple[str, int, str, str]) -> None:
        """Scope, nano-dollars, window, and perhaps what becomes of a call that exceeds it."""
        values = [dict(zip(("scope", "nusd", "per", "on_exceeded"), budget, strict=False)) for budget in budgets]
        made = [Budget.model_validate(v | {"usd": Decimal(int(str(v.pop("nusd")))) / 10**9}) for v in values]
        await self.store.publish_budgets(made)

    async def claim(self, tenant: str = "default", *, tier: str = "mini") -> Claim:
        self._count += 1
        task_id = f"t{self._count}"
        await self.store.submit(
            [a_submission(task_id, policy=POLICY.digest, tenant=tenant, tier=tier, deadline_s=10**7)]
        )
        (claim,) = await self.store.claim({tier: 10_000}, at_most=1, token=f"k{self._count}")
        return claim

    async def ask(
        self, claim: Claim | None = None, *, nusd: int = 1000, rates: Rates = RATES, position: int = 0, **intent: Any
    ) -> Deployment | Refusal:
        """Reserve a call of its own task, unless told for which."""
        holder = claim or await self.claim(intent.get("tenant", "default"))
        self._count += 1
        sent = an_intent(
            f"c{self._count}",
            task=holder.task.id,
            reserved_nusd=nusd,
            position=position,
            **({"tenant": holder.task.tenant} | intent),
        )
        granted = await self.store.reserve(holder, sent, rates=rates, limit_nusd=10**12, open_for_ms=60_000)
        if isinstance(granted, Deployment):
            self.last = sent
        return granted

    async def parked(self) -> Claim:
        """Spend 1000 nano-dollars, and park a task that the budgets leave none for."""
        await self.ask()
        await self.book(1000)
        claim = await self.claim()
        refused = await self.ask(claim)
        assert isinstance(refused, Refusal)
        assert refused.until_ms is not None
        await self.store.finish(claim, POLICY, None, Wait(refused.until_ms, refused.message, parked=True))
        return claim

    async def book(self, nusd: int = 400, kind: EntryKind = EntryKind.SETTLED) -> None:
        """Book the call that was granted last."""
        settlement = a_settlement(kind, nusd)
        await self.store.resolve(self.last, settlement, a_kept(self.last, settlement))

    async def hear(self, health: Health, place: str, retry_after_ms: int = 0) -> None:
        """Learn from an answer how a deployment of the mini tier does."""
        claim = await self.claim()
        await self.ask(claim, position=1, rates=Rates((Deployment(name=place, model="openai/m"),)))
        settlement = Settlement(
            kind=EntryKind.VOID, health=health, deployment=f"mini/{place}", retry_after_ms=retry_after_ms
        )
        await self.store.resolve(self.last, settlement, a_kept(self.last, settlement))

    def count_parked(self) -> int:
        with peek(self.url) as raw:
            return int(raw.zcard(f"{self.prefix}parked"))

    def alarms(self, kind: str) -> list[tuple[str, str]]:
        with Client(self.url, prefix=self.prefix) as client:
            told = [event for event in client.events(wait_s=0) if isinstance(event, Alarm)]
        return [(alarm.about, alarm.said) for alarm in told if alarm.kind == kind]


@pytest.fixture
async def till(server: EmbeddedServer, prefix: str, clock: Clock) -> AsyncIterator[Till]:
    store = a_redis_store(server.url, prefix, clock)
    yield Till(store, clock, server.url, prefix)
    await store.close()


# budgets


async def test_the_last_nano_dollar_of_a_budget_may_be_spent(till: Till) -> None:
    """A reservation is granted up to the limit, and not a nano-dollar beyond."""
    await till.budgets(("global", 3000, "day"))

    assert isinstance(await till.ask(nusd=2000), Deployment)
    await till.book(2000)
    refused = await till.ask(nusd=1001)
    assert isinstance(refused, Refusal)
    assert (refused.limit, refused.until_ms) == ("budget", None)
    assert isinstance(await till.ask(nusd=1000), Deployment)


@pytest.mark.parametrize(
    "scope", ["global", "tenant:acme", "tenant:*", "policy:receipts", "policy:*", "tier:mini", "tier:*"]
)
async def test_every_scope_is_held(till: Till, scope: str) -> None:
    """The budget of any scope that a call counts in may refuse it."""
    await till.budgets((scope, 1500, "day"))
    assert isinstance(await till.ask(tenant="acme"), Deployment)
    await till.book(1000)

    refused = await till.ask(tenant="acme")

    assert isinstance(refused, Refusal)
    named = {"tenant:*": "tenant:acme", "policy:*": "policy:receipts", "tier:*": "tier:mini"}.get(scope, scope)
    told = f"no room in the budget of {named}: a call may cost $0.000001, $0.000001 of $0.000002 per day"
    assert refused.message.startswith(told)


async def test_another_tenant_has_a_budget_of_its_own(till: Till) -> None:
    """What one tenant has used up is not missing to the next."""
    await till.budgets(("tenant:*", 1500, "day"), ("tenant:rich", 10**6, "day"))

    asked = [await till.ask(tenant=tenant) for tenant in ("acme", "acme", "bolt", "rich", "rich")]

    assert [isinstance(a, Deployment) for a in asked] == [True, False, True, True, True]


async def test_a_refused_call_counts_nowhere(till: Till) -> None:
    """Where one scope has no room, none of the others is charged."""
    await till.budgets(("tenant:acme", 500, "day"), ("global", 10**6, "day"))

    assert isinstance(await till.ask(tenant="acme"), Refusal)

    assert {use.scope: use.used_nusd for use in await till.store.budgets()} == {"global": 0, "tenant:acme": 0}


async def test_what_a_call_did_not_cost_is_free_again(till: Till) -> None:
    """The worst case is held only until the true cost is known; an unknown outcome stays held at its bound."""
    await till.budgets(("global", 2000, "day"))
    await till.ask(nusd=2000)
    await till.book(400)

    assert isinstance(await till.ask(nusd=1601), Refusal)
    assert isinstance(await till.ask(nusd=1600), Deployment)
    await till.book(kind=EntryKind.UNSETTLED)
    assert isinstance(await till.ask(nusd=1), Refusal)


@pytest.mark.parametrize(
    ("per", "turns_after_s"),
    [("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 7 * 86_400), ("month", 31 * 86_400)],
)
async def test_a_window_turns(till: Till, per: str, turns_after_s: int) -> None:
    """A budget is whole again when its window turns, and not before; the call stays booked where it was reserved."""
    till.clock.ms = 1_798_761_600_000  # midnight before Friday, 1 January 2027
    if per == "week":
        till.clock.advance(3 * 86_400)  # Monday
    await till.budgets(("global", 1000, per, "park"))
    await till.ask(nusd=900)
    await till.book(900)
    await till.ask(nusd=100)

    till.clock.advance(turns_after_s - 1)
    refused = await till.ask()
    assert isinstance(refused, Refusal)
    assert refused.until_ms == till.clock.ms + 1000
    till.clock.advance(1)
    await till.book(100)
    assert isinstance(await till.ask(), Deployment)


async def test_a_month_counts_all_its_days(till: Till) -> None:
    """Budgets of weeks and months see what was spent on other days, also before they came into force."""
    await till.ask(nusd=700)
    till.clock.advance(86_400)
    await till.budgets(("global", 1000, "month"))

    assert isinstance(await till.ask(nusd=301), Refusal)
    assert isinstance(await till.ask(nusd=300), Deployment)


async def test_a_call_above_the_whole_budget_is_refused_for_good(till: Till) -> None:
    """To park a task whose call never fits would keep it waiting for nothing."""
    await till.budgets(("global", 999, "minute", "park"))

    refused = await till.ask(nusd=1000)

    assert isinstance(refused, Refusal)
    assert refused.until_ms is None


async def test_a_parked_task_goes_on_when_the_budget_is_raised(till: Till) -> None:
    """A task that waits for the next day is ready at once when budgets are published anew."""
    await till.budgets(("global", 1000, "day", "park"))
    claim = await till.parked()
    await till.store.sweep(at_most=10)
    assert (await till.store.read(claim.task.id)).state is TaskState.DELAYED

    await till.budgets(("global", 2000, "day", "park"))
    await till.store.sweep(at_most=10)

    record = await till.store.read(claim.task.id)
    assert (record.state, record.reason) == (TaskState.READY, None)


@pytest.mark.parametrize("leaves", ["cancel", "erase", "expire", "turn", "raise"])
async def test_who_waits_no_more_is_not_counted_as_parked(till: Till, leaves: str) -> None:
    """Whatever takes a task out of its waiting takes it out of the parked at once."""
    await till.budgets(("global", 1000, "minute" if leaves == "turn" else "month", "park"))
    claim = await till.parked()
    assert till.count_parked() == 1

    match leaves:
        case "cancel":
            await till.store.cancel(claim.task.id)
        case "erase":
            await till.store.erase(claim.task.id)
        case "raise":
            await till.budgets(("global", 2000, "month", "park"))
        case _:
            till.clock.advance(60 if leaves == "turn" else 10**7)
            await till.store.sweep(at_most=10)

    assert till.count_parked() == 0


async def test_what_was_left_among_the_parked_goes(till: Till, raw: redis.Redis) -> None:
    """Tasks of before that are there, though they have ended or are gone, vanish with the sweeps; who waits stays."""
    await till.budgets(("global", 1000, "month", "park"))
    await till.parked()
    ended = await till.claim()
    await till.store.cancel(ended.task.id)
    raw.zadd(f"{till.prefix}parked", dict.fromkeys([ended.task.id, *(f"gone-{i}" for i in range(100))], 10**15))

    for _ in range(100):
        await till.store.sweep(at_most=10)
        if till.count_parked() == 1:
            break

    assert till.count_parked() == 1


async def test_a_task_parked_after_budgets_were_published_looks_again_soon(till: Till) -> None:
    """Who was refused by the old budgets, and parked only after the new ones woke everybody, does not sleep on."""
    await till.budgets(("global", 1000, "month", "park"))
    await till.ask()
    await till.book(1000)
    claim = await till.claim()
    refused = await till.ask(claim)
    assert isinstance(refused, Refusal)
    assert refused.until_ms is not None

    await till.budgets()
    await till.store.finish(claim, POLICY, None, Wait(refused.until_ms, refused.message, parked=True))

    till.clock.advance(10)
    await till.store.sweep(at_most=10)
    assert (await till.store.read(claim.task.id)).state is TaskState.READY


async def test_a_clock_set_back_over_midnight_frees_no_money(till: Till) -> None:
    """What was spent on the day that has not come yet counts for the month."""
    till.clock.ms = 1_799_971_200_000  # midnight before 15 January 2027
    await till.budgets(("global", 1000, "month"))
    await till.ask()

    till.clock.advance(-2)

    assert isinstance(await till.ask(), Refusal)


async def test_thousands_of_parked_tasks_are_all_woken(till: Till) -> None:
    """Waking goes in steps that do not hold Redis, and to the last task."""
    for start in range(0, 1200, 100):
        batch = [a_submission(f"p{i}", policy=POLICY.digest, deadline_s=10**6) for i in range(start, start + 100)]
        await till.store.submit(batch)
        for claim in await till.store.claim({"mini": 10_000}, at_most=100, token=f"batch-{start}"):
            await till.store.finish(claim, POLICY, None, Wait(till.clock.ms + 10**8, "no money", parked=True))

    await till.store.publish_budgets([])

    readied = [(await till.store.sweep(at_most=500)).readied for _ in range(4)]
    assert readied == [500, 500, 200, 0]


async def test_shares_of_a_budget_are_told_once(till: Till) -> None:
    """Half, four fifths and all of a budget each raise one alarm in a window, and again in the next."""
    await till.budgets(("tenant:*", 10_000, "hour"))
    for nusd in (4000, 1000, 1000, 2000, 2000, 1, 1):
        await till.ask(nusd=nusd, tenant="acme")
        await till.book(nusd)

    told = [f"{share} in the budget per hour" for share in ("50 %", "80 %", "no room")]
    assert till.alarms("budget") == [("tenant:acme", said) for said in told]

    till.clock.advance(3600)
    await till.ask(nusd=5000, tenant="acme")
    assert till.alarms("budget")[3:] == [("tenant:acme", told[0])]


def _race(url: str, prefix: str, number: int, start: Any, answers: Any) -> None:
    """One process that asks for calls until it is refused, settling some of them for less."""

    async def run() -> None:
        store = a_redis_store(url, prefix, Clock())
        till = Till(store, Clock(), url, prefix)
        till._count = number * 100_000
        granted = spent = 0
        claims = [await till.claim(f"tenant-{number % 4}") for _ in range(4)]
        start.wait()
        for turn in range(40):
            got = await asyncio.gather(*(till.ask(claim, nusd=1000, position=turn) for claim in claims))
            granted += sum(isinstance(answer, Deployment) for answer in got)
            if isinstance(got[-1], Deployment) and turn % 2:
                await till.book(600)
                spent += 400
        answers.put((granted, spent))
        await store.close()

    asyncio.run(run())


def test_sixteen_processes_never_overspend(server: EmbeddedServer, prefix: str) -> None:
    """All reach for the last cent at once: every nano-dollar of the limit may be used, and none beyond it."""
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(16), context.Queue()
    limit = 1_000_000

    async def publish() -> int:
        store = a_redis_store(server.url, prefix, Clock())
        await Till(store, Clock(), server.url, prefix).budgets(
            ("global", limit, "day"), ("tenant:*", limit // 3, "day")
        )
        uses = {use.scope: use.used_nusd for use in await store.budgets()}
        await store.close()
        return uses.get("global", 0)

    asyncio.run(publish())
    racers = [context.Process(target=_race, args=(server.url, prefix, i, start, answers)) for i in range(16)]
    for racer in racers:
        racer.start()
    told = [answers.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join(timeout=60)

    used = sum(granted * 1000 - spent for granted, spent in told)
    assert asyncio.run(publish()) == used
    assert limit - 1000 < used <= limit


# rates


async def test_a_minute_never_holds_more_requests_than_its_rate(till: Till) -> None:
    """Whenever the minute begins, a tier is not asked more often than it allows, and nearly as often as that."""
    rates = Rates((EU,), requests_per_minute=120)
    asked: list[int] = []
    for _ in range(1200):
        till.clock.ms += 150
        if isinstance(await till.ask(await till.claim(), rates=rates), Deployment):
            asked.append(till.clock.ms)

    busiest = max(sum(begin <= at < begin + 60_000 for at in asked) for begin in asked)
    assert busiest <= 120
    assert len(asked) > 0.95 * 120 * 3


async def test_tokens_are_counted_too(till: Till) -> None:
    """A call that takes much of a minute's tokens makes the next ones wait for about as long."""
    rates = Rates((EU,), tokens_per_minute=60_000)

    assert isinstance(await till.ask(rates=rates, tokens=30_000), Deployment)
    refused = await till.ask(rates=rates, tokens=100)

    assert isinstance(refused, Refusal)
    assert refused.limit == "rate"
    assert refused.until_ms is not None
    assert 28_000 <= refused.until_ms - till.clock.ms <= 31_000
    till.clock.ms = refused.until_ms
    assert isinstance(await till.ask(rates=rates, tokens=100), Deployment)


async def test_what_an_attempt_needs_besides_is_not_held_up(till: Till) -> None:
    """A second sample or a judge goes out at once, because the answer it is about is paid; it counts all the same."""
    rates = Rates((EU,), requests_per_minute=30)
    claim = await till.claim()

    assert isinstance(await till.ask(claim, rates=rates), Deployment)
    assert isinstance(await till.ask(claim, rates=rates, position=1), Deployment)
    refused = await till.ask(rates=rates)
    assert isinstance(refused, Refusal)
    assert refused.until_ms is not None
    assert refused.until_ms - till.clock.ms > 2000


async def test_a_large_call_gets_its_turn_among_small_ones(till: Till) -> None:
    """A call that takes more tokens than may leave at once is not overtaken for ever by calls that fit."""
    rates = Rates((EU,), tokens_per_minute=60_000)
    claim, granted = await till.claim(), []
    for _ in range(5):
        while isinstance(await till.ask(rates=rates, tokens=500), Deployment):
            pass
        till.clock.advance(1)
        granted.append(isinstance(await till.ask(claim, rates=rates, tokens=3000), Deployment))

    assert any(granted)


async def test_what_is_never_refused_does_not_use_up_hours(till: Till) -> None:
    """However many judges are asked at once, the first call after them waits a minute at most."""
    rates = Rates((EU,), requests_per_minute=60)
    claim = await till.claim()
    for _ in range(300):
        assert isinstance(await till.ask(claim, rates=rates, position=1), Deployment)

    refused = await till.ask(rates=rates)

    assert isinstance(refused, Refusal)
    assert refused.until_ms is not None
    assert refused.until_ms - till.clock.ms <= 60_000


async def test_no_more_tasks_are_taken_than_their_tokens_allow(till: Till) -> None:
    """Where tokens are what is short, a claim goes by what calls took lately, and puts hardly anything back."""
    rates = {"mini": Rates((EU,), tokens_per_minute=30_000)}
    for _ in range(20):
        till.clock.advance(10)
        await till.ask(rates=rates["mini"], tokens=2000)
    await till.store.submit([a_submission(f"r{i}", policy=POLICY.digest) for i in range(50)])
    till.clock.advance(60)

    claims = await till.store.claim({"mini": 100}, at_most=50, token="k", rates=rates)

    assert len(claims) == 1


async def test_tasks_are_left_in_their_queue_while_a_rate_is_used_up(till: Till) -> None:
    """A claim takes as many tasks as could be asked now; the rest stay ready instead of being taken and put back."""
    rates = {"mini": Rates((EU,), requests_per_minute=300)}
    await till.store.submit([a_submission(f"r{i}", policy=POLICY.digest) for i in range(50)])

    claims = await till.store.claim({"mini": 100}, at_most=50, token="first", rates=rates)
    for claim in claims:
        assert isinstance(await till.ask(claim, rates=rates["mini"]), Deployment)
    again = await till.store.claim({"mini": 100}, at_most=50, token="second", rates=rates)

    assert (len(claims), len(again)) == (9, 0)
    till.clock.advance(1)
    assert len(await till.store.claim({"mini": 100}, at_most=50, token="third", rates=rates)) == 5


async def test_a_deployment_without_room_passes_to_the_next(till: Till) -> None:
    """Each deployment has a rate of its own, and the next one takes what the first cannot."""
    slow = EU.model_copy(update={"requests_per_minute": 30})
    rates = Rates((slow, US))

    asked = [await till.ask(rates=rates) for _ in range(4)]

    assert [place.name for place in asked if isinstance(place, Deployment)] == ["eu", "us", "us", "us"]


# rests and breakers


async def test_a_deployment_that_wants_rest_is_left_alone_by_all(till: Till) -> None:
    """After a 429 nobody asks there before the time it named; other deployments go on."""
    await till.hear(Health.THROTTLED, "eu", retry_after_ms=7000)

    assert await till.ask(rates=Rates((EU, US))) == US
    refused = await till.ask(rates=Rates((EU,)))
    assert isinstance(refused, Refusal)
    assert (refused.limit, refused.until_ms) == ("rate", till.clock.ms + 7000)
    assert await till.store.claim({"mini": 10}, at_most=5, token="x", rates={"mini": Rates((EU,))}) == []
    till.clock.advance(7)
    assert await till.ask(rates=Rates((EU, US))) == EU


async def test_rests_grow_while_they_do_not_help(till: Till) -> None:
    """A provider that names no time is left alone for longer each time, up to a minute."""
    rests = []
    for _ in range(9):
        await till.hear(Health.THROTTLED, "eu")
        refused = await till.ask(rates=Rates((EU,)))
        assert isinstance(refused, Refusal)
        assert refused.until_ms is not None
        rests.append((refused.until_ms - till.clock.ms) // 1000)
        till.clock.ms = refused.until_ms

    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_a_deployment_that_fails_time_and_again_is_not_asked(till: Till) -> None:
    """Five failures in a row open the breaker; a success between them does not."""
    for health in [Health.BROKEN] * 4 + [Health.GOOD] + [Health.BROKEN] * 4:
        await till.hear(health, "eu")
    assert await till.ask(rates=Rates((EU, US))) == EU

    await till.hear(Health.BROKEN, "eu")

    assert await till.ask(rates=Rates((EU, US))) == US
    refused = await till.ask(rates=Rates((EU,)))
    assert isinstance(refused, Refusal)
    assert (refused.limit, refused.until_ms) == ("rate", till.clock.ms + 2000)
    assert till.alarms("breaker") == [("mini/eu", "left alone for 2000 ms")]


async def test_after_a_pause_one_call_goes_first(till: Till) -> None:
    """Whether a broken deployment works again is tried by one call; its success lets all through, its failure none."""
    for _ in range(5):
        await till.hear(Health.BROKEN, "eu")
    till.clock.advance(2)
    assert await till.ask(rates=Rates((EU,))) == EU
    assert isinstance(await till.ask(rates=Rates((EU,))), Refusal)

    await till.hear(Health.BROKEN, "eu")
    refused = await till.ask(rates=Rates((EU,)))
    assert isinstance(refused, Refusal)
    assert refused.until_ms == till.clock.ms + 4000

    till.clock.advance(4)
    assert await till.ask(rates=Rates((EU,))) == EU
    await till.hear(Health.GOOD, "eu")
    assert [await till.ask(rates=Rates((EU,))) for _ in range(3)] == [EU, EU, EU]


async def test_a_place_that_mends_sooner_than_another_rests_is_waited_for(till: Till) -> None:
    """Between a deployment that wants minutes of rest and one that is broken for seconds, a task waits seconds."""
    await till.hear(Health.THROTTLED, "eu", retry_after_ms=600_000)
    for _ in range(5):
        await till.hear(Health.BROKEN, "us")

    refused = await till.ask(rates=Rates((EU, US)))

    assert isinstance(refused, Refusal)
    assert (refused.limit, refused.until_ms) == ("rate", till.clock.ms + 2000)


async def test_no_task_is_taken_for_a_broken_place(till: Till) -> None:
    """While a deployment is broken, claims go by the others; where all are out for long, tasks are taken to be told."""
    for _ in range(5):
        await till.hear(Health.BROKEN, "eu")
    await till.store.submit([a_submission(f"r{i}", policy=POLICY.digest, deadline_s=10**6) for i in range(50)])
    slow = US.model_copy(update={"requests_per_minute": 60})

    async def taken(token: str, *places: Deployment) -> int:
        return len(await till.store.claim({"mini": 100}, at_most=20, token=token, rates={"mini": Rates(places)}))

    assert (await taken("a", EU, slow), await taken("b", EU)) == (1, 0)
    for seconds in (2, 4):
        till.clock.advance(seconds)
        await till.ask(rates=Rates((EU,)))
        await till.hear(Health.BROKEN, "eu")
    assert await taken("c", EU) == 20


async def test_tasks_are_told_of_a_place_that_is_out_for_long(till: Till) -> None:
    """At first tasks wait for a broken deployment; when its third try has failed, too, they hear that it failed."""
    limits = []
    for _ in range(5):
        await till.hear(Health.BROKEN, "eu")
    for _ in range(4):
        refused = await till.ask(rates=Rates((EU,)))
        assert isinstance(refused, Refusal)
        assert refused.until_ms is not None
        limits.append(refused.limit)
        till.clock.ms = refused.until_ms
        assert await till.ask(rates=Rates((EU,))) == EU
        await till.hear(Health.BROKEN, "eu")

    assert limits == ["rate", "rate", "breaker", "breaker"]


async def test_who_waits_for_a_try_looks_again_soon(till: Till) -> None:
    """While one call tries a broken deployment, the others do not wait for as long as that call may take."""
    for _ in range(5):
        await till.hear(Health.BROKEN, "eu")
    till.clock.advance(2)
    assert await till.ask(rates=Rates((EU,))) == EU

    refused = await till.ask(rates=Rates((EU,)))

    assert isinstance(refused, Refusal)
    assert (refused.limit, refused.until_ms) == ("rate", till.clock.ms + 1000)


async def test_failures_that_were_under_way_do_not_lengthen_the_pause(till: Till) -> None:
    """A hundred calls that fail together open the breaker once."""
    for _ in range(100):
        await till.hear(Health.BROKEN, "eu")

    assert till.alarms("breaker") == [("mini/eu", "left alone for 2000 ms")]


async def test_answers_that_say_nothing_of_the_place_change_nothing(till: Till) -> None:
    """A bad request is the caller's fault, however often it is sent."""
    for _ in range(20):
        await till.hear(Health.UNTOLD, "eu")

    assert await till.ask(rates=Rates((EU,))) == EU


async def test_alarms_are_told_once_to_who_listens(till: Till) -> None:
    """Who begins to listen hears what comes from then on, each alarm once."""
    store = a_redis_store(till.url, till.prefix, None)
    assert await store.alarms() == []
    for _ in range(5):
        await till.hear(Health.BROKEN, "eu")

    assert await store.alarms() == [Alarm("breaker", "mini/eu", "left alone for 2000 ms")]
    assert await store.alarms() == []
    await store.close()


# storms


class Weather:
    """Tasks that finish at the mini tier, some of them going up."""

    def __init__(self, till: Till) -> None:
        self._till = till
        self.states: Counter[str] = Counter()

    async def finish(self, count: int, *, up: int, tenant: str = "acme") -> list[Claim]:
        """Let *count* tasks be attempted, *up* of which are to escalate; counts where they are then."""
        claims = [await self._till.claim(tenant) for _ in range(count)]
        for index, claim in enumerate(claims):
            outcome = Outcome.FAIL if index < up else Outcome.PASS
            attempt = an_attempt(1, "mini", outcome)
            decision = Ask("large", "escalate") if index < up else Accept(attempt)
            await self._till.store.finish(claim, POLICY, attempt, decision)
        self.states = Counter([(await self._till.store.read(c.task.id)).state.value for c in claims])
        return claims

    async def calm_minutes(self, count: int) -> None:
        for _ in range(count):
            await self.finish(100, up=10)
            self._till.clock.advance(60)


@pytest.fixture
async def weather(till: Till) -> Weather:
    return Weather(till)


async def test_escalations_far_above_the_usual_share_are_held_back(till: Till, weather: Weather) -> None:
    """Where a tenth of the tasks go up usually, a minute in which all want to lets only some through."""
    await weather.calm_minutes(4)

    await weather.finish(150, up=150)

    assert (weather.states["ready"], weather.states["delayed"]) == (68, 82)
    ((about, said),) = till.alarms("storm")
    assert about == "acme"
    assert said == "escalations of receipts by acme are held back: 100% of this minute, 10% usually"


async def test_tasks_that_were_held_back_go_up_later(till: Till, weather: Weather) -> None:
    """A storm delays; in calmer minutes everything that waited climbs, its attempt kept."""
    await weather.calm_minutes(4)
    claims = await weather.finish(120, up=120)
    held = [c.task.id for c in claims if (await till.store.read(c.task.id)).state is TaskState.DELAYED]
    assert held

    for minute in range(4):
        till.clock.advance(60)
        await till.store.sweep(at_most=500)
        for claim in await till.store.claim({"mini": 1000}, at_most=100, token=f"again-{minute}"):
            assert len(claim.trail) == 1
            await till.store.finish(claim, POLICY, None, Ask("large", "escalate"))

    records = [await till.store.read(task_id) for task_id in held]
    assert {(record.state, record.tier) for record in records} == {(TaskState.READY, "large")}


async def test_a_lasting_storm_does_not_become_the_usual(till: Till, weather: Weather) -> None:
    """What is let through in a storm raises what counts as usual by little, minute after minute."""
    await weather.calm_minutes(4)

    let_through = []
    for _ in range(4):
        await weather.finish(200, up=200)
        let_through.append(weather.states["ready"])
        till.clock.advance(60)

    assert let_through[0] == 90
    assert all(90 <= count <= 110 for count in let_through)


async def test_a_quiet_time_is_not_forgetting(till: Till, weather: Weather) -> None:
    """A tenant whose tasks became few is still known when many come that all escalate."""
    await weather.calm_minutes(4)
    for _ in range(30):
        await weather.finish(1, up=0)
        till.clock.advance(60)

    await weather.finish(150, up=150)

    assert weather.states["delayed"] > 50


async def test_a_storm_of_one_tenant_is_no_other_tenants(till: Till, weather: Weather) -> None:
    """Each tenant is held to its own usual share."""
    await weather.calm_minutes(4)
    await weather.finish(150, up=150)

    await weather.finish(60, up=60, tenant="bolt")

    assert weather.states == {"ready": 60}


async def test_a_policy_that_often_escalates_is_no_storm(till: Till, weather: Weather) -> None:
    """What is usual is not far above the usual, and a new policy has nothing usual yet."""
    for _ in range(4):
        await weather.finish(100, up=60)
        assert weather.states["delayed"] == 0
        till.clock.advance(60)

    await weather.finish(150, up=150)

    assert weather.states["delayed"] == 0


async def test_a_claim_says_when_its_gate_opens(till: Till) -> None:
    """600 requests a minute: two seconds' worth at once, then one more at each moment that the claim before named."""
    rates = Rates(RATES.deployments, requests_per_minute=600)
    await till.store.submit([a_submission(f"r{i:02}", policy=POLICY.digest, deadline_s=10**6) for i in range(40)])

    async def take(token: str) -> int:
        claims = await till.store.claim({"mini": 100}, at_most=100, token=token, rates={"mini": rates})
        for claim in claims:
            assert isinstance(await till.ask(claim, rates=rates), Deployment)
        return len(claims)

    taken = [await take("burst")]
    while (opens_in_ms := till.store.opens_in_ms()) is not None:
        till.clock.ms += opens_in_ms - 1
        assert await take(f"early-{len(taken)}") == 0
        till.clock.ms += 1
        taken.append(await take(f"then-{len(taken)}"))

    assert taken == [19, *[1] * 21]


async def test_a_rest_and_a_breaker_say_when_they_end(till: Till) -> None:
    """What waits at a tier that asked for a rest, or whose one deployment is broken, is looked at when that is over."""
    await till.hear(Health.THROTTLED, "eu", retry_after_ms=7000)
    await till.store.submit([a_submission("waits", policy=POLICY.digest, deadline_s=10**6)])
    await till.store.claim({"mini": 100}, at_most=9, token="a", rates={"mini": Rates((EU,))})
    rest_ms = till.store.opens_in_ms()
    assert rest_ms is not None
    assert rest_ms >= 7000

    till.clock.ms += rest_ms
    claims = await till.store.claim({"mini": 100}, at_most=9, token="b", rates={"mini": Rates((EU,))})

    assert [claim.task.id for claim in claims] == ["waits"]
    assert till.store.opens_in_ms() is None


async def test_only_a_gate_that_holds_somebody_back_is_told(till: Till) -> None:
    """An empty queue, a tier without rates, and one whose places are all taken have no moment to wait for."""
    rates = {"mini": Rates(RATES.deployments, requests_per_minute=1)}
    await till.store.claim({"mini": 100}, at_most=9, token="a", rates=rates)
    assert till.store.opens_in_ms() is None

    await till.store.submit([a_submission(f"w{i}", policy=POLICY.digest, deadline_s=10**6) for i in range(3)])
    await till.store.claim({"mini": 1}, at_most=9, token="b")
    await till.store.claim({"mini": 1}, at_most=9, token="c")
    assert till.store.opens_in_ms() is None


async def test_an_alarm_of_the_same_millisecond_is_heard(till: Till, raw: redis.Redis) -> None:
    """Each alarm after the first look is told once, though it has the millisecond of one before that look."""
    line = {"e": "budget", "t": "global", "x": "half"}
    raw.xadd(f"{till.prefix}alarms", line, id="1800000000000-0")

    assert await till.store.alarms() == []
    raw.xadd(f"{till.prefix}alarms", {**line, "x": "all"}, id="1800000000000-1")
    assert await till.store.alarms() == [Alarm("budget", "global", "all")]
    assert await till.store.alarms() == []


async def test_the_first_alarm_of_all_is_heard(till: Till, raw: redis.Redis) -> None:
    """Whoever looked before there was any hears it, whatever the clocks say."""
    assert await till.store.alarms() == []
    raw.xadd(f"{till.prefix}alarms", {"e": "budget", "t": "global", "x": "half"}, id="1-0")

    assert await till.store.alarms() == [Alarm("budget", "global", "half")]
