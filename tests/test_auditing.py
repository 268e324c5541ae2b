"""Audits: a share of what was accepted is asked again of a larger tier, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from router.auditing import AUDIT, audit_of, compare, shadow_of
from router.budget import Budget
from router.call import FailureKind, Reply
from router.decision import Accept, Ask, Reject, Wait, decide
from router.ledger import Entry, EntryKind
from router.output import Output
from router.policy import Policy
from router.ports import Store
from router.reading import Reading
from router.record import Record
from router.refusal import broken
from router.task import AUDITOR, Audited, Priority, Task, TaskState
from router.verdict import Outcome
from router.wishes import Wishes
from tests.builders import (
    BROKEN,
    DOUBTFUL,
    GOOD,
    NOW_MS,
    TIERS,
    a_chat,
    a_failure,
    a_policy,
    a_reply,
    a_submission,
    a_task,
    a_tier,
    an_attempt,
)
from tests.carrying import House, by_tier
from tests.conftest import Clock

OTHER = a_reply({"merchant": "OTHER", "total": 12.5})


def audited(rate: float = 1.0, against: str = "large", **changes: Any) -> Policy:
    return a_policy(audit={"rate": rate, "against": against}, **changes)


async def run(house: House, policy: Policy | None = None) -> tuple[Record, Record]:
    """A task and its audit, both at their end."""
    await house.submit(policy=policy or audited())
    record = await house.settle()
    assert record.audit is not None
    return record, await house.settle(record.audit)


async def lines(store: Store, task_id: str) -> Sequence[Entry]:
    return [entry for entry in await store.ledger() if entry.task == task_id]


def findings(record: Record) -> dict[str, str]:
    verdict = record.trail[-1].verdict
    return {finding.check: finding.reason for finding in verdict.findings if finding.reason} if verdict else {}


async def test_an_accepted_output_is_asked_again(store: Store, clock: Clock) -> None:
    """The task ends as it would have; its audit asks the larger tier the same, at low priority, for no tenant."""
    task, audit = await run(House(store, clock, by_tier(mini=GOOD, large=GOOD)))

    assert (task.state, [a.tier for a in task.trail]) == (TaskState.SUCCEEDED, ["mini"])
    assert (audit.state, [(a.tier, a.why) for a in audit.trail]) == (TaskState.SUCCEEDED, [("large", "audit")])
    assert (audit.task.tenant, audit.task.priority, audit.task.input) == (AUDITOR, Priority.LOW, task.task.input)
    assert audit.task.audits == Audited(task="t1", tier="mini", output=task.output, against="large")


async def test_the_audit_sees_what_the_first_tier_saw(store: Store, clock: Clock) -> None:
    """Nothing of the accepted output is in the question: the two answers are independent."""
    house = House(store, clock, by_tier(mini=GOOD, large=GOOD))
    await run(house, audited(prompt={"system": "Read.", "user": "{{ text }}", "earlier": "attempts"}))

    first, again = house.llm.calls
    assert first.messages == again.messages


@pytest.mark.parametrize(("answer", "told"), [(GOOD, False), (OTHER, True)], ids=["same", "other"])
async def test_a_difference_is_told_in_the_ledger(store: Store, clock: Clock, answer: Reply, told: bool) -> None:
    """Each audit has one line that says whether the outputs differ, under the version of the policy that ran."""
    policy = audited()
    _, audit = await run(House(store, clock, by_tier(mini=GOOD, large=answer)), policy)

    (line,) = (e for e in await lines(store, audit.task.id) if e.kind is EntryKind.ATTEMPT)
    assert (line.why, line.policy, line.version) == ("audit", "receipts", policy.digest)
    assert line.checks == ((AUDIT,) if told else ())
    assert (AUDIT in findings(audit)) is told


async def test_audits_spend_their_own_budget(store: Store, clock: Clock) -> None:
    """An audit counts for everybody, its policy's audits and its tier; in no budget of a tenant or the policy."""
    _, audit = await run(House(store, clock, by_tier(mini=GOOD, large=GOOD)))

    booked = [e for e in await lines(store, audit.task.id) if e.kind is EntryKind.SETTLED]
    assert [e.scopes for e in booked] == [("global", "audit:receipts", "tier:large")]
    day = f"d{clock.ms // 86_400_000}"
    names = [f"{scope}:{day}" for scope in ("global", "audit:receipts", "policy:receipts", "tenant:default")]
    balances = await store.balances(names)
    assert [balances[name].calls for name in names] == [2, 1, 1, 1]


async def test_a_spent_audit_budget_ends_audits_alone(store: Store, clock: Clock) -> None:
    """Where the audits' budget has no room, the audit is dropped with the reason, and no task is touched by it."""
    await store.publish_budgets([Budget(scope="audit:*", usd="0", per="day")])
    house = House(store, clock, by_tier(mini=GOOD, large=GOOD))

    task, audit = await run(house)

    assert task.state is TaskState.SUCCEEDED
    assert (audit.state, "audit:receipts" in (audit.reason or "")) == (TaskState.REJECTED, True)
    assert [call.tier for call in house.llm.calls] == ["mini"]


async def test_an_audit_never_becomes_a_dead_letter(store: Store, clock: Clock) -> None:
    """A provider that is down costs some retries, and the audit ends as rejected: nobody has to look after it."""
    down = a_failure(FailureKind.SERVER)
    _, audit = await run(House(store, clock, by_tier(mini=GOOD, large=down)), audited(limits={"retries": 2}))

    assert (audit.state, [a.why for a in audit.trail]) == (TaskState.REJECTED, ["audit"] * 3)


async def test_a_broken_auditing_reply_is_no_evidence(store: Store, clock: Clock) -> None:
    """An auditing reply that fails the policy's own checks says nothing about what was accepted."""
    _, audit = await run(House(store, clock, by_tier(mini=GOOD, large=BROKEN)))

    assert (audit.state, audit.trail[-1].passed) == (TaskState.REJECTED, False)


async def test_an_audit_is_one_call(store: Store, clock: Clock) -> None:
    """Checks that would ask a model again are left out: an audit costs what the larger tier's answer costs."""
    checks = [{"check": "agreement", "severity": "unsure"}]
    house = House(store, clock, by_tier(mini=GOOD, large=GOOD))

    await run(house, audited(checks=checks))

    assert [call.tier for call in house.llm.calls] == ["mini", "mini", "large"]


async def test_a_tier_outside_the_path_may_audit(store: Store, clock: Clock) -> None:
    """Who audits need not be asked by the policy otherwise; its calls are booked at its own model."""
    tiers = TIERS | {"frontier": a_tier("frontier", model=TIERS["large"].model)}
    house = House(store, clock, by_tier(mini=GOOD, frontier=GOOD), tiers=tiers)

    _, audit = await run(house, audited(against="frontier"))

    assert [(a.tier, a.passed) for a in audit.trail] == [("frontier", True)]
    assert {e.model for e in await lines(store, audit.task.id)} == {TIERS["large"].model}


async def test_what_ended_at_the_auditing_tier_is_not_audited(store: Store, clock: Clock) -> None:
    """There is nobody larger to ask, so nothing is."""
    house = House(store, clock, by_tier(mini=DOUBTFUL, small=DOUBTFUL, large=GOOD))
    await house.submit(policy=audited())

    record = await house.settle()

    assert (record.tier, record.audit) == ("large", None)


async def test_audits_wait_for_what_callers_wait_for(store: Store, clock: Clock) -> None:
    """In a queue with both, one audit is taken for every twenty tasks of a caller."""
    policy = audited()
    house = House(store, clock, by_tier(mini=GOOD))
    for number in range(3):
        await house.submit(task_id=f"early-{number}", policy=policy)
    for claim in await store.claim({"mini": 10}, at_most=10, token="early"):
        await house.engine.carry(claim)
    for number in range(50):
        await house.submit(task_id=f"late-{number:02}", policy=policy, tier="large")

    order = [claim.task.tenant for claim in await store.claim({"large": 100}, at_most=100, token="all")]

    waited = [place for place, tenant in enumerate(order) if tenant == AUDITOR]
    assert len(order) == 53
    assert waited[1] - waited[0] == 21


async def test_audits_that_come_one_by_one_wait_as_long(store: Store, clock: Clock) -> None:
    """An audit that is alone in its queue is no more urgent than one of many: callers have nineteen turns of twenty."""
    policy = audited()
    house = House(store, clock, by_tier(mini=GOOD))
    for number in range(100):
        await house.submit(task_id=f"caller-{number:03}", policy=policy, tier="large")
    served = []
    for number in range(40):
        await house.submit(task_id=f"early-{number}", policy=policy)
        (early,) = await store.claim({"mini": 10}, at_most=1, token=f"early-{number}")
        await house.engine.carry(early)
        (next_one,) = await store.claim({"large": 1000}, at_most=1, token=f"next-{number}")
        served.append(next_one.task.tenant)

    assert served.count(AUDITOR) <= 2


async def test_audits_that_nobody_takes_are_bounded(store: Store, clock: Clock) -> None:
    """Where nobody serves the auditing tier, some wait and no more are made: callers need the room."""
    policy = audited(against="frontier")
    await store.publish([policy])
    await store.submit([a_submission(f"t{n:04}", policy=policy.digest) for n in range(1010)])
    while claims := await store.claim({"mini": 1000}, at_most=100, token=f"{clock.ms}"):
        clock.advance(0.001)
        for claim in claims:
            await store.finish(claim, policy, an_attempt(), Accept(an_attempt()))

    made = [(await store.read(f"t{n:04}")).audit for n in range(1010)]
    assert sum(audit is not None for audit in made) == 1000


async def test_an_audit_ends_before_its_task_is_forgotten(store: Store, clock: Clock) -> None:
    """Contents lie no longer than `keep_s` says: an audit that nobody did by then is given up."""
    house = House(store, clock, by_tier(mini=GOOD))
    await house.submit(policy=audited(keep_s=3600))
    for claim in await store.claim({"mini": 10}, at_most=10, token="early"):
        await house.engine.carry(claim)
    audit = (await store.read("t1")).audit or ""

    clock.advance(3601)
    await store.sweep(at_most=10)

    assert (await store.read(audit)).state is TaskState.EXPIRED


def test_an_audit_outlives_a_breaker() -> None:
    """After a deployment's pause the audit asks again; where it stays broken, it is given up after some tries."""
    task = a_task(audits=Audited(task="t0", tier="mini", output={}, against="large"))
    refused = [an_attempt(n, "large", None, why="audit", answer=broken("large", NOW_MS + 2000)) for n in range(1, 6)]

    assert isinstance(decide(audited(), task, tuple(refused[:1]), NOW_MS + 1000), Wait)
    assert decide(audited(), task, tuple(refused[:1]), NOW_MS + 60_000) == Ask("large", "audit")
    assert isinstance(decide(audited(), task, tuple(refused), NOW_MS + 60_000), Reject)


def test_a_shadow_run_is_known_by_what_is_asked_of_whom() -> None:
    """Another input, tier or version is another task, whatever its name; the same ones are the same task."""
    task = a_task("1", policy="v1", input={"text": "a"})

    def run(task: Task = task, against: str = "large") -> str:
        return shadow_of(a_policy(), task, against).task_id

    assert run() == run(task.model_copy(update={"id": "2"}))
    others = [
        run(against="small"),
        *(run(task.model_copy(update=c)) for c in ({"policy": "v2"}, {"input": {"text": "b"}})),
    ]
    assert len({run(), *others}) == 4


def test_the_draw_is_the_tasks_own() -> None:
    """About the asked share of tasks is drawn, the same ones however often one asks, and none for nothing."""
    end = Accept(an_attempt())
    drawn = [audit_of(audited(0.25), a_task(f"t{n}"), end) is not None for n in range(4000)]

    assert drawn == [audit_of(audited(0.25), a_task(f"t{n}"), end) is not None for n in range(4000)]
    assert 0.22 < sum(drawn) / 4000 < 0.28  # 4 standard errors
    assert not any(audit_of(audited(0), a_task(f"t{n}"), end) for n in range(1000))


def test_only_accepted_outputs_are_audited() -> None:
    """What ended otherwise has nothing to compare, a policy without `audit` wants none, and audits have no audits."""
    again = a_task(audits=Audited(task="t0", tier="mini", output={}, against="large"))

    assert audit_of(audited(), a_task(), Reject("no")) is None
    assert audit_of(a_policy(), a_task(), Accept(an_attempt())) is None
    assert audit_of(audited(), again, Accept(an_attempt())) is None


def test_outputs_are_compared_as_people_would() -> None:
    """Case, accents and blanks make no difference; another value does, and is named; no output is a difference."""
    output = Output.model_validate({"schema": {"type": "object", "required": ["name", "total"]}})
    accepted = Audited(task="t1", tier="mini", output={"name": "Café  Süd", "total": 1}, against="large")

    same = compare(output, accepted, Reading(output={"name": "cafe süd", "total": 1.0}))
    other = compare(output, accepted, Reading(output={"name": "Café Süd", "total": 2}))
    none = compare(output, accepted, Reading(problem="empty"))

    assert (same.outcome, other.outcome, none.outcome) == (Outcome.PASS, Outcome.FAIL, Outcome.FAIL)
    assert other.reason == "the output accepted at mini differs in total"
    assert other.warn


async def test_an_audit_asks_what_the_caller_asked_for(store: Store, clock: Clock) -> None:
    """The larger tier is asked in the same form and at the same settings, and compared in it; a pinned task is left."""
    form = {"name": "place", "body": {"type": "object", "required": ["city"]}}
    asked = Wishes.model_validate({"response_schema": form, "parameters": {"top_p": 0.4}})
    policy = a_chat(audit={"rate": 1.0, "against": "large"})
    house = House(store, clock, by_tier(mini=a_reply({"city": "Bern"}), large=a_reply({"city": "Bonn"})))
    hello = {"messages": [{"role": "user", "content": "Where?"}]}
    await house.submit(policy=policy, input=hello, wishes=asked)
    record = await house.settle()
    assert record.audit is not None

    audit = await house.settle(record.audit)

    assert [(c.tier, c.top_p, c.response_schema.name) for c in house.llm.calls if c.response_schema] == [
        ("mini", 0.4, "place"),
        ("large", 0.4, "place"),
    ]
    assert findings(audit)[AUDIT] == "the output accepted at mini differs in city"
    await house.submit(policy=policy, input=hello, task_id="t2", wishes=Wishes(tier="mini"))
    assert (await house.settle("t2")).audit is None
