"""What every store promises: the same tests over the one in memory and the one in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from router.budget import Budget
from router.decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait
from router.errors import NotInReview, UnknownPolicy, UnknownTask
from router.io.commands.producer import ProducerCommands
from router.io.commands.shift import ShiftCommands
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.ledger import Balance, EntryKind, Intent, fold
from router.memory import MemoryStore
from router.ports import Claim, Store, Swept
from router.record import Record
from router.refusal import Refusal, over_cost
from router.reviewing import ruled
from router.ruling import Ruling
from router.submission import Busy, Conflict, Submitted
from router.task import Priority, TaskState
from router.trail import Attempt
from router.verdict import Outcome
from router.wishes import Wishes
from tests.builders import RATES, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock

POLICY = a_policy()
TIERS = {"mini": 100, "small": 100, "large": 100}
LEASE_S = 30
GRACE_S = 15
DEADLINE_S = 600


async def submit(store: Store, *task_ids: str, **changes: object) -> None:
    await store.submit([a_submission(task_id, **changes) for task_id in task_ids])


async def claim(store: Store, token: str = "a", *, at_most: int = 10, alone: bool = False, **tiers: int) -> list[Claim]:
    return list(await store.claim(tiers or TIERS, at_most=at_most, token=token, alone=alone))


async def claim_one(store: Store, token: str = "a", *, alone: bool = False) -> Claim:
    (only,) = await claim(store, token, alone=alone)
    return only


def ids(claims: Sequence[Claim]) -> list[str]:
    return [claim.task.id for claim in claims]


async def crash(store: Store, clock: Clock) -> Swept:
    """Let whoever runs be gone, and the sweeps notice it; says what the second one found."""
    clock.advance(LEASE_S)
    await store.sweep(at_most=100)
    clock.advance(GRACE_S)
    return await store.sweep(at_most=100)


async def reserve(store: Store, holder: Claim, intent: Intent, *, limit_nusd: int = 10**9) -> Refusal | None:
    """The refusal, or None where the call was granted."""
    granted = await store.reserve(holder, intent, rates=RATES, limit_nusd=limit_nusd, open_for_ms=45_000)
    return granted if isinstance(granted, Refusal) else None


async def resolve(store: Store, intent: Intent, kind: EntryKind = EntryKind.SETTLED, cost_nusd: int = 400) -> None:
    settlement = a_settlement(kind, cost_nusd)
    await store.resolve(intent, settlement, a_kept(intent, settlement))


async def finish(store: Store, holder: Claim, decision: Decision, attempt: Attempt | None = None) -> bool:
    return await store.finish(holder, POLICY, attempt, decision)


def calls_kept(holder: Claim) -> dict[int, str]:
    """By position, the call whose answer was kept."""
    return {position: kept.spent.call for position, kept in holder.kept.items()}


# submit


async def test_takes_a_task_in_as_it_was_sent(store: Store, clock: Clock) -> None:
    """What was submitted stands in the store, ready, with its deadline counted from the moment it was taken."""
    sent = a_submission(tenant="acme", priority=Priority.HIGH, metadata={"order": 7}, input={"text": "Süß ☕"})

    assert await store.submit([sent]) == [Submitted("t1")]

    record = await store.read("t1")
    assert (record.state, record.tier, record.trail) == (TaskState.READY, "mini", ())
    assert (record.task.input, record.task.metadata) == ({"text": "Süß ☕"}, {"order": 7})
    assert (record.task.tenant, record.task.priority, record.task.policy) == ("acme", Priority.HIGH, POLICY.digest)
    assert (record.task.created_ms, record.task.deadline_ms) == (clock.ms, clock.ms + DEADLINE_S * 1000)


async def test_what_a_caller_wishes_comes_back_with_the_task(store: Store) -> None:
    """Every wish, and none that was not made, is there for who reads the task and for who works on it."""
    tool = {"name": "f", "parameters": {"type": "object"}, "strict": None}
    wishes = Wishes.model_validate(
        {
            "tier": "mini",
            "response_schema": {"name": "r", "body": {"type": "object"}, "strict": False},
            "tools": [tool],
            "tool_choice": {"name": "f"},
            "logprobs": True,
            "parameters": {"stop": ["a", "b"], "temperature": 0.0, "logit_bias": {"5": -1.5}},
        }
    )
    await submit(store, "t1", wishes=wishes)
    await submit(store, "t2")

    found = {claimed.task.id: claimed.task.wishes for claimed in await claim(store)}

    assert found == {"t1": wishes, "t2": None}
    assert (await store.read("t1")).task.wishes == wishes


async def test_the_background_of_a_response_is_known(store: Store) -> None:
    """To who reads the task later; the others are not in it."""
    await submit(store, "t1", background=True)
    await submit(store, "t2")

    assert [(await store.read(task)).task.background for task in ("t1", "t2")] == [True, False]


async def test_the_same_key_and_body_is_the_same_task(store: Store) -> None:
    """Whoever sends the same body under the same key gets the task that is there, and no second one."""
    await submit(store, "t1", key="order-1")

    again = await store.submit([a_submission("t2", key="order-1")])

    assert again == [Submitted("t1", replayed=True)]
    assert ids(await claim(store)) == ["t1"]


async def test_the_same_key_with_another_body_is_a_conflict(store: Store) -> None:
    """A key stands for one body; another one is refused, naming the task of the first."""
    await submit(store, "t1", key="order-1")

    assert await store.submit([a_submission("t2", key="order-1", fingerprint="other")]) == [Conflict("t1")]


async def test_keys_belong_to_a_tenant(store: Store) -> None:
    """Two tenants may use the same key without hearing of each other."""
    await submit(store, "t1", key="order-1", tenant="acme")

    assert await store.submit([a_submission("t2", key="order-1", tenant="bolt")]) == [Submitted("t2")]


async def test_a_key_outlives_its_task(store: Store) -> None:
    """The same key and body gives the same task after its end too."""
    await submit(store, "t1", key="order-1")
    await store.cancel("t1")

    assert await store.submit([a_submission("t2", key="order-1")]) == [Submitted("t1", replayed=True)]


@pytest.mark.parametrize("key", [None, "order-1"])
async def test_a_submission_sent_twice_is_one_task(store: Store, key: str | None) -> None:
    """A producer that did not hear the answer may send the very same submission again."""
    await submit(store, "t1", key=key)

    assert await store.submit([a_submission("t1", key=key)]) == [Submitted("t1")]
    assert ids(await claim(store)) == ["t1"]
    assert await claim(store, "b") == []


@pytest.fixture(params=["memory", "redis"])
async def narrow_store(request: pytest.FixtureRequest, clock: Clock, prefix: str) -> AsyncIterator[Store]:
    """A store that lets two tasks wait."""
    if request.param == "memory":
        yield MemoryStore(clock_ms=clock, waiting_max=2)
        return
    store = RedisStore(
        AsyncLink(connect_async(request.getfixturevalue("server").url), prefix=prefix),
        producing=ProducerCommands(prefix=prefix, clock_ms=clock, waiting_max=2),
        shifting=ShiftCommands(prefix=prefix, clock_ms=clock),
        clock_ms=clock,
    )
    yield store
    await store.close()


async def test_refuses_tasks_when_too_many_wait(narrow_store: Store) -> None:
    """Beyond the backlog's limit a task is refused as a whole, until one that waits has ended."""
    await submit(narrow_store, "t1", "t2")

    assert await narrow_store.submit([a_submission("t3", key="order-3")]) == [Busy(2)]
    with pytest.raises(UnknownTask):
        await narrow_store.read("t3")

    await narrow_store.cancel("t1")
    assert await narrow_store.submit([a_submission("t3", key="order-3")]) == [Submitted("t3")]


# claim: order and shares


async def test_the_more_urgent_priority_goes_first(store: Store) -> None:
    """Of tasks that came at the same time, high goes before normal before low."""
    await submit(store, "t1", priority=Priority.LOW, deadline_s=3600)
    await submit(store, "t2", priority=Priority.NORMAL, deadline_s=3600)
    await submit(store, "t3", priority=Priority.HIGH, deadline_s=3600)

    assert ids(await claim(store)) == ["t3", "t2", "t1"]


async def test_the_nearer_deadline_goes_first(store: Store) -> None:
    """A near deadline is more urgent than a higher priority whose patience ends later."""
    await submit(store, "t1", priority=Priority.NORMAL, deadline_s=3600)
    await submit(store, "t2", priority=Priority.LOW, deadline_s=20)
    await submit(store, "t3", priority=Priority.LOW, deadline_s=10)

    assert ids(await claim(store)) == ["t3", "t2", "t1"]


async def test_a_priority_is_a_head_start_and_no_more(store: Store, clock: Clock) -> None:
    """A task of low priority goes before a fresh one of high priority once it has waited for ten minutes."""
    await submit(store, "t1", priority=Priority.LOW, deadline_s=3600)
    clock.advance(601)
    await submit(store, "t2", priority=Priority.HIGH, deadline_s=3600)

    assert ids(await claim(store)) == ["t1", "t2"]


async def test_a_tenant_with_thousands_of_tasks_does_not_starve_another(store: Store) -> None:
    """Ten thousand tasks of one tenant, sent first, hold up the one task of another for a turn or two at most."""
    for batch in range(20):
        await submit(store, *(f"a{batch}-{i}" for i in range(500)), tenant="acme", priority=Priority.HIGH)
    await submit(store, "b1", tenant="bolt", priority=Priority.LOW)

    assert "b1" in ids(await claim(store, at_most=3))


async def test_tenants_that_all_have_work_share_alike(store: Store) -> None:
    """Tenants take turns, however many tasks each has and in which order they came."""
    for tenant, count in (("acme", 40), ("bolt", 20), ("cask", 10)):
        await submit(store, *(f"{tenant}-{i}" for i in range(count)), tenant=tenant)

    claimed = await claim(store, at_most=30)

    tenants = [c.task.tenant for c in claimed]
    assert [tenants.count(name) for name in ("acme", "bolt", "cask")] == [10, 10, 10]


async def test_a_tenant_gains_nothing_by_sending_one_at_a_time(store: Store) -> None:
    """Who sends a task whenever the last one was taken gets the same share as who sent them all before."""
    await submit(store, *(f"b{i}" for i in range(20)), tenant="bolt")
    taken = []
    for i in range(12):
        await submit(store, f"a{i}", tenant="acme")
        taken += ids(await claim(store, f"token-{i}", at_most=1))

    assert 5 <= sum(task_id.startswith("b") for task_id in taken) <= 7


async def test_a_tenant_gains_nothing_by_cancelling(store: Store) -> None:
    """Who withdraws the rest of its tasks and sends them anew does not go before those that wait."""
    await submit(store, *(f"b{i}" for i in range(20)), tenant="bolt")
    taken = []
    for i in range(12):
        await submit(store, f"a{i}", f"x{i}", tenant="acme")
        taken += ids(await claim(store, f"token-{i}", at_most=1))
        for task_id in {f"a{i}", f"x{i}"} - set(taken):
            await store.cancel(task_id)

    assert sum(task_id.startswith("b") for task_id in taken) >= 5


# claim: tokens, slots, deadlines


async def test_shows_a_claimed_task_as_it_stands(store: Store) -> None:
    """A claim brings the task with its trail, its tier and what it may show of it."""
    await submit(store, "t1", tenant="acme", metadata={"order": 7})
    attempt = an_attempt(1, "mini", Outcome.FAIL)
    await finish(store, await claim_one(store), Ask("small", "escalate"), attempt)

    claimed = await claim_one(store, "b")

    assert claimed == Claim((await store.read("t1")).task, (attempt,), "small", "b", {})


async def test_a_task_is_claimed_by_one_only(store: Store) -> None:
    """Two claims never hold the same task, and together they hold all."""
    await submit(store, "t1", "t2", "t3")

    first, second = ids(await claim(store, "a", at_most=2)), ids(await claim(store, "b", at_most=2))

    assert (first, second) == (["t1", "t2"], ["t3"])
    assert (await store.read("t1")).state is TaskState.RUNNING


async def test_a_claim_repeated_gets_the_same_tasks(store: Store) -> None:
    """A shift that did not hear the answer claims again with its token and gets what it holds, not more."""
    await submit(store, "t1", "t2", "t3")
    first = await claim(store, "a", at_most=2)

    assert await claim(store, "a", at_most=2) == first
    assert ids(await claim(store, "b")) == ["t3"]


async def test_a_claim_repeated_late_gets_what_is_still_its_own(store: Store, clock: Clock) -> None:
    """Tasks that ended or were taken back meanwhile are not shown to who claimed them first."""
    await submit(store, "t1", "t2")
    await claim(store, "a")
    await store.cancel("t1")

    assert ids(await claim(store, "a")) == ["t2"]

    await crash(store, clock)
    assert await claim(store, "a") == []


async def test_only_the_tiers_asked_for_are_claimed(store: Store) -> None:
    """A shift gets tasks of its tiers, and none of the others."""
    await submit(store, "t1", tier="mini")
    await submit(store, "t2", tier="large")

    assert ids(await claim(store, "a", large=5)) == ["t2"]
    assert ids(await claim(store, "b", small=5, mini=5)) == ["t1"]


async def test_all_shifts_together_keep_to_a_tiers_concurrency(store: Store) -> None:
    """No more tasks run at a tier than it allows, whoever claims; one that leaves makes room for one."""
    await submit(store, *(f"t{i}" for i in range(5)))
    first = await claim(store, "a", mini=2)

    assert len(first) == 2
    assert await claim(store, "b", mini=2) == []

    await finish(store, first[0], Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))
    assert len(await claim(store, "c", mini=2)) == 1
    assert await claim(store, "d", mini=2) == []


async def test_slots_of_a_dead_shift_come_free_with_its_leases(store: Store, clock: Clock) -> None:
    """A crash holds a tier's slots until the leases run out, without any sweep."""
    await submit(store, *(f"t{i}" for i in range(4)))
    await claim(store, "a", mini=2)

    clock.advance(LEASE_S)

    assert len(await claim(store, "b", mini=2)) == 2


async def test_a_claim_ends_what_is_too_late(store: Store, clock: Clock) -> None:
    """A task whose deadline has passed is never given out: it expires, and the next one is taken."""
    await submit(store, "t1", deadline_s=5)
    await submit(store, "t2")
    clock.advance(5)

    assert ids(await claim(store)) == ["t2"]
    record = await store.read("t1")
    assert (record.state, record.ended_ms) == (TaskState.EXPIRED, clock.ms)
    assert "before mini was asked" in record.reason


# leases


async def test_a_renewed_lease_holds(store: Store, clock: Clock) -> None:
    """A shift that renews keeps its tasks for as long as it does."""
    await submit(store, "t1")
    holder = await claim_one(store)
    for _ in range(6):
        clock.advance(LEASE_S / 3)
        assert await store.renew([holder]) == frozenset()
        assert await store.sweep(at_most=100) == Swept()

    assert (await store.read("t1")).state is TaskState.RUNNING


async def test_renewing_tells_what_is_lost(store: Store, clock: Clock) -> None:
    """A shift hears which of its tasks somebody else has, or nobody any more."""
    await submit(store, "t1", "t2", "t3")
    held = await claim(store, "a")
    await store.cancel("t1")
    await finish(store, held[1], Accept(an_attempt()), an_attempt())

    assert await store.renew(held) == {"t1", "t2"}

    await crash(store, clock)
    assert await store.renew(held) == {"t1", "t2", "t3"}


async def test_a_lease_that_ran_out_is_noted_first(store: Store, clock: Clock) -> None:
    """A clock that jumps ahead takes nothing back from who is alive and renews within the grace."""
    await submit(store, "t1")
    holder = await claim_one(store)

    clock.advance(LEASE_S * 5)
    assert await store.sweep(at_most=100) == Swept()
    clock.advance(GRACE_S - 1)
    assert await store.sweep(at_most=100) == Swept()
    assert await store.renew([holder]) == frozenset()
    clock.advance(2)
    assert await store.sweep(at_most=100) == Swept()

    assert await finish(store, holder, Accept(an_attempt()), an_attempt())


async def test_a_lease_that_nobody_renews_is_taken_back(store: Store, clock: Clock) -> None:
    """What a dead shift held is ready again after lease and grace."""
    await submit(store, "t1", "t2")
    await claim(store)

    assert await crash(store, clock) == Swept(reclaimed=2)
    assert (await store.read("t1")).state is TaskState.READY


async def test_a_lost_lease_changes_nothing(store: Store, clock: Clock) -> None:
    """Who lost a task can neither reserve for it, nor finish it, nor give it back, while another works on it."""
    await submit(store, "t1")
    old = await claim_one(store, "old")
    await crash(store, clock)
    holder = await claim_one(store, "new", alone=True)
    before = await store.read("t1")

    refusal = await reserve(store, old, an_intent())
    assert (refusal.limit, await store.balance()) == ("stale", Balance())
    assert not await finish(store, old, Accept(an_attempt()), an_attempt())
    assert not await store.release(old)

    assert await store.read("t1") == before
    assert await finish(store, holder, Accept(an_attempt()), an_attempt())


async def test_no_renewal_keeps_a_task_past_its_deadline(store: Store, clock: Clock) -> None:
    """A shift that hangs on a task but goes on renewing does not keep it from ending."""
    await submit(store, "t1", deadline_s=60)
    holder = await claim_one(store)
    for _ in range(int((60 + LEASE_S + GRACE_S) / 5)):
        clock.advance(5)
        await store.renew([holder])
        await store.sweep(at_most=100)

    record = await store.read("t1")
    assert (record.state, record.reason) == (TaskState.EXPIRED, "the deadline passed while the task was running")


async def test_what_is_given_back_keeps_its_place(store: Store) -> None:
    """A released task is ready as before, ahead of those that came later, and under no suspicion."""
    await submit(store, "t1", "t2")
    (holder,) = await claim(store, "a", at_most=1)

    assert await store.release(holder)

    assert ids(await claim(store, "b", alone=True)) == []
    assert ids(await claim(store, "c")) == ["t1", "t2"]


# suspects of a crash


async def test_a_crash_makes_suspects_that_run_alone(store: Store, clock: Clock) -> None:
    """All tasks of a crashed shift are kept from the ordinary shifts, and taken one by one by a quarantine shift."""
    await submit(store, "t1", "t2")
    await claim(store)
    await crash(store, clock)
    await submit(store, "t3")

    assert ids(await claim(store, "b")) == ["t3"]
    assert ids(await claim(store, "c", at_most=1, alone=True)) == ["t1"]
    assert ids(await claim(store, "d", at_most=1, alone=True)) == ["t2"]


async def test_a_busy_tier_does_not_hold_up_suspects(store: Store, clock: Clock) -> None:
    """A quarantine shift gets its task although ordinary ones take up all that the tier allows."""
    await submit(store, "t1")
    await claim(store)
    await crash(store, clock)
    await submit(store, "t2", "t3")
    assert len(await claim(store, "b", mini=2)) == 2

    assert ids(await claim(store, "c", at_most=1, alone=True, mini=2)) == ["t1"]


async def test_three_crashes_alone_are_the_end(store: Store, clock: Clock) -> None:
    """Only crashes of a task that ran alone count, and the third one is its last."""
    await submit(store, "t1")
    await claim(store)
    await crash(store, clock)
    for number in range(3):
        assert (await store.read("t1")).state is TaskState.READY
        await claim_one(store, f"alone-{number}", alone=True)
        last = await crash(store, clock)

    record = await store.read("t1")
    assert (record.state, last) == (TaskState.DEAD, Swept(ended=1))
    assert "crashed 3 times" in record.reason


async def test_a_drained_quarantine_is_no_crash(store: Store, clock: Clock) -> None:
    """A suspect that was given back is still a suspect, and no more guilty than before."""
    await submit(store, "t1")
    await claim(store)
    await crash(store, clock)
    for number in range(4):
        assert await store.release(await claim_one(store, f"alone-{number}", alone=True))

    assert await claim(store, "b") == []
    assert (await store.read("t1")).state is TaskState.READY


@pytest.mark.parametrize("tier", ["mini", "small"])
async def test_an_attempt_that_ends_clears_the_suspicion(store: Store, clock: Clock, tier: str) -> None:
    """Who came through an attempt alone is an ordinary task again, with no crash counted against it."""
    await submit(store, "t1")
    await claim(store)
    for number in range(3):
        await crash(store, clock)
        holder = await claim_one(store, f"alone-{number}", alone=True)
    await finish(store, holder, Ask(tier, "escalate"), an_attempt(1, "mini", Outcome.FAIL))
    await store.release(holder)

    assert len(await claim(store, "b")) == 1
    for number in range(3):
        await crash(store, clock)
        assert len(await claim(store, f"again-{number}", alone=True)) == 1


# money


async def test_a_reservation_is_held_until_the_call_is_booked(store: Store) -> None:
    """The worst case is set aside before the call, and replaced by its true cost after it."""
    await submit(store, "t1")
    holder = await claim_one(store)

    assert await reserve(store, holder, an_intent()) is None
    assert await store.balance() == Balance(reserved_nusd=1000, calls=1)
    assert (await store.read("t1")).cost_nusd == 1000

    await resolve(store, an_intent())
    assert await store.balance() == Balance(settled_nusd=400, calls=1)
    assert (await store.read("t1")).cost_nusd == 400


async def test_a_call_is_reserved_once(store: Store) -> None:
    """A reservation repeated is granted again and held once."""
    await submit(store, "t1")
    holder = await claim_one(store)

    assert [await reserve(store, holder, an_intent()) for _ in range(2)] == [None, None]
    assert await store.balance() == Balance(reserved_nusd=1000, calls=1)
    assert len(await store.ledger()) == 1


async def test_no_call_may_take_a_task_over_its_limit(store: Store) -> None:
    """What is held already and the new worst case together stay within the limit, to the nano-dollar."""
    await submit(store, "t1")
    holder = await claim_one(store)

    assert await reserve(store, holder, an_intent("c1"), limit_nusd=2000) is None
    refused = await reserve(store, holder, an_intent("c2", reserved_nusd=1001), limit_nusd=2000)
    assert refused == over_cost(1000, asked_nusd=1001, limit_nusd=2000)
    assert await reserve(store, holder, an_intent("c3", reserved_nusd=1000), limit_nusd=2000) is None
    assert (await store.balance()).reserved_nusd == 2000


async def test_no_call_starts_after_the_deadline(store: Store, clock: Clock) -> None:
    """At the deadline a call is refused, although the lease still holds."""
    await submit(store, "t1", deadline_s=10)
    holder = await claim_one(store)
    clock.advance(10)

    refusal = await reserve(store, holder, an_intent())

    assert (refusal.limit, await store.balance()) == ("stale", Balance())
    assert "past its deadline" in refusal.message


async def test_no_call_starts_after_a_cancel(store: Store) -> None:
    """A task that was cancelled while a shift held it costs nothing more."""
    await submit(store, "t1")
    holder = await claim_one(store)
    await store.cancel("t1")

    refusal = await reserve(store, holder, an_intent())

    assert refusal == Refusal(limit="stale", message="the lease is gone: the task is cancelled")


async def test_a_call_that_was_not_charged_is_void(store: Store) -> None:
    """Nothing stays held of a call that surely cost nothing."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())

    await resolve(store, an_intent(), EntryKind.VOID)

    assert await store.balance() == Balance(calls=1)
    assert (await store.read("t1")).cost_nusd == 0


async def test_an_unknown_outcome_is_held_until_it_is_known(store: Store) -> None:
    """An unsettled call counts at its bound; what is heard of it later replaces the bound."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())

    await resolve(store, an_intent(), EntryKind.UNSETTLED)
    assert await store.balance() == Balance(unsettled_nusd=1000, calls=1)
    assert (await store.read("t1")).cost_nusd == 1000

    await resolve(store, an_intent())
    assert await store.balance() == Balance(settled_nusd=400, calls=1)
    assert (await store.read("t1")).cost_nusd == 400


@pytest.mark.parametrize("kind", [EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED])
@pytest.mark.parametrize("later", [EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED])
async def test_a_call_is_booked_once(store: Store, kind: EntryKind, later: EntryKind) -> None:
    """What was booked for good stands, whoever says what later; the balance is the ledger's sum."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())

    await resolve(store, an_intent(), kind, cost_nusd=400)
    booked = await store.balance()
    await resolve(store, an_intent(), later, cost_nusd=300)

    balance = await store.balance()
    if kind is not EntryKind.UNSETTLED or later is kind:
        assert balance == booked
    assert balance == fold(await store.ledger())
    assert balance.reserved_nusd == 0


@pytest.mark.parametrize("kind", [EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED])
async def test_a_call_whose_record_was_lost_is_booked(store: Store, kind: EntryKind) -> None:
    """A call that was sent is booked even where the store has forgotten its reservation."""
    await submit(store, "t1")

    await resolve(store, an_intent(), kind)

    balance, record = await store.balance(), await store.read("t1")
    assert balance.settled_nusd == (400 if kind is EntryKind.SETTLED else 0)
    assert balance.unsettled_nusd == (1000 if kind is EntryKind.UNSETTLED else 0)
    assert record.cost_nusd == balance.settled_nusd + balance.unsettled_nusd
    assert (balance.reserved_nusd, balance.overrun_nusd, balance.calls) == (0, 0, 1)
    assert balance == fold(await store.ledger())


async def test_a_lost_record_of_unknown_outcome_may_be_settled_later(store: Store) -> None:
    """The task's own cost follows a lost call from its bound to its true cost."""
    await submit(store, "t1")

    await resolve(store, an_intent(), EntryKind.UNSETTLED)
    await resolve(store, an_intent())

    assert (await store.read("t1")).cost_nusd == 400
    assert await store.balance() == Balance(settled_nusd=400, calls=1)


async def test_what_is_charged_above_the_worst_case_is_overrun(store: Store) -> None:
    """A provider that charges more than it could is believed, and the difference is told apart."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())

    await resolve(store, an_intent(), cost_nusd=1300)

    assert await store.balance() == Balance(settled_nusd=1300, overrun_nusd=300, calls=1)


@pytest.mark.parametrize("kind", [EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED])
async def test_a_model_that_costs_nothing_is_booked_too(store: Store, kind: EntryKind) -> None:
    """A worst case of nothing is a reservation like others."""
    await submit(store, "t1")
    intent = an_intent(reserved_nusd=0)
    assert await reserve(store, await claim_one(store), intent) is None

    await resolve(store, intent, kind, cost_nusd=0)

    assert await store.balance() == Balance(calls=1)
    assert [entry.kind for entry in await store.ledger()] == [EntryKind.RESERVED, kind]


async def test_a_call_that_nobody_books_becomes_unsettled(store: Store, clock: Clock) -> None:
    """The sweep holds the bound of a call whose shift never came back, also of one that costs nothing."""
    await submit(store, "t1", "t2")
    held = await claim(store)
    await reserve(store, held[0], an_intent("c1"))
    await reserve(store, held[1], an_intent("c2", task="t2", reserved_nusd=0))
    clock.advance(45)

    assert (await store.sweep(at_most=100)).unsettled == 2
    assert await store.balance() == Balance(unsettled_nusd=1000, calls=2)
    assert (await store.sweep(at_most=100)).unsettled == 0


async def test_money_is_booked_after_the_end(store: Store) -> None:
    """A call in flight when its task is cancelled is booked when it comes back, on the task too."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())
    await store.cancel("t1")

    await resolve(store, an_intent())

    assert await store.balance() == Balance(settled_nusd=400, calls=1)
    assert (await store.read("t1")).cost_nusd == 400


async def test_the_ledger_tells_every_movement(store: Store, clock: Clock) -> None:
    """Each line says what was moved, for which call of which attempt, at which tier and price, and why."""
    await submit(store, "t1", tenant="acme")
    intent = an_intent(tenant="acme", simulated=True)
    holder = await claim_one(store)
    await reserve(store, holder, intent)
    await resolve(store, intent)
    attempt = an_attempt(1, "mini", Outcome.FAIL)
    await finish(store, holder, Ask("small", "escalate"), attempt)

    reserved, settled, ended = await store.ledger()

    for line in (reserved, settled):
        assert (line.call, line.task, line.attempt, line.tier) == ("c1", "t1", 1, "mini")
        assert (line.model, line.policy, line.tenant) == ("openai/mini-model", "receipts", "acme")
        assert (line.purpose, line.why, line.price_since, line.simulated) == ("answer", "first", "2024-07-18", True)
    assert (reserved.kind, reserved.amount_nusd) == (EntryKind.RESERVED, 1000)
    assert (settled.kind, settled.amount_nusd, settled.latency_ms) == (EntryKind.SETTLED, 400, 70)
    assert settled.usage == a_settlement().usage
    assert (ended.kind, ended.call, ended.outcome, ended.accepted) == (EntryKind.ATTEMPT, None, Outcome.FAIL, False)
    assert (ended.attempt, ended.tier, ended.checks) == (1, "mini", ("confidence",))


# room in budgets


def a_budget(nusd: int, scope: str = "global", per: str = "day", **changes: object) -> Budget:
    return Budget.model_validate({"scope": scope, "usd": Decimal(nusd) / 10**9, "per": per, **changes})


async def holders(store: Store, *task_ids: str, **changes: object) -> dict[str, Claim]:
    """Tasks of their own, and who holds them."""
    await submit(store, *task_ids, deadline_s=10**5, **changes)
    return {held.task.id: held for held in await claim(store, token=task_ids[0], at_most=100)}


async def ask(store: Store, holder: Claim, call: str, nusd: int = 1000, **changes: object) -> Refusal | None:
    sent = {"task": holder.task.id, "tier": holder.tier, "tenant": holder.task.tenant, "reserved_nusd": nusd}
    return await reserve(store, holder, an_intent(call, **sent, **changes))


async def book(store: Store, holder: Claim, call: str, cost_nusd: int, nusd: int = 1000) -> None:
    await resolve(store, an_intent(call, task=holder.task.id, reserved_nusd=nusd), cost_nusd=cost_nusd)


@pytest.mark.parametrize("on_exceeded", ["refuse", "park"])
async def test_room_that_calls_under_way_hold_is_waited_for(store: Store, clock: Clock, on_exceeded: str) -> None:
    """A call that fits beside what is spent is for later, whatever `on_exceeded` says, and goes when one is booked."""
    await store.publish_budgets([a_budget(2500, on_exceeded=on_exceeded)])
    tasks = await holders(store, "t1", "t2", "t3")
    assert [await ask(store, tasks[name], name) for name in ("t1", "t2")] == [None, None]

    refusal = await ask(store, tasks["t3"], "t3")

    assert (refusal.limit, refusal.passing, refusal.until_ms) == ("budget", True, clock.ms + 1000)
    assert "$0.000000 of $0.000003 per day are spent; $0.000002 is held by calls under way" in refusal.message
    await book(store, tasks["t1"], "t1", 400)
    assert await ask(store, tasks["t3"], "t3") is None


@pytest.mark.parametrize(("on_exceeded", "kind"), [("refuse", EntryKind.SETTLED), ("park", EntryKind.UNSETTLED)])
async def test_money_that_is_spent_is_not_waited_for(
    store: Store, clock: Clock, on_exceeded: str, kind: EntryKind
) -> None:
    """A call that does not fit beside costs and unknown outcomes is refused for good, or until the window turns."""
    await store.publish_budgets([a_budget(2500, on_exceeded=on_exceeded)])
    tasks = await holders(store, "t1", "t2", "t3")
    assert [await ask(store, tasks[name], name) for name in ("t1", "t2")] == [None, None]
    for name in ("t1", "t2"):
        await resolve(store, an_intent(name, task=name), kind, cost_nusd=1000)

    refusal = await ask(store, tasks["t3"], "t3")

    turns_ms = (clock.ms // 86_400_000 + 1) * 86_400_000
    assert (refusal.limit, refusal.until_ms) == ("budget", turns_ms if on_exceeded == "park" else None)


async def test_the_deadline_is_told_where_the_window_turns_later(store: Store) -> None:
    """Nobody is told to wait for what their task does not live to see."""
    await store.publish_budgets([a_budget(1000, per="month", on_exceeded="park")])
    tasks = await holders(store, "t1", "t2")
    await ask(store, tasks["t1"], "t1")
    await book(store, tasks["t1"], "t1", 1000)

    refusal = await ask(store, tasks["t2"], "t2")

    assert "it waits until its deadline, 2027-01-16 11:46:40 UTC, or until the budget is raised" in refusal.message


async def test_the_older_a_task_the_longer_it_waits_for_room(store: Store, clock: Clock) -> None:
    """One second for the first in line and for who came just now, an eighth of its age else, ten seconds at most."""
    await store.publish_budgets([a_budget(1000)])
    tasks = await holders(store, "t1", "t2", "t3")
    await ask(store, tasks["t1"], "t1")

    waits = []
    for passed_s in (0, 16, 30, 1000):
        clock.advance(passed_s)
        refusals = [await ask(store, tasks[name], name) for name in ("t2", "t3")]
        waits.append([refusal.until_ms - clock.ms for refusal in refusals])

    assert waits == [[1000, 1000], [1000, 2000], [1000, 5750], [1000, 10_000]]


async def test_nobody_waits_for_room_longer_than_the_window(store: Store, clock: Clock) -> None:
    """When it turns there is room, whatever calls of before hold."""
    await store.publish_budgets([a_budget(1000, per="minute")])
    tasks = await holders(store, "t1", "t2")
    clock.ms = (clock.ms // 60_000 + 1) * 60_000 - 300
    await ask(store, tasks["t1"], "t1")

    refusal = await ask(store, tasks["t2"], "t2")

    assert refusal.until_ms == clock.ms + 300


async def test_a_large_call_gets_its_room_among_small_ones(store: Store, clock: Clock) -> None:
    """Where all room is taken by calls that fit, it is kept for who has waited a while, and afterwards for nobody."""
    await store.publish_budgets([a_budget(4000)])
    small = await holders(store, *(f"s{i:02}" for i in range(20)))
    (large,) = (await holders(store, "large")).values()
    under_way, refused = ["s18", "s19"], []
    for name in under_way:
        assert await ask(store, small[name], name) is None

    for second in range(15):
        refusal = await ask(store, small[f"s{second:02}"], f"s{second:02}")
        if refusal is None:
            under_way.append(f"s{second:02}")
        else:
            refused.append((second, "and for one that waits longer" in refusal.message))
        if await ask(store, large, "large", 3500) is None:
            break
        if under_way:
            await book(store, small[under_way[0]], under_way.pop(0), 1)
        clock.advance(1)

    assert (second, refused) == (7, [(5, True), (6, True), (7, True)])
    await book(store, large, "large", 1, 3500)
    assert await ask(store, small["s15"], "s15") is None


async def line_up(store: Store, clock: Clock, **tasks: Claim) -> None:
    """Let each of these try for a call of 1500 so often that room is kept for the first of them."""
    for second in range(6):
        for name, holder in tasks.items():
            assert await ask(store, holder, name, 1500) is not None
        clock.advance(second < 5)


async def test_room_is_kept_beside_what_fits(store: Store, clock: Clock) -> None:
    """Who leaves enough for the first in line goes before it."""
    await store.publish_budgets([a_budget(2500)])
    tasks = await holders(store, "first", "holder", "small")
    await ask(store, tasks["holder"], "holder", 1200)
    await line_up(store, clock, first=tasks["first"])

    await book(store, tasks["holder"], "holder", 0)

    assert [await ask(store, tasks["small"], f"c{nusd}", nusd) is None for nusd in (1001, 1000)] == [False, True]
    assert await ask(store, tasks["first"], "first", 1500) is None


async def test_who_does_not_come_again_keeps_no_room(store: Store, clock: Clock) -> None:
    """The first in line loses its place some seconds after it should have tried, and who is next has to wait anew."""
    await store.publish_budgets([a_budget(2500)])
    tasks = await holders(store, "first", "holder", "small")
    await ask(store, tasks["holder"], "holder", 1200)
    await line_up(store, clock, first=tasks["first"])
    await book(store, tasks["holder"], "holder", 0)
    await store.cancel("first")

    clock.advance(5.9)
    refusal = await ask(store, tasks["small"], "small", 1100)
    clock.advance(0.1)

    assert "and for one that waits longer" in refusal.message
    assert await ask(store, tasks["small"], "small", 1100) is None


async def test_room_is_not_kept_for_who_finds_no_money(store: Store, clock: Clock) -> None:
    """Where what is spent leaves too little for the first in line, others take what there is."""
    await store.publish_budgets([a_budget(2500)])
    tasks = await holders(store, "first", "holder", "small")
    await ask(store, tasks["holder"], "holder", 1200)
    await line_up(store, clock, first=tasks["first"])

    await book(store, tasks["holder"], "holder", 1200)

    assert await ask(store, tasks["small"], "small", 1100) is None


async def test_two_that_are_first_do_not_wait_for_each_other(store: Store, clock: Clock) -> None:
    """Room that is kept at one budget for one task, and at another for another, goes to who asks first."""
    await store.publish_budgets([a_budget(2500), a_budget(2000, "tenant:acme")])
    tasks = await holders(store, "all", "acme", "its", tenant="acme") | await holders(store, "bolt", tenant="bolt")
    await ask(store, tasks["bolt"], "bolt", 1200)
    assert "budget of global" in (await ask(store, tasks["all"], "all", 1500)).message
    await ask(store, tasks["its"], "its", 600)
    await line_up(store, clock, acme=tasks["acme"], all=tasks["all"])

    for name in ("bolt", "its"):
        await book(store, tasks[name], name, 0)

    assert await ask(store, tasks["all"], "all", 1500) is None


async def test_what_an_attempt_needs_besides_stands_back_for_nobody(store: Store, clock: Clock) -> None:
    """A judge's call takes room that is kept for another task, because what it is about is paid already."""
    await store.publish_budgets([a_budget(2500)])
    tasks = await holders(store, "first", "holder", "judged")
    await ask(store, tasks["holder"], "holder", 1200)
    await line_up(store, clock, first=tasks["first"])
    await book(store, tasks["holder"], "holder", 0)

    assert await ask(store, tasks["judged"], "answer", 1100) is not None
    assert await ask(store, tasks["judged"], "judge", 1100, position=1) is None


# answers that were paid for


async def test_an_answer_paid_for_is_there_after_a_crash(store: Store, clock: Clock) -> None:
    """Who takes a crashed task over gets the answers of its open attempt, as they came and as they were booked."""
    await submit(store, "t1")
    holder = await claim_one(store)
    for position in range(2):
        intent = an_intent(f"c{position}", position=position)
        await reserve(store, holder, intent)
        await resolve(store, intent)
    await crash(store, clock)

    after = await claim_one(store, "b", alone=True)

    assert after.kept == {p: a_kept(an_intent(f"c{p}", position=p), a_settlement()) for p in range(2)}


async def test_a_released_task_keeps_its_answers(store: Store) -> None:
    """What was paid for before a shift drained is not bought again."""
    await submit(store, "t1")
    holder = await claim_one(store)
    await reserve(store, holder, an_intent())
    await resolve(store, an_intent())
    await store.release(holder)

    assert calls_kept(await claim_one(store, "b")) == {0: "c1"}


@pytest.mark.parametrize("tier", ["mini", "small"])
async def test_answers_belong_to_their_attempt(store: Store, clock: Clock, tier: str) -> None:
    """Once an attempt has ended, its answers are in the trail and none is shown to the next attempt."""
    await submit(store, "t1")
    holder = await claim_one(store)
    await reserve(store, holder, an_intent())
    await resolve(store, an_intent())
    await finish(store, holder, Ask(tier, "escalate"), an_attempt(1, "mini", Outcome.FAIL))
    await store.release(holder)

    assert calls_kept(await claim_one(store, "b")) == {}


async def test_answers_belong_to_their_tier(store: Store, clock: Clock) -> None:
    """A task that goes elsewhere with its attempt still open does not take the answers of the old tier along."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())
    await resolve(store, an_intent())
    await crash(store, clock)
    await finish(store, await claim_one(store, "b", alone=True), Ask("small", "first"))

    moved = await claim_one(store, "c", alone=True)

    assert (moved.tier, calls_kept(moved)) == ("small", {})


async def test_a_late_answer_enters_the_open_attempt(store: Store, clock: Clock) -> None:
    """What a lost shift brings back is booked, and used by who claims the task next, if its attempt is still open."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())
    await crash(store, clock)
    await resolve(store, an_intent())

    assert calls_kept(await claim_one(store, "b", alone=True)) == {0: "c1"}
    assert await store.balance() == Balance(settled_nusd=400, calls=1)


@pytest.mark.parametrize("kind", [EntryKind.SETTLED, EntryKind.UNSETTLED])
async def test_an_answer_that_comes_after_the_sweep_gave_up_is_kept(
    store: Store, clock: Clock, kind: EntryKind
) -> None:
    """A call counted as lost may come back all the same, even with its cost still unknown."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent())
    await crash(store, clock)
    await store.sweep(at_most=100)
    assert (await store.balance()).unsettled_nusd == 1000

    await resolve(store, an_intent(), kind)

    assert calls_kept(await claim_one(store, "b", alone=True)) == {0: "c1"}


async def test_a_late_answer_does_not_replace_the_one_in_use(store: Store, clock: Clock) -> None:
    """A judge's word on the holder's answer is never kept beside the late answer of an older call."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent("late"))
    await crash(store, clock)
    holder = await claim_one(store, "b", alone=True)
    await reserve(store, holder, an_intent("used"))

    await resolve(store, an_intent("late"))
    await resolve(store, an_intent("used"))
    judge = an_intent("judge", position=1, purpose="judge", tier="large")
    await reserve(store, holder, judge)
    await resolve(store, judge)
    await crash(store, clock)

    assert calls_kept(await claim_one(store, "c", alone=True)) == {0: "used", 1: "judge"}


async def test_a_late_answer_does_not_replace_the_one_that_was_kept(store: Store, clock: Clock) -> None:
    """What the next shift was shown at its claim stays, whatever older calls come back with."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent("late"))
    await crash(store, clock)
    holder = await claim_one(store, "b", alone=True)
    await reserve(store, holder, an_intent("kept"))
    await resolve(store, an_intent("kept"))
    await crash(store, clock)
    await claim_one(store, "c", alone=True)

    await resolve(store, an_intent("late"))
    await crash(store, clock)

    assert (await store.read("t1")).state is TaskState.READY
    assert calls_kept(await claim_one(store, "d", alone=True)) == {0: "kept"}


async def test_a_late_answer_of_an_ended_attempt_is_only_booked(store: Store, clock: Clock) -> None:
    """An older call that comes back when its attempt has ended changes the balance and nothing else."""
    await submit(store, "t1")
    await reserve(store, await claim_one(store), an_intent("late"))
    await crash(store, clock)
    holder = await claim_one(store, "b", alone=True)
    await finish(store, holder, Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))

    await resolve(store, an_intent("late"))

    assert calls_kept(await claim_one(store, "c")) == {}
    assert await store.balance() == Balance(settled_nusd=400, calls=1)


# finish


async def test_stays_with_its_shift_for_another_go_at_the_tier(store: Store) -> None:
    """A repair at the same tier keeps lease and slot, and the next attempt goes on from there."""
    await submit(store, "t1")
    holder = await claim_one(store)

    assert await finish(store, holder, Ask("mini", "repair"), an_attempt(1, "mini", Outcome.FAIL))
    assert (await store.read("t1")).state is TaskState.RUNNING
    assert await claim(store, "b") == []

    assert await finish(store, holder, Accept(an_attempt(2)), an_attempt(2, why="repair"))
    assert [a.number for a in (await store.read("t1")).trail] == [1, 2]


async def test_climbs_into_the_queue_of_the_next_tier(store: Store) -> None:
    """An escalated task is ready at the tier it goes to, and nowhere else."""
    await submit(store, "t1")
    await finish(store, await claim_one(store), Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))

    assert (await store.read("t1")).tier == "small"
    assert await claim(store, "b", mini=5, large=5) == []
    assert ids(await claim(store, "c", small=5)) == ["t1"]


async def test_keeps_its_urgency_when_it_climbs(store: Store, clock: Clock) -> None:
    """At the next tier a task stands where it would if it had come there first: between more and less urgent ones."""
    await submit(store, "t1")
    clock.advance(1)
    await submit(store, "t2", "t3", tier="small")
    await submit(store, "t4", tier="small", priority=Priority.HIGH)
    (holder,) = await claim(store, mini=1)
    await finish(store, holder, Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))

    assert ids(await claim(store, "b", small=5)) == ["t4", "t1", "t2", "t3"]


async def test_waits_until_its_time(store: Store, clock: Clock) -> None:
    """A delayed task is claimed by nobody before its time, and ready at the first sweep after it."""
    await submit(store, "t1")
    until_ms = clock.ms + 20_000
    await finish(store, await claim_one(store), Wait(until_ms, "rate limit"), an_attempt(1, "mini", None))

    assert (await store.read("t1")).state is TaskState.DELAYED
    clock.advance(19)
    assert await store.sweep(at_most=100) == Swept()
    assert await claim(store, "b") == []
    clock.advance(1)
    assert await store.sweep(at_most=100) == Swept(readied=1)
    assert ids(await claim(store, "c")) == ["t1"]


ENDS = [
    (Accept(an_attempt()), TaskState.SUCCEEDED, None),
    (Reject("nobody can do this"), TaskState.REJECTED, "nobody can do this"),
    (DeadLetter("no tier is left"), TaskState.DEAD, "no tier is left"),
    (Expire("too late"), TaskState.EXPIRED, "too late"),
]


@pytest.mark.parametrize(("decision", "state", "reason"), ENDS)
async def test_ends_as_it_was_decided(
    store: Store, clock: Clock, decision: Decision, state: TaskState, reason: str | None
) -> None:
    """An ended task says how, when and why, with its whole trail, and is given to nobody any more."""
    await submit(store, "t1")
    holder = await claim_one(store)
    clock.advance(3)

    assert await finish(store, holder, decision, an_attempt())

    record = await store.read("t1")
    assert (record.state, record.reason, record.ended_ms) == (state, reason, clock.ms)
    assert record.trail == (an_attempt(),)
    clock.advance(DEADLINE_S * 2)
    assert await store.sweep(at_most=100) == Swept()
    assert await claim(store, "b") == []


MOVES = [Ask("mini", "repair"), Ask("small", "escalate"), Wait(0, "later"), Review("a person"), Accept(an_attempt())]


@pytest.mark.parametrize("decision", MOVES)
@pytest.mark.parametrize("attempt", [None, an_attempt()])
async def test_a_finish_repeated_is_carried_out_once(store: Store, decision: Decision, attempt: Attempt | None) -> None:
    """A shift that did not hear the answer may say again how an attempt ended: it is told yes, and nothing moves."""
    await submit(store, "t1")
    holder = await claim_one(store)

    assert await finish(store, holder, decision, attempt)
    once = await store.read("t1"), await store.ledger()
    assert await finish(store, holder, decision, attempt)

    assert (await store.read("t1"), await store.ledger()) == once


async def test_an_old_finish_does_not_touch_a_new_claim(store: Store) -> None:
    """A finish said again after somebody else claimed the task leaves that claim alone."""
    await submit(store, "t1")
    first = await claim_one(store, "a")
    await finish(store, first, Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))
    second = await claim_one(store, "b")

    await finish(store, first, Ask("small", "escalate"), an_attempt(1, "mini", Outcome.FAIL))

    assert await finish(store, second, Accept(an_attempt(2, "small")), an_attempt(2, "small", why="escalate"))
    assert len((await store.read("t1")).trail) == 2


@pytest.mark.parametrize("number", [1, 3])
async def test_a_trail_has_no_gaps_and_no_doubles(store: Store, number: int) -> None:
    """Only the next attempt is taken into the trail."""
    await submit(store, "t1")
    holder = await claim_one(store)
    await finish(store, holder, Ask("mini", "repair"), an_attempt(1, "mini", Outcome.FAIL))

    assert not await finish(store, holder, Accept(an_attempt(number)), an_attempt(number))
    assert (await store.read("t1")).state is TaskState.RUNNING


async def test_a_task_ends_once(store: Store) -> None:
    """Whoever comes second to end a task is refused, and the first end stands."""
    await submit(store, "t1", "t2")
    held = await claim(store)

    await store.cancel("t1")
    assert not await finish(store, held[0], Accept(an_attempt()), an_attempt())
    assert (await store.read("t1")).state is TaskState.CANCELLED

    assert await finish(store, held[1], Accept(an_attempt()), an_attempt())
    assert await store.cancel("t2") is TaskState.SUCCEEDED


# the bounds of waiting


async def test_a_review_is_not_waited_for_without_end(store: Store, clock: Clock) -> None:
    """A task that no person looks at expires after the policy's wait_at_most_s."""
    await submit(store, "t1")
    policy = a_policy(limits={"attempts": 8, "deadline_s": 600, "cost_usd": 1, "wait_at_most_s": 3600})
    await store.finish(await claim_one(store), policy, an_attempt(), Review("a person decides"))

    clock.advance(3599)
    await store.sweep(at_most=100)
    record = await store.read("t1")
    assert (record.state, record.reason) == (TaskState.REVIEW, "a person decides")

    clock.advance(1)
    assert await store.sweep(at_most=100) == Swept(ended=1)
    record = await store.read("t1")
    assert (record.state, record.reason) == (TaskState.EXPIRED, "nobody reviewed it in time")


@pytest.mark.parametrize("state", [TaskState.READY, TaskState.RUNNING, TaskState.DELAYED])
async def test_a_deadline_ends_a_task_wherever_it_waits(store: Store, clock: Clock, state: TaskState) -> None:
    """No task outlives its deadline by more than a lease, a grace and a sweep."""
    await submit(store, "t1", deadline_s=50)
    if state is not TaskState.READY:
        holder = await claim_one(store)
        await store.renew([holder])
        if state is TaskState.DELAYED:
            await finish(store, holder, Wait(clock.ms + 3_600_000, "long"), an_attempt(1, "mini", None))
    assert (await store.read("t1")).state is state

    clock.advance(50)
    await store.sweep(at_most=100)
    clock.advance(GRACE_S)
    await store.sweep(at_most=100)

    record = await store.read("t1")
    waited = ": long" if state is TaskState.DELAYED else ""
    assert record.reason == f"the deadline passed while the task was {state}{waited}"
    assert record.state is TaskState.EXPIRED


async def test_a_sweep_looks_at_no_more_than_it_is_told(store: Store, clock: Clock) -> None:
    """A sweep is bounded, and the next one goes on where it stopped."""
    await submit(store, "t1", "t2", "t3", deadline_s=1)
    clock.advance(1)

    assert [(await store.sweep(at_most=2)).ended for _ in range(3)] == [2, 1, 0]


async def test_a_sweep_gives_up_on_no_more_calls_than_it_is_told(store: Store, clock: Clock) -> None:
    """Calls past their time are bounded too, the oldest first."""
    await submit(store, "t1")
    holder = await claim_one(store)
    for number in range(3):
        await reserve(store, holder, an_intent(f"c{number}", position=number, reserved_nusd=10**number))
        clock.advance(1)
    clock.advance(45)

    swept = await store.sweep(at_most=2)

    assert (swept.unsettled, (await store.balance()).unsettled_nusd) == (2, 11)


async def test_a_task_that_waits_in_its_place_is_left_there(store: Store, clock: Clock) -> None:
    """Looking at a ready task neither counts as putting it back nor doubles it."""
    await submit(store, "t1", deadline_s=3600)
    clock.advance(120)

    assert await store.sweep(at_most=100) == Swept()
    assert ids(await claim(store)) == ["t1"]
    assert await claim(store, "b") == []


# cancel, read, policies


@pytest.mark.parametrize("state", ["ready", "running", "delayed", "review"])
async def test_cancels_whatever_has_not_ended(store: Store, clock: Clock, state: str) -> None:
    """A cancelled task is given to nobody, frees its slot, and stays cancelled."""
    await submit(store, "t1")
    if state != "ready":
        holder = await claim_one(store)
        if state != "running":
            decision = Review("why") if state == "review" else Wait(clock.ms + 1000, "why")
            await finish(store, holder, decision, an_attempt())

    assert await store.cancel("t1") is TaskState.CANCELLED
    assert await store.cancel("t1") is TaskState.CANCELLED

    await submit(store, "t2")
    assert ids(await claim(store, "b", mini=1)) == ["t2"]
    await store.cancel("t2")
    clock.advance(DEADLINE_S)
    assert await store.sweep(at_most=100) == Swept()
    assert (await store.read("t1")).state is TaskState.CANCELLED


async def test_says_that_there_is_no_such_task(store: Store) -> None:
    """Reading or cancelling what does not exist is told to the caller."""
    with pytest.raises(UnknownTask):
        await store.read("nobody")
    with pytest.raises(UnknownTask):
        await store.cancel("nobody")


async def test_policies_stay_by_their_digest(store: Store) -> None:
    """A newer version of a policy takes nothing from the tasks that have the older one."""
    older, newer = a_policy(), a_policy(prompt={"system": "Read it well.", "user": "{{ text }}"})
    await store.publish([older])
    await store.publish([newer])

    assert older.digest != newer.digest
    assert [(await store.policy(p.digest)).digest for p in (older, newer)] == [older.digest, newer.digest]
    assert (await store.policy(older.digest)).prompt == older.prompt


async def test_says_that_a_policy_was_never_published(store: Store) -> None:
    """A digest that nobody published is an error that says what to do."""
    with pytest.raises(UnknownPolicy, match="publish"):
        await store.policy("nothing")


# review


def decided(record: Record, clock: Clock, wish: str, output: object = None, **changes: object) -> Attempt:
    ruling = Ruling.model_validate({"wish": wish, "by": "anna", **changes})
    return ruled(record, ruling, output, since_ms=clock.ms, now_ms=clock.ms)


async def in_review(store: Store) -> Record:
    """A task that one attempt sent to a person."""
    await submit(store, "t1")
    await finish(store, await claim_one(store), Review("a person decides"), an_attempt(1, "mini", Outcome.UNSURE))
    return await store.read("t1")


async def rule(store: Store, attempt: Attempt) -> TaskState:
    return await store.rule("t1", attempt, patience_ms=DEADLINE_S * 1000)


async def test_a_person_accepts_an_output(store: Store, clock: Clock) -> None:
    """The task succeeds with what the person accepted; the trail shows who, and the ledger no line of it."""
    record = await in_review(store)
    before = await store.ledger()

    assert await rule(store, decided(record, clock, "accept", {"merchant": "BOLT", "total": 1})) is TaskState.SUCCEEDED

    after = await store.read("t1")
    assert (after.state, after.output, after.reason) == (TaskState.SUCCEEDED, {"merchant": "BOLT", "total": 1}, None)
    assert (after.tier, after.moves, after.ended_ms) == ("review", ("review", "accept"), clock.ms)
    assert after.trail[-1].ruling == Ruling(wish="accept", by="anna")
    assert await store.ledger() == before
    assert await store.sweep(at_most=10) == Swept()


@pytest.mark.parametrize(("wish", "state"), [("reject", TaskState.REJECTED), ("dead_letter", TaskState.DEAD)])
async def test_a_person_ends_a_task_for_a_reason(store: Store, clock: Clock, wish: str, state: TaskState) -> None:
    """The record says who ended it and why; no output is given."""
    record = await in_review(store)

    assert await rule(store, decided(record, clock, wish, reason="not a receipt")) is state

    after = await store.read("t1")
    assert (after.output, after.reason) == (None, decided(record, clock, wish, reason="not a receipt").ruling.because)


async def test_a_person_has_a_tier_asked(store: Store, clock: Clock) -> None:
    """The task goes on at that tier, with a whole deadline from then on, and can be claimed there."""
    record = await in_review(store)
    clock.advance(DEADLINE_S + 100)

    assert await rule(store, decided(record, clock, "ask", tier="large")) is TaskState.READY

    held = await claim(store, "b", large=5)
    assert [(c.task.id, c.tier, c.task.deadline_ms) for c in held] == [("t1", "large", clock.ms + DEADLINE_S * 1000)]
    assert held[0].trail[-1].ruling == Ruling(wish="ask", by="anna", tier="large")


async def test_a_decision_is_made_once(store: Store, clock: Clock) -> None:
    """The same decision again changes nothing, another one is refused."""
    record = await in_review(store)
    first = decided(record, clock, "accept", {"merchant": "BOLT", "total": 1})
    await rule(store, first)
    before = await store.read("t1")

    assert await rule(store, first) is TaskState.SUCCEEDED
    with pytest.raises(NotInReview, match="t1 is succeeded"):
        await rule(store, decided(record, clock, "reject", reason="no"))

    assert await store.read("t1") == before


async def test_a_decision_about_an_older_trail_is_refused(store: Store, clock: Clock) -> None:
    """Who saw a task before it was asked again decides nothing about what came of that."""
    seen = await in_review(store)
    await rule(store, decided(seen, clock, "ask", tier="large"))
    (again,) = await claim(store, "b", large=5)
    await finish(store, again, Review("still"), an_attempt(3, "large", Outcome.UNSURE))

    with pytest.raises(NotInReview, match="as it was shown"):
        await rule(store, decided(seen, clock, "ask", tier="large"))


@pytest.mark.parametrize("state", ["ready", "running", "cancelled", "expired"])
async def test_only_what_is_in_review_is_decided(store: Store, clock: Clock, state: str) -> None:
    """A task that waits, runs or has ended otherwise is nobody's to decide."""
    record = await in_review(store) if state in ("cancelled", "expired") else None
    if record is None:
        await submit(store, "t1")
    match state:
        case "running":
            await claim(store)
        case "cancelled":
            await store.cancel("t1")
        case "expired":
            clock.advance(10**6)
            await store.sweep(at_most=10)
    record = await store.read("t1")
    assert record.state == state

    with pytest.raises(NotInReview, match=state):
        await rule(store, decided(record, clock, "reject", reason="no"))

    assert await store.read("t1") == record


async def test_nobody_decides_what_is_not_there(store: Store, clock: Clock) -> None:
    """An unknown task is told as such."""
    record = await in_review(store)

    with pytest.raises(UnknownTask):
        await store.rule("t9", decided(record, clock, "reject", reason="no"), patience_ms=1)


# erasure


@pytest.mark.parametrize("state", ["ready", "running", "review", "succeeded", "dead"])
async def test_erases_the_contents_of_a_task(store: Store, clock: Clock, state: str) -> None:
    """What was asked and answered goes at once, wherever the task stands; its end, times and costs stay."""
    await submit(store, "t1", metadata={"order": 7}, key="order-1")
    if state != "ready":
        holder = await claim_one(store)
        await reserve(store, holder, an_intent())
        await resolve(store, an_intent())
    ends = {"review": Review("it said ACME"), "succeeded": Accept(an_attempt()), "dead": DeadLetter("it said ACME")}
    if state in ends:
        await finish(store, holder, ends[state], an_attempt())
    before = await store.read("t1")
    clock.advance(5)

    end = await store.erase("t1")

    assert end == (state if state in ("succeeded", "dead") else "cancelled")
    after = await store.read("t1")
    assert "ACME" not in repr(after)
    assert (after.task.input, after.task.metadata, after.output) == ({}, {}, None)
    assert after.reason == ("erased by the caller" if end == "cancelled" else None)
    assert (after.state, after.cost_nusd, after.erased_ms) == (end, before.cost_nusd, clock.ms)
    assert [(a.number, a.tier, a.verdict.outcome) for a in after.trail] == [
        (a.number, a.tier, a.verdict.outcome) for a in before.trail
    ]
    assert await store.submit([a_submission("t2", key="order-1")]) == [Submitted("t1", replayed=True)]


async def test_erasing_again_changes_nothing(store: Store, clock: Clock) -> None:
    """Erasure is harmless to repeat."""
    await in_review(store)
    await store.erase("t1")
    before = await store.read("t1")
    clock.advance(5)

    assert await store.erase("t1") is TaskState.CANCELLED

    assert await store.read("t1") == before


async def test_an_answer_that_comes_after_the_erasure_is_booked_and_not_kept(store: Store) -> None:
    """A call in flight costs what it costs; what it said is let go."""
    await submit(store, "t1")
    holder = await claim_one(store)
    await reserve(store, holder, an_intent())
    await store.erase("t1")

    await resolve(store, an_intent())

    assert not await finish(store, holder, Accept(an_attempt()), an_attempt())
    after = await store.read("t1")
    assert (after.state, after.trail, after.cost_nusd) == (TaskState.CANCELLED, (), 400)


async def test_nothing_is_erased_of_what_is_not_there(store: Store) -> None:
    """An unknown task is told as such."""
    with pytest.raises(UnknownTask):
        await store.erase("t1")


# leave


async def test_a_task_that_is_left_comes_back_unchanged_after_a_while(store: Store, clock: Clock) -> None:
    """Who cannot read a task leaves it to others: no attempt, no crash, and not the next claim's either."""
    await submit(store, "t1")

    assert await store.leave(await claim_one(store), "upgrade first")
    assert await claim(store, "b") == []
    left = await store.read("t1")
    assert (left.state, left.reason, left.trail) == (TaskState.DELAYED, "upgrade first", ())

    clock.advance(0.5)
    assert (await store.sweep(at_most=10)).readied == 1
    assert (await claim_one(store, "c")).trail == ()
    assert (await store.read("t1")).reason is None


async def test_a_task_that_nobody_can_read_is_let_alone_for_longer_and_longer(store: Store, clock: Clock) -> None:
    """Twice as long each time, half a minute at most, and never beyond its deadline."""
    await submit(store, "t1", deadline_s=100)
    pauses = []
    for number in range(9):
        begun_ms = clock.ms
        await store.leave(await claim_one(store, f"k{number}"), "upgrade first")
        while not (await store.sweep(at_most=10)).readied and clock.ms < begun_ms + 60_000:
            clock.advance(0.5)
            if (await store.read("t1")).state.terminal:
                assert pauses == [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
                assert (await store.read("t1")).state is TaskState.EXPIRED
                return
        pauses.append(clock.ms - begun_ms)
    raise AssertionError(f"the deadline passed unnoticed: {pauses}")


async def test_leaving_twice_is_leaving_once_and_only_by_its_holder(store: Store, clock: Clock) -> None:
    """A reply that was lost may be asked for again; who lost its lease leaves nothing."""
    await submit(store, "t1")
    first = await claim_one(store)
    assert await store.leave(first, "upgrade first")
    assert await store.leave(first, "upgrade first")

    clock.advance(0.5)
    await store.sweep(at_most=10)
    await claim_one(store, "b")

    assert not await store.release(first)
    assert (await store.read("t1")).state is TaskState.RUNNING


async def test_a_suspect_that_is_left_is_no_more_suspect_than_before(store: Store, clock: Clock) -> None:
    """A quarantine shift of an older version counts no crash against what it cannot read."""
    await submit(store, "t1")
    await claim(store)
    await crash(store, clock)

    for number in range(4):
        await store.leave(await claim_one(store, f"k{number}", alone=True), "upgrade first")
        clock.advance(30)
        await store.sweep(at_most=10)

    assert (await store.read("t1")).state is TaskState.READY
    assert ids(await claim(store, "last", alone=True)) == ["t1"]
