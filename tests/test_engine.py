"""Whole tasks, carried over either store, against models that are functions."""

from __future__ import annotations

import pytest

from router.budget import Budget
from router.call import FailureKind, Reply, ToolCall
from router.ports import Store
from router.reading import Reading
from router.refusal import Refusal
from router.task import TaskState
from router.verdict import Outcome
from router.wishes import Parameters, Wishes
from tests.builders import (
    BROKEN,
    DOUBTFUL,
    GOOD,
    TIERS,
    a_certified_policy,
    a_chat,
    a_failure,
    a_policy,
    a_reply,
    a_tier,
)
from tests.carrying import House, by_tier
from tests.conftest import Clock


async def test_stays_with_the_mini_model_when_its_reply_passes(store: Store, clock: Clock) -> None:
    """A reply that passes at the first tier is the result, and no larger model is asked."""
    house = House(store, clock, by_tier(mini=GOOD))
    await house.submit()

    record = await house.settle()

    assert record.state is TaskState.SUCCEEDED
    assert record.output == {"merchant": "ACME", "total": 12.5}
    assert [call.tier for call in house.llm.calls] == ["mini"]


async def test_climbs_until_a_reply_passes(store: Store, clock: Clock) -> None:
    """A task goes up tier by tier and stops at the first reply that passes."""
    house = House(store, clock, by_tier(mini=BROKEN, small=DOUBTFUL, large=GOOD))
    await house.submit()

    record = await house.settle()

    assert [(a.tier, a.why) for a in record.trail] == [("mini", "first"), ("small", "escalate"), ("large", "escalate")]
    assert record.output == {"merchant": "ACME", "total": 12.5}


async def test_a_parked_task_goes_on_when_the_window_turns(store: Store, clock: Clock) -> None:
    """A task that a budget left no room for waits without an attempt, says why, and is done in the next window."""
    house = House(store, clock, by_tier(mini=GOOD))
    await store.publish_budgets([Budget(scope="tenant:*", usd="0.0008", per="minute", on_exceeded="park")])
    await house.submit(task_id="t0")
    await house.settle("t0")
    await house.submit(task_id="t1")
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="now")

    await house.engine.carry(claim)

    record = await store.read("t1")
    assert (record.state, record.trail) == (TaskState.DELAYED, ())
    assert record.reason is not None
    assert record.reason.startswith("no room in the budget of tenant:default: a call may cost $0.0006")
    begun_ms = clock.ms
    clock.advance(30)
    record = await house.settle("t1")
    assert (record.state, record.reason, len(record.trail)) == (TaskState.SUCCEEDED, None, 1)
    assert clock.ms // 60_000 > begun_ms // 60_000


async def test_a_budget_that_refuses_ends_its_tasks(store: Store, clock: Clock) -> None:
    """Nothing is sent that a budget forbids; the task is dead, and its trail says which budget it was."""
    house = House(store, clock, by_tier(mini=GOOD))
    await store.publish_budgets([Budget(scope="policy:receipts", usd="0", per="day")])
    await house.submit()

    record = await house.settle()

    assert (record.state, house.llm.calls) == (TaskState.DEAD, [])
    assert record.reason is not None
    assert "$0.000000 of $0.000000 per day are spent or held; that is more than the whole budget" in record.reason
    assert isinstance(record.trail[0].answer, Refusal)


async def test_falls_back_to_the_other_deployment(store: Store, clock: Clock) -> None:
    """When the preferred deployment fails the other one is asked at once, at its own address."""
    places = ({"name": "eu", "api_base": "https://eu"}, {"name": "us", "api_base": "https://us"})
    tiers = TIERS | {"mini": a_tier("mini", deployments=places)}
    broken = a_failure(FailureKind.NETWORK)
    house = House(store, clock, lambda call: broken if call.deployment.name == "eu" else GOOD, tiers=tiers)
    await house.submit()

    record = await house.settle()

    assert [(a.why, a.deployment) for a in record.trail] == [("first", "eu"), ("fallback", "us")]
    assert [call.deployment.api_base for call in house.llm.calls] == ["https://eu", "https://us"]
    assert record.state is TaskState.SUCCEEDED


async def test_says_with_all_evidence_that_no_tier_could(store: Store, clock: Clock) -> None:
    """When every tier fails, the task is dead, says why, and keeps every attempt."""
    house = House(store, clock, lambda call: BROKEN)
    await house.submit()

    record = await house.settle()

    assert record.state is TaskState.DEAD
    assert "no tier is left" in record.reason
    assert record.output is None
    assert len(record.trail) == 3


async def test_books_every_attempt(store: Store, clock: Clock) -> None:
    """What rejected attempts cost is booked like what the accepted one cost, and the balance is the ledger's sum."""
    house = House(store, clock, by_tier(mini=BROKEN, small=GOOD))
    await house.submit()

    record = await house.settle()

    balance = await store.balance()
    assert record.cost_nusd == balance.settled_nusd == 2 * 210_000
    assert (balance.reserved_nusd, balance.unsettled_nusd, balance.calls) == (0, 0, 2)


async def test_an_error_is_tried_again_after_a_pause(store: Store, clock: Clock) -> None:
    """A passing error costs nothing, waits, and is tried again at the same tier."""
    answers = iter([a_failure(), GOOD])
    house = House(store, clock, lambda call: next(answers))
    await house.submit()

    record = await house.settle()

    assert [(a.tier, a.why) for a in record.trail] == [("mini", "first"), ("mini", "retry")]
    assert record.cost_nusd == 210_000


async def test_an_unknown_outcome_is_held_at_its_bound(store: Store, clock: Clock) -> None:
    """A reply without usage is no free reply: its reservation stays held as unsettled."""
    house = House(store, clock, lambda call: a_reply(usage=None))
    await house.submit()

    record = await house.settle()

    balance = await store.balance()
    assert balance.settled_nusd == 0
    assert balance.unsettled_nusd == record.cost_nusd == record.trail[0].calls[0].doubt_nusd > 0


async def test_the_cost_limit_is_never_passed(store: Store, clock: Clock) -> None:
    """No call is sent whose worst case would take the task over its limit."""
    house = House(store, clock, lambda call: BROKEN)
    await house.submit(policy=a_policy(limits={"attempts": 8, "cost_usd": "0.0010", "output_tokens": 1000}))

    record = await house.settle()

    assert record.state is TaskState.DEAD
    assert "cost_usd" in record.reason
    assert record.cost_nusd <= 1_000_000


async def test_repairs_at_the_same_tier_with_the_findings(store: Store, clock: Clock) -> None:
    """A repair shows the model its answer and what was found in it."""
    answers = iter([a_reply({"merchant": "ACME"}), GOOD])
    house = House(store, clock, lambda call: next(answers))
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 2}], moves={"fail": "repair"})
    await house.submit(policy=policy)

    record = await house.settle()

    assert [a.why for a in record.trail] == ["first", "repair"]
    assert house.llm.calls[1].messages[2] == {"role": "assistant", "content": '{"merchant":"ACME"}'}
    assert "total" in house.llm.calls[1].messages[3]["content"]


async def test_a_second_sample_is_booked_by_itself(store: Store, clock: Clock) -> None:
    """Agreement asks the same tier again, and that call has a line of its own."""
    house = House(
        store, clock, lambda call: GOOD if call.temperature is None else a_reply({"merchant": "B", "total": 1})
    )
    await house.submit(policy=a_policy(checks=[{"check": "agreement"}], tiers=["mini"]))

    record = await house.settle()

    assert record.state is TaskState.DEAD
    assert [call.purpose for call in record.trail[0].calls] == ["answer", "sample"]
    assert "differs in merchant, total" in record.reason


async def test_a_judge_can_only_add_doubt(store: Store, clock: Clock) -> None:
    """A judge's no makes an answer unsure; a broken answer never reaches a judge."""
    judgement = a_reply({"right": "no", "mistake": "the total is wrong"}, sure=None)
    house = House(store, clock, by_tier(mini=GOOD, small=BROKEN, large=judgement))
    policy = a_policy(tiers=["mini", "small"], checks=[{"check": "judge", "tier": "large", "question": "Right?"}])
    await house.submit(policy=policy)

    record = await house.settle()

    assert [a.verdict.outcome for a in record.trail] == ["unsure", "fail"]
    assert [[c.purpose for c in a.calls] for a in record.trail] == [["answer", "judge"], ["answer"]]


async def test_an_input_that_the_prompt_cannot_be_written_for_dies_with_the_reason(store: Store, clock: Clock) -> None:
    """A template that breaks on an input costs no call, and is no crash: the task ends with what went wrong."""
    house = House(store, clock, lambda call: GOOD)
    prompt = {"system": "Read.", "user": "{{ text.split('|')[1].strip() }}"}
    await house.submit(policy=a_policy(prompt=prompt))

    record = await house.settle()

    assert record.state is TaskState.DEAD
    assert "the prompt cannot be written for this input" in record.reason
    assert house.llm.calls == []
    assert (await store.balance()).calls == 0


async def test_a_task_ends_under_the_version_it_was_taken_in_with(store: Store, clock: Clock) -> None:
    """Another prompt and other models are published while a task waits: it is asked and booked as it was accepted."""
    old = a_policy().bound_to(TIERS)
    newer = TIERS | {"mini": a_tier("mini", model=TIERS["small"].model)}
    house = House(store, clock, by_tier(mini=GOOD), tiers=newer)
    await house.submit(policy=old)
    await store.publish([a_policy(prompt={"system": "Read it anew.", "user": "{{ text }}"}).bound_to(newer)])

    record = await house.settle()

    (call,) = house.llm.calls
    assert (call.messages[0]["content"], call.deployment.model) == ("Read the receipt.", TIERS["mini"].model)
    assert record.task.policy == old.digest
    assert {entry.version for entry in await store.ledger()} == {old.digest}
    assert {entry.model for entry in await store.ledger()} == {TIERS["mini"].model}


# What callers wish.

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HELLO = {"messages": [{"role": "user", "content": "Where?"}]}
FORMED = Wishes.model_validate({"response_schema": {"name": "place", "body": CITY}})
CALLING = Wishes.model_validate({"tools": [{"name": "look_up", "parameters": CITY}], "tool_choice": "required"})


def calling(arguments: str) -> Reply:
    return a_reply("", sure=None, tool_calls=(ToolCall(name="look_up", arguments=arguments),))


async def test_a_conversation_is_answered(store: Store, clock: Clock) -> None:
    """A policy without a prompt asks what its caller asks, and climbs as any other."""
    house = House(store, clock, by_tier(mini=a_reply(""), small=a_reply("In Bern.")))
    await house.submit(policy=a_chat(), input=HELLO)

    record = await house.settle()

    assert (record.state, record.output) == (TaskState.SUCCEEDED, "In Bern.")
    assert [call.messages for call in house.llm.calls] == [tuple(HELLO["messages"])] * 2


async def test_a_form_of_the_callers_is_checked(store: Store, clock: Clock) -> None:
    """What is not under the schema climbs; the output is the value, and the task keeps its published version."""
    house = House(
        store, clock, by_tier(mini=a_reply("In Bern."), small=a_reply({"town": 1}), large=a_reply({"city": "B"}))
    )
    await house.submit(policy=a_chat(), input=HELLO, wishes=FORMED)

    record = await house.settle()

    assert record.output == {"city": "B"}
    assert [a.verdict.outcome for a in record.trail if a.verdict] == ["fail", "fail", "pass"]
    assert [call.response_schema.name for call in house.llm.calls if call.response_schema] == ["place"] * 3
    assert record.task.policy == a_chat().digest
    assert {entry.version for entry in await store.ledger()} <= {a_chat().digest, ""}


async def test_functions_of_the_callers_are_checked(store: Store, clock: Clock) -> None:
    """No call, a call with wrong arguments and a sound one are told apart; the sound one is the output."""
    answers = by_tier(mini=a_reply("In Bern."), small=calling('{"town": 1}'), large=calling('{"city": "Bern"}'))
    house = House(store, clock, answers)
    await house.submit(policy=a_chat(), input=HELLO, wishes=CALLING)

    record = await house.settle()

    assert record.output == {"text": None, "calls": [{"name": "look_up", "arguments": {"city": "Bern"}}]}
    assert [(a.tier, a.passed) for a in record.trail] == [("mini", False), ("small", False), ("large", True)]


async def test_a_pinned_tier_is_asked_alone(store: Store, clock: Clock) -> None:
    """Whatever it answers, no other tier is asked; what fails there has failed."""
    house = House(store, clock, by_tier(small=BROKEN))
    await house.submit(wishes=Wishes(tier="small"), tier="small")

    record = await house.settle()

    assert [(a.tier, a.why) for a in record.trail] == [("small", "first")]
    assert (record.state, "no tier is left" in (record.reason or "")) == (TaskState.DEAD, True)


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        (Wishes(tier="huge"), "tier: policy 'receipts' has no tier 'huge'; it climbs mini, small, large"),
        (CALLING, "tools: policy 'receipts' has an output of its own (schema)"),
        (
            Wishes.model_validate({"response_schema": {"name": "r", "body": {"$ref": "http://127.0.0.1:9/"}}}),
            "response_format: the schema of r is refused",
        ),
    ],
)
async def test_what_cannot_be_done_is_a_dead_letter(store: Store, clock: Clock, wishes: Wishes, reason: str) -> None:
    """A task that should not have been taken in ends at once, says why, and costs nothing."""
    house = House(store, clock, by_tier())
    await house.submit(wishes=wishes)

    record = await house.settle()

    assert (record.state, record.trail, house.llm.calls) == (TaskState.DEAD, (), [])
    assert (record.reason or "").startswith(reason)


async def test_a_promise_loosens_nothing_for_who_asks_otherwise(store: Store, clock: Clock) -> None:
    """A certificate is about the policy's own settings: at another temperature only the last tier is believed."""
    policy = a_certified_policy(checks=[])
    house = House(store, clock, by_tier(mini=a_reply(sure=0.99), small=a_reply(sure=0.99), large=GOOD))
    await house.submit(policy=policy, task_id="t1")
    await house.submit(policy=policy, task_id="t2", wishes=Wishes(parameters=Parameters(temperature=1.2)))

    assert [a.tier for a in (await house.settle("t1")).trail] == ["mini"]
    assert [a.tier for a in (await house.settle("t2")).trail] == ["mini", "small", "large"]


async def test_log_probabilities_are_kept_for_who_asked_for_them(store: Store, clock: Clock) -> None:
    """Of the accepted reply alone, as the provider wrote them; nobody else's trail is blown up by them."""
    told = ({"token": "ja", "logprob": -0.1, "bytes": [106, 97], "top_logprobs": []},)
    answers = by_tier(mini=a_reply("", logprobs=told), small=a_reply("ja", logprobs=told))
    house = House(store, clock, answers)
    await house.submit(policy=a_chat(), input=HELLO, task_id="t1", wishes=Wishes(logprobs=True))
    await house.submit(policy=a_chat(), input=HELLO, task_id="t2")

    wished, plain = await house.settle("t1"), await house.settle("t2")

    assert [a.answer.logprobs for a in wished.trail if isinstance(a.answer, Reading)] == [None, told]
    assert [a.answer.logprobs for a in plain.trail if isinstance(a.answer, Reading)] == [None, None]


async def test_the_ledger_says_what_kept_a_tier_from_an_answer(store: Store, clock: Clock) -> None:
    """A tier without a price is asked nothing, and its line says so; each line says whether the task went up."""
    tiers = {**TIERS, "mini": a_tier("mini", model="openai/nobody-knows")}
    house = House(store, clock, by_tier(small=DOUBTFUL, large=GOOD), tiers=tiers)
    await house.submit(policy=a_policy(moves={"error": "escalate"}))

    await house.settle()

    judged = [entry for entry in await store.ledger() if entry.call is None]
    assert [(entry.tier, entry.failure, entry.outcome, entry.escalated) for entry in judged] == [
        ("mini", "unpriced", None, True),
        ("small", "", Outcome.UNSURE, True),
        ("large", "", Outcome.PASS, False),
    ]
