"""What a person may decide, and how the trail shows it."""

from __future__ import annotations

from typing import Any

import pytest

from router.asking import World
from router.decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait, decide
from router.engine import Engine
from router.errors import RulingInvalid
from router.memory import MemoryStore
from router.record import Record
from router.reviewing import check_ruling, chosen, ruled
from router.ruling import Ruling
from router.tailoring import tailored
from router.task import TaskState
from router.testing import FunctionLLM
from router.trail import Attempt, Spent, Trail
from router.verdict import Outcome
from router.wishes import Wishes
from tests.builders import BROKEN, NOW_MS, PRICES, TIERS, a_chat, a_policy, a_submission, a_task, an_attempt

POLICY = a_policy()
ACME = {"merchant": "ACME", "total": 12.5}
DOUBTED = an_attempt(1, "small", Outcome.UNSURE)


def a_record(*trail: Attempt) -> Record:
    return Record(task=a_task(), state=TaskState.REVIEW, tier="small", trail=trail or (DOUBTED,))


def a_ruling(wish: str = "accept", **changes: Any) -> Ruling:
    return Ruling.model_validate({"wish": wish, "by": "anna"} | changes)


def decided(ruling: Ruling, output: Any = None) -> Attempt:
    return ruled(a_record(), ruling, output, since_ms=NOW_MS - 5000, now_ms=NOW_MS)


def test_a_decision_stands_in_the_trail_as_an_attempt_of_nobodys_tier() -> None:
    """Next in number, as long as the person was waited for, without a call and without a cost."""
    attempt = decided(a_ruling(reason="by eye"), ACME)

    assert (attempt.number, attempt.tier, attempt.why, attempt.calls, attempt.cost_nusd) == (
        2,
        "review",
        "review",
        (),
        0,
    )
    assert (attempt.started_ms, attempt.ended_ms) == (NOW_MS - 5000, NOW_MS)
    assert attempt.passed
    assert [(f.check, f.reason) for f in attempt.verdict.findings] == [("review", "by eye")]
    assert not decided(a_ruling("reject", reason="no")).passed


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [
        (a_ruling(), Accept(decided(a_ruling(), ACME))),
        (a_ruling("reject", reason="no receipt"), Reject("rejected by anna: no receipt")),
        (a_ruling("dead_letter", reason="too blurred"), DeadLetter("given up by anna: too blurred")),
        (a_ruling("ask", tier="large"), Ask("large", "escalate")),
        (a_ruling("ask", tier="small"), Ask("small", "retry")),
        (a_ruling("ask", tier="mini"), Ask("mini", "retry")),
    ],
)
def test_what_was_decided_is_done(ruling: Ruling, expected: Decision) -> None:
    """The trail alone says what happens next, whatever the policy would have wished."""
    trail = (DOUBTED, decided(ruling, ACME if ruling.wish == "accept" else None))

    assert decide(POLICY, a_task(), trail, NOW_MS) == expected


def test_no_call_starts_after_the_deadline_for_a_person_either() -> None:
    """What was sent on, and not asked in time, expires."""
    trail = (DOUBTED, decided(a_ruling("ask", tier="large")))

    assert isinstance(decide(POLICY, a_task(), trail, a_task().deadline_ms), Expire)


def test_after_a_person_the_policy_decides_again() -> None:
    """What a tier says that a person had asked is judged as ever."""
    trail = (DOUBTED, decided(a_ruling("ask", tier="small")), an_attempt(3, "small", Outcome.UNSURE, why="retry"))

    assert decide(POLICY, a_task(), trail, NOW_MS) == Ask("large", "escalate")


def sent_on(*before: Attempt, tier: str) -> Trail:
    """A trail at whose end a person had a tier asked."""
    ruling = a_ruling("ask", tier=tier)
    return (*before, ruled(a_record(*before), ruling, None, since_ms=NOW_MS - 5000, now_ms=NOW_MS))


def test_a_decision_and_what_came_before_it_use_no_attempts_up() -> None:
    """What a person sent on has all of `limits.attempts` before it again: it climbs to the top, and then to them."""
    policy = a_policy(limits={"attempts": 3}, moves={"exhausted": "review"})
    trail = sent_on(*(an_attempt(n, tier, Outcome.FAIL) for n, tier in enumerate(policy.path, 1)), tier="mini")

    asked = []
    while isinstance(decision := decide(policy, a_task(), trail, NOW_MS), Ask):
        asked.append(decision.tier)
        trail += (an_attempt(len(trail) + 1, decision.tier, Outcome.FAIL, why=decision.why),)

    assert asked == ["mini", "small", "large"]
    assert isinstance(decision, Review)
    assert decision.reason.startswith("limits.attempts (3) is reached")


def test_a_tier_that_a_person_had_asked_is_repaired_as_often_as_ever() -> None:
    """Its replies from before the decision do not count among its attempts."""
    policy = a_policy(tiers=[{"tier": "small", "attempts": 2}, "large"], moves={"fail": "repair"})
    earlier = (an_attempt(1, "small", Outcome.FAIL), an_attempt(2, "small", Outcome.FAIL, why="repair"))
    trail = sent_on(*earlier, tier="small")

    once = (*trail, an_attempt(4, "small", Outcome.FAIL, why="retry"))
    twice = (*once, an_attempt(5, "small", Outcome.FAIL, why="repair"))

    assert decide(policy, a_task(), once, NOW_MS) == Ask("small", "repair")
    assert decide(policy, a_task(), twice, NOW_MS) == Ask("large", "escalate")


def test_errors_from_before_a_decision_are_no_errors_in_a_row() -> None:
    """`limits.retries` is counted anew."""
    policy = a_policy(limits={"retries": 1})
    trail = sent_on(an_attempt(1, "mini", None), an_attempt(2, "mini", None, why="retry"), tier="mini")
    failed = (*trail, an_attempt(4, "mini", None, why="retry"))

    assert isinstance(decide(policy, a_task(), failed, NOW_MS), Wait)
    again = (*failed, an_attempt(5, "mini", None, why="retry"))
    assert decide(policy, a_task(), again, NOW_MS) == Ask("small", "escalate")


def test_what_a_task_may_cost_is_spent_once() -> None:
    """`limits.cost_usd` bounds the whole task, whoever sent it on."""
    policy = a_policy(limits={"cost_usd": "0.001"})
    dear = Spent(call="c", purpose="answer", tier="mini", model="m", cost_nusd=600_000)
    trail = sent_on(an_attempt(1, "mini", Outcome.FAIL, calls=(dear,)), tier="mini")
    again = (*trail, an_attempt(3, "mini", Outcome.FAIL, why="retry", calls=(dear,)))

    decision = decide(policy, a_task(), again, NOW_MS)

    assert "limits.cost_usd (0.001) is spent" in getattr(decision, "reason", "")


def test_the_deadline_counts_no_decision_among_the_attempts() -> None:
    """Who reads why it expired is told how often a tier was asked."""
    trail = sent_on(DOUBTED, tier="large")

    assert decide(POLICY, a_task(), trail, a_task().deadline_ms) == Expire("the deadline passed after 1 attempts")


async def test_what_is_sent_on_climbs_its_whole_path_again() -> None:
    """Through the engine: every tier is asked again, however many attempts it had had."""
    policy = a_policy(limits={"attempts": 3}, moves={"exhausted": "review"})
    store, llm = MemoryStore(clock_ms=lambda: NOW_MS), FunctionLLM(lambda call: BROKEN)
    engine = Engine(World(tiers=TIERS, prices=PRICES, llm=llm, store=store, clock_ms=lambda: NOW_MS))
    await store.publish([policy])
    await store.submit([a_submission(policy=policy.digest)])

    async def carried(who: str) -> Record:
        for turn in range(3):
            for claim in await store.claim(dict.fromkeys(TIERS, 1), at_most=1, token=f"{who} {turn}"):
                await engine.carry(claim)
        return await store.read("t1")

    waiting = await carried("first")
    assert waiting.state is TaskState.REVIEW
    ruling = ruled(waiting, a_ruling("ask", tier="mini"), None, since_ms=NOW_MS, now_ms=NOW_MS)
    await store.rule("t1", ruling, patience_ms=60_000)
    record = await carried("again")

    path = ["mini", "small", "large"]
    assert [attempt.tier for attempt in record.trail] == [*path, "review", *path]
    assert record.state is TaskState.REVIEW


def test_the_output_of_an_attempt_can_be_chosen() -> None:
    """By its number; what has none cannot."""
    record = a_record(an_attempt(1, "mini", None), an_attempt(2, "small", Outcome.FAIL))

    assert chosen(record, 2) == ACME
    with pytest.raises(RulingInvalid, match="attempt 1 has no output"):
        chosen(record, 1)
    with pytest.raises(RulingInvalid, match="there is no attempt 3; the task has had 2"):
        chosen(record, 3)


@pytest.mark.parametrize("output", [ACME, {"merchant": None, "total": 0}])
def test_an_output_under_the_schema_is_accepted(output: Any) -> None:
    """Whatever any other check would say."""
    check_ruling(POLICY, a_ruling(), output)


@pytest.mark.parametrize(
    ("ruling", "output", "said"),
    [
        (a_ruling(), {"merchant": "ACME"}, "does not meet the schema of policy 'receipts'"),
        (a_ruling(), {"merchant": 7, "total": "x"}, r"\$.total: 'x' is not a number; \$.merchant: 7 is not"),
        (a_ruling(), None, "does not meet the schema"),
        (a_ruling("ask", tier="huge"), None, "has no tier 'huge'; it climbs mini, small, large"),
    ],
)
def test_what_cannot_be_is_refused(ruling: Ruling, output: Any, said: str) -> None:
    """No person overrules a schema, or has a tier asked that the policy does not have."""
    with pytest.raises(RulingInvalid, match=said):
        check_ruling(POLICY, ruling, output)


def test_labels_and_texts_are_held_to_their_form() -> None:
    """A label is one of the policy's, a text is a text."""
    labels = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])

    check_ruling(labels, a_ruling(), "refund")
    with pytest.raises(RulingInvalid, match="schema"):
        check_ruling(labels, a_ruling(), "nonsense")
    with pytest.raises(RulingInvalid, match="schema"):
        check_ruling(a_policy(output={"text": {}}, checks=[]), a_ruling(), 7)


def test_a_person_keeps_to_the_form_that_the_caller_asked_for() -> None:
    """An output for a task with a form or functions of its own must be in that form, arguments included."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    cheap = Wishes.model_validate({"response_schema": {"name": "r", "body": {"properties": {"total": {"maximum": 9}}}}})
    calling = Wishes.model_validate({"tools": [{"name": "f", "parameters": city}]})

    check_ruling(tailored(POLICY, cheap), a_ruling(), {"merchant": "A", "total": 9})
    with pytest.raises(RulingInvalid, match="10 is more than 9"):
        check_ruling(tailored(POLICY, cheap), a_ruling(), {"merchant": "A", "total": 10})
    with pytest.raises(RulingInvalid, match="'city' is missing"):
        called = {"text": None, "calls": [{"name": "f", "arguments": {}}]}
        check_ruling(tailored(a_chat(), calling), a_ruling(), called)
