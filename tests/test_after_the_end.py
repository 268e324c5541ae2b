"""Cancel and deadlines reach a task wherever it stands, and nothing reaches it after its end."""

from __future__ import annotations

import pytest

from router.decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait
from router.ledger import Balance, EntryKind
from router.ports import Claim, Store, Swept
from router.refusal import Refusal
from router.task import TaskState
from router.verdict import Outcome
from tests.builders import RATES, a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.conftest import Clock

TIERS = {"mini": 100, "small": 100}
DEADLINE_S = 600
LEASE_S, GRACE_S = 30, 15
FAILED = an_attempt(1, "mini", Outcome.FAIL)
POLICY = a_policy(limits={"attempts": 8, "deadline_s": 600, "cost_usd": 1, "wait_at_most_s": 3600})


async def claim(store: Store, token: str = "a", *, alone: bool = False) -> list[Claim]:
    return list(await store.claim(TIERS, at_most=10, token=token, alone=alone))


async def held(store: Store) -> Claim:
    """A task that was submitted and claimed."""
    await store.submit([a_submission(deadline_s=DEADLINE_S)])
    (only,) = await claim(store)
    return only


async def suspected(store: Store, clock: Clock) -> None:
    """A task whose shift is gone, so that it waits to run alone."""
    await held(store)
    for seconds in (LEASE_S, GRACE_S):
        clock.advance(seconds)
        await store.sweep(at_most=100)


async def call(store: Store, holder: Claim, name: str = "c1") -> object:
    return await store.reserve(holder, an_intent(name), rates=RATES, limit_nusd=10**9, open_for_ms=45_000)


async def answer(store: Store, name: str = "c1") -> None:
    intent, settlement = an_intent(name), a_settlement(EntryKind.SETTLED, 400)
    await store.resolve(intent, settlement, a_kept(intent, settlement))


async def finish(store: Store, holder: Claim, decision: Decision) -> bool:
    return await store.finish(holder, POLICY, FAILED, decision)


async def state(store: Store) -> TaskState:
    return (await store.read("t1")).state


# after the end

ENDS: dict[TaskState, Decision | None] = {
    TaskState.SUCCEEDED: Accept(FAILED),
    TaskState.REJECTED: Reject("impossible"),
    TaskState.DEAD: DeadLetter("no tier is left"),
    TaskState.EXPIRED: Expire("too late"),
    TaskState.CANCELLED: None,
}


async def ended(store: Store, end: TaskState) -> Claim:
    """A task that ended so while it was held; returns what its holder thinks to have."""
    holder = await held(store)
    if decision := ENDS[end]:
        assert await finish(store, holder, decision)
    else:
        await store.cancel("t1")
    return holder


@pytest.mark.parametrize("end", ENDS)
async def test_an_end_is_not_cancelled(store: Store, end: TaskState) -> None:
    """Whoever cancels what has ended is told how it ended, and not a word of its record changes."""
    await ended(store, end)
    before = await store.read("t1")

    assert await store.cancel("t1") is end
    assert await store.read("t1") == before


@pytest.mark.parametrize("end", ENDS)
async def test_an_end_is_for_good(store: Store, clock: Clock, end: TaskState) -> None:
    """No finish, renewal, release, sweep, deadline or claim moves what has ended, and no new call starts for it."""
    holder = await ended(store, end)
    before = await store.read("t1")

    assert await store.renew([holder]) == {"t1"}
    assert isinstance(await call(store, holder, "late"), Refusal)
    assert not await store.release(holder)
    for decision in (Ask("small", "escalate"), Wait(0, "later"), Review("a person")):
        await finish(store, holder, decision)
    clock.advance(2 * DEADLINE_S)
    assert await store.sweep(at_most=100) == Swept()
    assert await claim(store, "b") == await claim(store, "c", alone=True) == []

    assert await store.read("t1") == before


@pytest.mark.parametrize("end", ENDS)
async def test_a_call_in_flight_is_booked_after_the_end(store: Store, end: TaskState) -> None:
    """Money that was spent is booked whatever became of the task, and its cost is told with it."""
    holder = await held(store)
    await call(store, holder)
    if decision := ENDS[end]:
        await finish(store, holder, decision)
    else:
        await store.cancel("t1")

    await answer(store)

    assert await store.balance() == Balance(settled_nusd=400, calls=1)
    assert ((await store.read("t1")).cost_nusd, await state(store)) == (400, end)


# cancel


async def test_a_suspect_is_cancelled(store: Store, clock: Clock) -> None:
    """A task that waits to run alone is cancelled like any other, and leaves its queue."""
    await suspected(store, clock)

    assert await store.cancel("t1") is TaskState.CANCELLED

    assert await claim(store, "b", alone=True) == []


async def test_a_suspect_that_runs_is_cancelled(store: Store, clock: Clock) -> None:
    """While it runs alone too; whoever runs it learns so at the next call and may not finish it."""
    await suspected(store, clock)
    (alone,) = await claim(store, "b", alone=True)

    assert await store.cancel("t1") is TaskState.CANCELLED

    assert isinstance(await call(store, alone), Refusal)
    assert not await finish(store, alone, Accept(FAILED))


async def test_what_climbed_is_cancelled_where_it_is(store: Store) -> None:
    """In the queue of a later tier, and on the shift that took it there."""
    holder = await held(store)
    await finish(store, holder, Ask("small", "escalate"))
    await store.cancel("t1")

    assert await claim(store, "b") == []
    assert (await store.read("t1")).tier == "small"


# deadlines


async def test_a_deadline_holds_with_a_call_in_flight(store: Store, clock: Clock) -> None:
    """The task expires within a lease and a grace, its call is booked when it comes, and no further one starts."""
    holder = await held(store)
    clock.advance(DEADLINE_S - 1)
    await store.renew([holder])
    assert not isinstance(await call(store, holder), Refusal)

    clock.advance(1)
    assert isinstance(await call(store, holder, "c2"), Refusal)
    for seconds in (LEASE_S, GRACE_S):
        clock.advance(seconds)
        await store.renew([holder])
        await store.sweep(at_most=100)
    assert await state(store) is TaskState.EXPIRED

    await answer(store)
    assert not await finish(store, holder, Accept(FAILED))
    assert await store.balance() == Balance(settled_nusd=400, calls=1)


async def test_an_answer_at_the_last_moment_counts(store: Store, clock: Clock) -> None:
    """Who has a good reply when the deadline passes still ends the task, if nobody else has ended it."""
    holder = await held(store)
    clock.advance(DEADLINE_S - 1)
    await store.renew([holder])
    await call(store, holder)
    clock.advance(2)
    await answer(store)

    assert await finish(store, holder, Accept(FAILED))
    assert await state(store) is TaskState.SUCCEEDED


async def test_a_deadline_ends_a_suspect(store: Store, clock: Clock) -> None:
    """A task that waits to run alone, with nobody to run it, expires at its deadline."""
    await suspected(store, clock)

    clock.advance(DEADLINE_S - LEASE_S - GRACE_S)
    assert await store.sweep(at_most=100) == Swept(ended=1)

    assert await state(store) is TaskState.EXPIRED


async def test_a_claim_ends_a_suspect_that_is_late(store: Store, clock: Clock) -> None:
    """Before any sweep sees it, it is given to nobody."""
    await suspected(store, clock)
    clock.advance(DEADLINE_S)

    assert await claim(store, "b", alone=True) == []
    assert await state(store) is TaskState.EXPIRED


async def test_a_deadline_ends_what_climbed(store: Store, clock: Clock) -> None:
    """Climbing wins no time."""
    await finish(store, await held(store), Ask("small", "escalate"))
    clock.advance(DEADLINE_S)

    await store.sweep(at_most=100)

    assert await state(store) is TaskState.EXPIRED


async def test_no_wait_outlives_the_deadline(store: Store, clock: Clock) -> None:
    """A task told to wait for a day is looked at, and ended, at its deadline."""
    await finish(store, await held(store), Wait(clock.ms + 86_400_000, "a budget"))
    assert await state(store) is TaskState.DELAYED

    clock.advance(DEADLINE_S)
    assert await store.sweep(at_most=100) == Swept(ended=1)

    assert await state(store) is TaskState.EXPIRED


async def test_a_review_outlives_the_deadline_but_not_its_bound(store: Store, clock: Clock) -> None:
    """People need longer than models: a review ends at wait_at_most_s, whether the deadline has passed or not."""
    await finish(store, await held(store), Review("a person decides"))
    clock.advance(DEADLINE_S + 1)
    await store.sweep(at_most=100)
    assert await state(store) is TaskState.REVIEW

    clock.advance(3600 - DEADLINE_S - 1)
    await store.sweep(at_most=100)

    assert await state(store) is TaskState.EXPIRED
    assert await store.cancel("t1") is TaskState.EXPIRED
