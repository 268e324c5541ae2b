"""What happens next: the table of moves, and promises that hold for any policy and any trail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.asking import World
from router.call import Answer, Call, Failure, FailureKind, FinishReason, Usage
from router.cost import PriceBook, input_tokens_at_most
from router.decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait, decide
from router.engine import Engine
from router.memory import MemoryStore
from router.policy import Policy
from router.reading import Reading
from router.record import Record
from router.refusal import Refusal
from router.reviewing import ruled
from router.ruling import Ruling
from router.tailoring import tailored
from router.task import Task, TaskState
from router.testing import FunctionLLM
from router.tier import Tier
from router.trail import Attempt, Spent, Trail
from router.verdict import Outcome, Verdict
from router.wishes import Wishes
from tests.builders import (
    NOW_MS,
    TIERS,
    a_chat,
    a_failure,
    a_policy,
    a_price,
    a_reply,
    a_submission,
    a_task,
    a_tier,
    a_verdict,
    an_attempt,
)

TASK = a_task()
TOLD = "mini: so it seems"


def refused(**changes: Any) -> Attempt:
    return an_attempt(outcome=Outcome.FAIL, answer=Reading(problem="the model refused", refusal="I cannot"), **changes)


def failed(
    kind: FailureKind = FailureKind.SERVER,
    *,
    number: int = 1,
    tier: str = "mini",
    why: str = "first",
    calls: tuple[Spent, ...] = (),
    **changes: Any,
) -> Attempt:
    return an_attempt(number, tier, None, answer=a_failure(kind, **changes), why=why, calls=calls)


def at_mini(move: str, outcome: Outcome, attempts: int = 1) -> Decision:
    """What follows the first reply of the mini tier."""
    policy = a_policy(
        tiers=[{"tier": "mini", "attempts": attempts}, "small"], moves={outcome.value: move, "exhausted": "dead_letter"}
    )
    return decide(policy, TASK, (an_attempt(outcome=outcome),), NOW_MS)


# The table of moves.


def test_a_new_task_is_asked_at_the_first_tier() -> None:
    """An empty trail asks the first tier of the path."""
    assert decide(a_policy(), TASK, (), NOW_MS) == Ask("mini", "first")


def test_a_passing_reply_is_accepted() -> None:
    """A reply that passes ends the task, and the decision carries its attempt."""
    attempt = an_attempt()

    assert decide(a_policy(), TASK, (attempt,), NOW_MS) == Accept(attempt)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNSURE])
@pytest.mark.parametrize(
    ("move", "attempts", "expected"),
    [
        ("repair", 1, Ask("small", "escalate")),
        ("repair", 2, Ask("mini", "repair")),
        ("retry", 1, Ask("small", "escalate")),
        ("retry", 2, Ask("mini", "retry")),
        ("escalate", 2, Ask("small", "escalate")),
        ("review", 2, Review(TOLD)),
        ("reject", 2, Reject(TOLD)),
        ("dead_letter", 2, DeadLetter(TOLD)),
    ],
)
def test_a_verdict_leads_to_the_authors_move(outcome: Outcome, move: str, attempts: int, expected: Decision) -> None:
    """A failed and an unsure reply each lead where the policy says; where a tier has no attempt left, to the next."""
    assert at_mini(move, outcome, attempts) == expected


def test_an_unsure_reply_may_be_accepted_where_the_author_says_so() -> None:
    """`unsure: accept` takes an ambiguous reply."""
    assert isinstance(at_mini("accept", Outcome.UNSURE), Accept)


def test_no_policy_can_accept_what_failed() -> None:
    """`fail: accept` is no move: an output that failed a check is never a success."""
    with pytest.raises(ValueError, match=r"moves\.fail"):
        a_policy(moves={"fail": "accept"})


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("escalate", Ask("small", "escalate")),
        ("review", Review),
        ("reject", Reject),
        ("dead_letter", DeadLetter),
    ],
)
@pytest.mark.parametrize(
    "attempt",
    [
        refused(),
        an_attempt(outcome=Outcome.FAIL, answer=Reading(output={}, finish_reason=FinishReason.CONTENT_FILTER)),
        failed(FailureKind.CONTENT_POLICY),
    ],
    ids=["refusal", "filtered reply", "filtered request"],
)
def test_a_refusal_has_a_move_of_its_own(move: str, expected: Any, attempt: Attempt) -> None:
    """Whether the model or the provider's filter refuses, `refused` says what happens, not `fail` or `error`."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 3}, "small"], moves={"refused": move, "fail": "repair"})

    decision = decide(policy, TASK, (attempt,), NOW_MS)

    assert decision == expected if isinstance(expected, Ask) else isinstance(decision, expected)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if not a_failure(kind).passing])
def test_an_error_that_will_not_pass_is_not_tried_again(kind: FailureKind) -> None:
    """A wrong key or a request that the provider does not understand goes to the next tier at once."""
    assert decide(a_policy(), TASK, (failed(kind),), NOW_MS) == Ask("small", "escalate")


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if a_failure(kind).passing])
def test_a_passing_error_is_waited_out_and_tried_again(kind: FailureKind) -> None:
    """A passing error waits for some time after it ended, and is then tried again at its tier."""
    waiting = decide(a_policy(), TASK, (failed(kind),), NOW_MS)

    assert isinstance(waiting, Wait)
    assert NOW_MS < waiting.until_ms < TASK.deadline_ms
    assert decide(a_policy(), TASK, (failed(kind),), waiting.until_ms) == Ask("mini", "retry")


@pytest.mark.parametrize(
    ("move", "expected"),
    [("escalate", Ask("small", "escalate")), ("review", Review), ("reject", Reject), ("dead_letter", DeadLetter)],
)
def test_an_error_leads_to_the_authors_move(move: str, expected: Any) -> None:
    """`error` says what a passing error leads to where it is not tried again."""
    decision = decide(a_policy(moves={"error": move}), TASK, (failed(),), NOW_MS)

    assert decision == expected if isinstance(expected, Ask) else isinstance(decision, expected)


def test_errors_are_tried_again_so_often_and_then_climb() -> None:
    """`retries` bounds the repeated errors of one tier; the count starts anew at the next."""
    policy = a_policy(limits={"attempts": 9, "retries": 2})
    trail = tuple(failed(number=n) for n in (1, 2, 3))

    assert isinstance(decide(policy, TASK, trail[:2], NOW_MS), Wait)
    assert decide(policy, TASK, trail, NOW_MS) == Ask("small", "escalate")
    assert isinstance(decide(policy, TASK, (*trail, failed(number=4, tier="small")), NOW_MS), Wait)


def test_errors_do_not_use_up_the_attempts_of_a_tier() -> None:
    """A tier's `attempts` counts replies: an error between them takes none away."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 2}, "small"], moves={"fail": "repair"})
    trail = (failed(), an_attempt(2, outcome=Outcome.FAIL, why="retry"))

    assert decide(policy, TASK, trail, NOW_MS) == Ask("mini", "repair")


def test_the_end_of_the_path_is_the_authors_ending() -> None:
    """When no tier is left, `exhausted` says how the task ends, with the reason of the last attempt."""
    trail = (an_attempt(tier="large", outcome=Outcome.FAIL),)

    for ending, kind in (("review", Review), ("reject", Reject), ("dead_letter", DeadLetter)):
        decision = decide(a_policy(moves={"exhausted": ending}), TASK, trail, NOW_MS)
        assert decision == kind("no tier is left; large: so it seems")


def test_the_limit_of_attempts_counts_every_tier() -> None:
    """`limits.attempts` ends a task whose path would go on."""
    policy = a_policy(limits={"attempts": 2})
    trail = (an_attempt(outcome=Outcome.FAIL), an_attempt(2, "small", Outcome.FAIL))

    assert decide(policy, TASK, trail[:1], NOW_MS) == Ask("small", "escalate")
    assert decide(policy, TASK, trail, NOW_MS) == DeadLetter("limits.attempts (2) is reached; small: so it seems")


def test_money_that_is_spent_ends_the_task() -> None:
    """Once the calls have cost `limits.cost_usd`, nothing more is asked."""
    spent = Spent(call="c1", purpose="answer", tier="mini", model="m", cost_nusd=1_000_000_000)
    trail = (an_attempt(outcome=Outcome.FAIL, calls=(spent,)),)

    decision = decide(a_policy(), TASK, trail, NOW_MS)

    assert isinstance(decision, DeadLetter)
    assert "cost_usd (1) is spent" in decision.reason


def test_a_call_that_the_store_refuses_ends_the_task() -> None:
    """A reservation that the limit does not allow is the end: larger tiers cost more."""
    trail = (an_attempt(outcome=None, answer=Refusal(limit="cost", message="the call might pass limits.cost_usd")),)

    assert decide(a_policy(), TASK, trail, NOW_MS) == DeadLetter("the call might pass limits.cost_usd")


def test_a_call_that_a_budget_refuses_for_now_waits() -> None:
    """A task that is parked waits for the window, or for a raised budget; one that a rate holds up for its turn."""
    for limit, parked in (("budget", True), ("rate", False)):
        answer = Refusal(limit=limit, message="not now", until_ms=NOW_MS + 5_000)
        trail = (an_attempt(outcome=None, answer=answer),)
        assert decide(a_policy(), TASK, trail, NOW_MS) == Wait(NOW_MS + 5_000, "not now", parked=parked)


def test_a_call_that_a_budget_refuses_for_good_ends_the_task() -> None:
    """It ends as the author said for tasks that nobody could do, and no dearer tier is asked instead."""
    answer = Refusal(limit="budget", message="the budget is used up")
    trail = (an_attempt(outcome=None, answer=answer),)
    policy = a_policy(moves={"exhausted": "reject"})

    assert decide(policy, TASK, trail, NOW_MS) == Reject("the budget is used up")


def breaking(number: int = 1, until_ms: int = NOW_MS + 2_000) -> Attempt:
    return an_attempt(number, outcome=None, answer=Refusal(limit="breaker", message="left alone", until_ms=until_ms))


def test_a_tier_that_is_left_alone_counts_as_failing() -> None:
    """A task waits for a breaker as it waits after an error, so often as errors are tried again, and then climbs."""
    waited = decide(a_policy(), TASK, (breaking(),), NOW_MS)
    assert waited == Wait(NOW_MS + 2_000, "retry after: left alone")
    assert decide(a_policy(), TASK, (breaking(),), NOW_MS + 2_000) == Ask("mini", "retry")

    trail = tuple(breaking(number) for number in range(1, 5))
    assert decide(a_policy(limits={"retries": 3}), TASK, trail, NOW_MS) == Ask("small", "escalate")


def test_an_author_may_climb_at_once_when_a_tier_is_left_alone() -> None:
    """`error: escalate` does not wait for a broken tier."""
    assert decide(a_policy(moves={"error": "escalate"}), TASK, (breaking(),), NOW_MS) == Ask("small", "escalate")


def spent_at(place: str) -> tuple[Spent, ...]:
    return (Spent(call="c", purpose="answer", tier="mini", model="m", deployment=place),)


def at_two_places(**changes: Any) -> Policy:
    return on_tiers(a_policy(**changes), mini={"deployments": ({"name": "eu"}, {"name": "us"})})


@pytest.mark.parametrize("kind", [FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.AUTH, FailureKind.QUOTA])
def test_another_deployment_is_asked_at_once(kind: FailureKind) -> None:
    """What one deployment could not do the other may: without a pause, and before any other move."""
    policy = at_two_places(moves={"error": "escalate"})

    assert decide(policy, TASK, (failed(kind, calls=spent_at("eu")),), NOW_MS) == Ask("mini", "fallback")


def test_each_deployment_is_fallen_back_to_once() -> None:
    """When all have failed the pauses begin, and a fallback is no retry."""
    first, second = failed(calls=spent_at("eu")), failed(number=2, calls=spent_at("us"), why="fallback")
    policy = at_two_places(limits={"retries": 1, "attempts": 9})

    assert isinstance(decide(policy, TASK, (first, second), NOW_MS), Wait)
    third = failed(number=3, calls=spent_at("eu"), why="retry")
    assert decide(policy, TASK, (first, second, third), NOW_MS + 600_000 - 1) == Ask("small", "escalate")


def test_a_fallback_that_was_not_to_be_had_is_not_tried_again() -> None:
    """Where the other deployment rests and the same one failed once more, the pauses begin."""
    trail = (failed(calls=spent_at("eu")), failed(number=2, calls=spent_at("eu"), why="fallback"))

    assert isinstance(decide(at_two_places(), TASK, trail, NOW_MS), Wait)


@pytest.mark.parametrize("kind", [FailureKind.BAD_REQUEST, FailureKind.CONTEXT_WINDOW])
def test_another_deployment_is_not_asked_what_it_could_not_answer_either(kind: FailureKind) -> None:
    """A request that is wrong is wrong everywhere."""
    assert decide(at_two_places(), TASK, (failed(kind, calls=spent_at("eu")),), NOW_MS) == Ask("small", "escalate")


def test_nothing_is_asked_from_the_deadline_on() -> None:
    """At the deadline a task expires, asked or not; a millisecond before it is still asked."""
    trail = (an_attempt(outcome=Outcome.FAIL),)

    for earlier in ((), trail):
        assert isinstance(decide(a_policy(), TASK, earlier, TASK.deadline_ms), Expire)
        assert isinstance(decide(a_policy(), TASK, earlier, TASK.deadline_ms - 1), Ask)


def test_a_good_reply_counts_even_if_it_came_late() -> None:
    """What passed is accepted after the deadline too: it is there, and paid for."""
    assert isinstance(decide(a_policy(), TASK, (an_attempt(),), TASK.deadline_ms + 1), Accept)


# Waiting.


def test_retry_after_is_honoured() -> None:
    """Where the provider says when to come back, that is when."""
    decision = decide(a_policy(), TASK, (failed(FailureKind.RATE_LIMIT, retry_after_s=7.5),), NOW_MS)

    assert isinstance(decision, Wait)
    assert 7_500 <= decision.until_ms - NOW_MS <= 7_501


def test_a_wait_beyond_the_deadline_climbs_instead() -> None:
    """A provider that wants to be left alone until after the deadline is left for the next tier."""
    trail = (failed(FailureKind.RATE_LIMIT, retry_after_s=3600.0),)

    assert decide(a_policy(), TASK, trail, NOW_MS) == Ask("small", "escalate")


def test_pauses_double_up_to_half_a_minute() -> None:
    """Each further error waits longer: half a second, doubled, at most half a minute, with up to half of jitter."""
    policy = a_policy(limits={"attempts": 20, "retries": 10})
    for count in range(1, 11):
        trail = tuple(failed(number=n) for n in range(1, count + 1))

        decision = decide(policy, TASK, trail, NOW_MS)

        assert isinstance(decision, Wait)
        base_ms = min(30_000, 500 * 2 ** (count - 1))
        assert base_ms <= decision.until_ms - NOW_MS <= base_ms * 1.5


def test_pauses_of_different_tasks_differ() -> None:
    """The jitter is the task's own: the same trail waits equally long, a crowd does not come back at once."""
    pauses = {decide(a_policy(), a_task(f"t{n}"), (failed(),), NOW_MS).until_ms for n in range(50)}  # type: ignore[union-attr]

    assert len(pauses) > 25


# Tiers that do not fit.


def on_tiers(policy: Policy, **changes: dict[str, Any]) -> Policy:
    return policy.on({name: a_tier(name, **changes.get(name, {})) for name in TIERS})


PHOTO_INPUT = {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}
TOOLS = {"tools": [{"name": "call_off", "parameters": {"type": "object"}}, {"name": "none", "parameters": {}}]}
PHOTO = {"text": "", "photo": "data:image/png;base64," + "A" * 900_000}


def with_photo() -> Policy:
    prompt = {"system": "Read.", "user": "{{ text }}", "images": ["photo"]}
    return a_policy(prompt=prompt, input={"schema": PHOTO_INPUT})


def test_a_tier_that_takes_no_images_is_left_out() -> None:
    """An input with an image starts at the first tier that can see; without one, at the first."""
    policy = on_tiers(with_photo(), mini={"images": False})

    assert decide(policy, a_task(input=PHOTO), (), NOW_MS) == Ask("small", "first")
    assert decide(policy, a_task(input={"text": "x", "photo": None}), (), NOW_MS) == Ask("mini", "first")


def test_the_bytes_of_an_image_are_no_text() -> None:
    """A large photo does not make a tier's context window too small."""
    assert decide(on_tiers(with_photo()), a_task(input=PHOTO), (), NOW_MS) == Ask("mini", "first")


def test_a_tier_that_calls_no_functions_is_left_out() -> None:
    """A policy whose output is a function call skips tiers without tools."""
    policy = on_tiers(a_policy(output=TOOLS, checks=[]), mini={"tools": False}, small={"tools": False})

    assert decide(policy, TASK, (), NOW_MS) == Ask("large", "first")


@pytest.mark.parametrize(
    ("check", "tier"),
    [
        ({}, "small"),
        ({"missing": "fail"}, "small"),
        ({"missing": "pass"}, "mini"),
        ({"severity": "warn"}, "mini"),
        ({"tiers": ["large"]}, "mini"),
        ({"tiers": ["mini"]}, "small"),
    ],
)
def test_a_tier_without_log_probabilities_is_left_out_where_a_check_needs_them(
    check: dict[str, Any], tier: str
) -> None:
    """A tier that could never pass the confidence check is not asked in vain."""
    policy = a_policy(checks=[{"check": "confidence", "at_least": 0.8} | check])

    assert decide(on_tiers(policy, mini={"logprobs": False}), TASK, (), NOW_MS) == Ask(tier, "first")


def test_a_tier_whose_window_is_too_small_is_left_out() -> None:
    """An input that a tier cannot hold starts, or goes on, at one that can."""
    policy = on_tiers(a_policy(), mini={"context_tokens": 5_000}, large={"context_tokens": 1_000})
    long = a_task(input={"text": "word " * 10_000})

    assert decide(policy, long, (), NOW_MS) == Ask("small", "first")
    ended = decide(policy, long, (an_attempt(tier="small", outcome=Outcome.FAIL),), NOW_MS)
    assert isinstance(ended, DeadLetter)
    assert "large holds 1,000 tokens" in ended.reason


def test_a_window_is_taken_to_hold_four_bytes_a_token() -> None:
    """Prompt, input and output together must fit: exactly full is not too full."""
    policy = on_tiers(a_policy(limits={"output_tokens": 100}), mini={"context_tokens": 1_000})
    room = 900 * 4 - len(policy.prompt.system)

    assert decide(policy, a_task(input={"text": "x" * room}), (), NOW_MS) == Ask("mini", "first")
    assert decide(policy, a_task(input={"text": "x" * (room + 4)}), (), NOW_MS) == Ask("small", "first")


def test_what_a_tier_can_write_at_most_takes_room_in_its_window() -> None:
    """A policy's generous limit of output does not make a tier too small that would never write so much."""
    policy = a_policy(limits={"output_tokens": 200_000})

    assert decide(on_tiers(policy, mini={"output_tokens_max": 1_000}), TASK, (), NOW_MS) == Ask("mini", "first")


def test_an_impossible_input_is_rejected_at_once() -> None:
    """What no tier can take is rejected before anything is asked, with a reason for each tier."""
    policy = on_tiers(with_photo(), mini={"images": False}, small={"context_tokens": 10}, large={"logprobs": False})

    decision = decide(policy, a_task(input=PHOTO), (), NOW_MS)

    assert isinstance(decision, Reject)
    assert "mini takes no images" in decision.reason
    assert "small holds 10 tokens" in decision.reason
    assert "large gives no log-probabilities" in decision.reason


# For any policy, any answers.

SEEDS = st.integers(0, 2**64 - 1)
"""Games are thrown, not drawn: hypothesis likes small cases, and those end before they begin."""

ENDS = ["review", "reject", "dead_letter"]
ON = ["repair", "retry", "escalate"] * 6


def a_random_policy(dice: Random, **changes: Any) -> Policy:
    """A policy whose moves mostly go on, over some of the tiers in any order."""
    moves = {
        "fail": dice.choice([*ON, *ENDS]),
        "unsure": dice.choice([*ON, *ENDS, "accept"]),
        "error": dice.choice(["retry"] * 12 + ["escalate"] * 2 + ENDS),
        "refused": dice.choice(["escalate"] * 12 + ENDS),
        "exhausted": dice.choice(ENDS),
    }
    limits = {
        "attempts": dice.choice([1, 5, *[12] * 6]),
        "retries": dice.randint(0, 4),
        "deadline_s": dice.choice([0.5, *[900] * 6]),
        "cost_usd": dice.choice(["0.0001", *["1"] * 6]),
    }
    names = dice.sample(sorted(TIERS), dice.choice([1, 2, 3, 3, 3]))
    tiers = [{"tier": name, "attempts": dice.randint(1, 4)} for name in names]
    return a_policy(**({"tiers": tiers, "moves": moves, "limits": limits} | changes))


def random_tiers(dice: Random) -> dict[str, Tier]:
    windows = [500, 2_000, *[100_000] * 6]
    return {
        name: a_tier(name, logprobs=dice.random() > 0.1, context_tokens=dice.choice(windows)) for name in sorted(TIERS)
    }


def a_random_answer(dice: Random) -> tuple[Reading | Failure | Refusal, Verdict | None]:
    match dice.randrange(30):
        case 0:
            return Refusal(limit="cost", message="too dear"), None
        case 1:
            return a_failure(dice.choice(list(FailureKind))), None
        case 2 | 3 | 4 | 5 | 6 | 7 | 8:
            kind = dice.choice([FailureKind.SERVER, FailureKind.RATE_LIMIT])
            return a_failure(kind, retry_after_s=dice.choice([None, 0, 1.5, 40, 2_000])), None
        case 9:
            return Reading(problem="refused", refusal="no"), a_verdict(Outcome.FAIL)
        case 10 | 11:
            return Reading(output={}), a_verdict(Outcome.PASS)
        case _:
            return Reading(output={}), a_verdict(dice.choice([Outcome.FAIL, Outcome.UNSURE]))


@dataclass(frozen=True)
class Game:
    """A policy, a task, and what its tiers will answer, all from one seed."""

    seed: int

    @cached_property
    def policy(self) -> Policy:
        dice = Random(self.seed)
        return a_random_policy(dice).on(random_tiers(dice))

    @cached_property
    def task(self) -> Task:
        text = Random(self.seed + 1).choice(["short", "word " * 1_000])
        return a_task(input={"text": text}, deadline_ms=NOW_MS + int(self.policy.limits.deadline_s * 1000))

    @cached_property
    def played(self) -> tuple[Trail, list[Decision], list[int]]:
        dice = Random(self.seed + 2)
        answers = [a_random_answer(dice) for _ in range(13)]
        return play(self.policy, self.task, answers, dice.choice([0, 100, 20_000, 20_000, 100_000]))


def play(
    policy: Policy, task: Task, answers: list[Any], pause_ms: int, *, trail: Trail = (), now_ms: int = NOW_MS
) -> tuple[Trail, list[Decision], list[int]]:
    """Decide until the task ends; every attempt takes *pause_ms*. Returns the trail, the decisions and their times."""
    decisions, times = [], []
    for _ in range(60):
        decision = decide(policy, task, trail, now_ms)
        decisions.append(decision)
        times.append(now_ms)
        match decision:
            case Ask(tier=tier, why=why):
                answer, verdict = answers[len(trail)]
                now_ms += pause_ms
                spent = Spent(call="c", purpose="answer", tier=tier, model="m", cost_nusd=40_000)
                asked = {"number": len(trail) + 1, "tier": tier, "why": why, "started_ms": now_ms, "ended_ms": now_ms}
                trail += (Attempt(answer=answer, verdict=verdict, calls=(spent,), **asked),)
            case Wait(until_ms=until_ms):
                assert now_ms < until_ms < task.deadline_ms, "a wait is for later, and ends before the deadline"
                now_ms = until_ms
            case _:
                return trail, decisions, times
    raise AssertionError(f"it does not end: {decisions[-3:]}")


@settings(max_examples=300)
@given(SEEDS)
def test_every_task_ends_within_its_limits(seed: int) -> None:
    """Whatever is answered, a task ends; attempts, retries, tiers' attempts, cost and deadline are never passed."""
    game = Game(seed)
    policy, task = game.policy, game.task

    trail, decisions, times = game.played

    asks = [(decision, at) for decision, at in zip(decisions, times, strict=True) if isinstance(decision, Ask)]
    assert all(at < task.deadline_ms for _, at in asks)
    assert len(trail) <= policy.limits.attempts
    assert sum(attempt.cost_nusd for attempt in trail[:-1]) < policy.limits.cost_nusd
    path = [rung.tier for rung in policy.tiers]
    climbed = [path.index(ask.tier) for ask, _ in asks]
    assert climbed == sorted(climbed), "a task never goes down"
    for rung in policy.tiers:
        of_tier = [attempt.answer for attempt in trail if attempt.tier == rung.tier]
        assert sum(isinstance(answer, Reading) for answer in of_tier) <= rung.attempts
        errors = "".join("e" if isinstance(answer, Failure) else "." for answer in of_tier)
        assert all(len(run) <= policy.limits.retries + 1 for run in errors.split("."))


@settings(max_examples=300)
@given(SEEDS)
def test_what_a_person_sends_on_ends_within_its_limits_again(seed: int) -> None:
    """Whatever had been answered: from the decision on no limit is passed, and nothing from before it is counted."""
    game, dice = Game(seed), Random(seed + 3)
    policy, (before, _, times) = game.policy, game.played
    tier = dice.choice(policy.path)
    sent_ms = times[-1] + 60_000
    waiting = Record(task=game.task, state=TaskState.REVIEW, tier=tier, trail=before)
    ruling = Ruling(wish="ask", by="anna", tier=tier)
    sent = (*before, ruled(waiting, ruling, None, since_ms=times[-1], now_ms=sent_ms))
    task = game.task.model_copy(update={"deadline_ms": sent_ms + int(policy.limits.deadline_s * 1000)})
    answers = [a_random_answer(dice) for _ in range(60)]

    trail, decisions, _ = play(policy, task, answers, 20_000, trail=sent, now_ms=sent_ms)

    since = trail[len(sent) :]
    assert since[0].tier == tier
    assert len(since) <= policy.limits.attempts
    assert [policy.path.index(a.tier) for a in since] == sorted(policy.path.index(a.tier) for a in since)
    for rung in policy.tiers:
        assert sum(a.tier == rung.tier and isinstance(a.answer, Reading) for a in since) <= rung.attempts
    told = [decision.reason for decision in decisions if isinstance(decision, DeadLetter | Reject | Review)]
    if any("limits.attempts" in reason for reason in told):
        assert len(since) == policy.limits.attempts, "nothing from before the decision is counted"


@settings(max_examples=300)
@given(SEEDS)
def test_only_what_passed_is_accepted(seed: int) -> None:
    """A success is a reply that passed, or one that was unsure where the author takes those."""
    game = Game(seed)

    trail, decisions, _ = game.played

    match decisions[-1]:
        case Accept(attempt=attempt):
            assert attempt is trail[-1]
            wished = {Outcome.PASS} | ({Outcome.UNSURE} if game.policy.moves.unsure == "accept" else set())
            assert attempt.verdict is not None
            assert attempt.verdict.outcome in wished
        case decision:
            assert not trail or not trail[-1].passed, decision


@given(SEEDS)
def test_the_same_trail_decides_the_same(seed: int) -> None:
    """A decision depends on its arguments alone: read back from the store, policy and trail decide as before."""
    game = Game(seed)
    policy, task = game.policy, game.task

    trail, decisions, times = game.played

    again = Policy.model_validate_json(policy.text).on({r.tier: r.spec for r in policy.tiers if r.spec})
    copied = tuple(Attempt.model_validate_json(attempt.model_dump_json()) for attempt in trail)
    assert decide(again, Task.model_validate_json(task.model_dump_json()), copied, times[-1]) == decisions[-1]
    assert decide(policy, task, (), NOW_MS) == decisions[0]


def test_the_games_are_worth_playing() -> None:
    """The properties above look at long and at short trails, and at every kind of end."""
    games = [Game(seed) for seed in range(300)]

    ends = Counter(type(game.played[1][-1]) for game in games)
    lengths = Counter(len(game.played[0]) for game in games)

    assert all(ends[kind] > 5 for kind in (Accept, Reject, Review, DeadLetter, Expire)), ends
    assert sum(lengths[n] for n in lengths if n >= 4) > 30, lengths


# The cost, through the engine, with everything that books.


def random_prices(dice: Random) -> PriceBook:
    """Cached input may cost more than fresh, and long contexts less: whatever a price list may say."""

    def rate() -> Decimal:
        return Decimal(dice.choice([0, 75, 600, 2_500, 30_000])) / 1000

    def above() -> dict[str, Any]:
        return {"input_tokens": dice.choice([1, 300, 5_000]), "input": rate(), "output": rate()}

    return PriceBook(
        prices={
            tier.model: (a_price(input=rate(), cached_input=rate(), output=rate(), above=above()),)
            for tier in TIERS.values()
        }
    )


def charging(dice: Random) -> Callable[[Call], Answer]:
    """A provider that answers as the dice fall, and charges what it likes, but never beyond what the call can bring."""

    def answer(call: Call) -> Answer:
        most = input_tokens_at_most(call, image_tokens_max=50_000)
        read = dice.choice([most, dice.randint(0, most)])
        written = dice.choice([call.max_output_tokens, dice.randint(0, call.max_output_tokens)])
        usage = Usage(input_tokens=read, cached_input_tokens=dice.randint(0, read), output_tokens=written)
        return dice.choice(
            [
                a_failure(billed="unknown"),
                a_failure(billed="no"),
                a_reply(usage=None),
                a_reply("{", usage=usage),
                *[a_reply({"right": dice.choice(["yes", "no"]), "mistake": None}, usage=usage)] * 2,
                *[a_reply({"merchant": dice.choice("AB"), "total": 1}, usage=usage)] * 4,
            ]
        )

    return answer


CONSULTING = [{"check": "agreement"}, {"check": "judge", "tier": "large", "question": "Is it right?"}]


async def settled(seed: int) -> tuple[Policy, Record, MemoryStore, FunctionLLM]:
    """Carry a task of that seed to its end, with checks that ask models too."""
    dice, clock = Random(seed), [NOW_MS]
    limits = {"attempts": 10, "deadline_s": 600, "cost_usd": dice.choice(["0.0005", "0.005", "0.05", "5"])}
    policy = a_random_policy(dice, checks=CONSULTING, limits=limits)
    store, llm = MemoryStore(clock_ms=lambda: clock[0]), FunctionLLM(charging(dice))
    world = World(tiers=TIERS, prices=random_prices(dice), llm=llm, store=store, clock_ms=lambda: clock[0])
    engine = Engine(world)
    await store.publish([policy])
    await store.submit([a_submission(policy=policy.digest, tier=policy.tiers[0].tier)])
    for turn in range(200):
        record = await store.read("t1")
        if record.state.terminal or record.state is TaskState.REVIEW:
            return policy, record, store, llm
        for claim in await store.claim(dict.fromkeys(TIERS, 1), at_most=1, token=f"token {turn}"):
            await engine.carry(claim)
        clock[0] += 5_000
        await store.sweep(at_most=10)
    raise AssertionError(f"not settled: {record}")


@given(SEEDS)
def test_a_task_never_costs_more_than_its_limit(seed: int) -> None:
    """Whatever models answer and charge within what a call can bring, all of it stays under `limits.cost_usd`."""
    policy, record, store, llm = asyncio.run(settled(seed))

    balance = asyncio.run(store.balance())
    assert record.cost_nusd <= policy.limits.cost_nusd
    assert balance.settled_nusd + balance.unsettled_nusd == record.cost_nusd
    assert (balance.reserved_nusd, balance.overrun_nusd, balance.calls) == (0, 0, len(llm.calls))


def test_the_spending_is_worth_watching() -> None:
    """The property above sees tasks that meet their limit, and tasks that make many calls."""
    played = [asyncio.run(settled(seed)) for seed in range(100)]

    assert sum("cost_usd" in (record.reason or "") for _, record, _, _ in played) > 15
    assert sum(len(llm.calls) >= 4 for _, _, _, llm in played) > 15


# What callers bring.


def test_images_in_a_conversation_are_images() -> None:
    """A tier that takes none is passed by, as it is for a field that holds one."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    shown = a_task(input={"messages": [{"role": "user", "content": [part]}]})
    told = a_task(input={"messages": [{"role": "user", "content": "What is in https://example.com/a.png?"}]})
    policy = a_chat().on(TIERS | {"mini": a_tier("mini", images=False)})

    assert decide(policy, shown, (), NOW_MS) == Ask("small", "first")
    assert decide(policy, told, (), NOW_MS) == Ask("mini", "first")


def test_the_bytes_of_a_conversations_images_are_no_text() -> None:
    """A photo of half a megabyte does not fill a window of a hundred thousand tokens."""
    photo = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}

    assert decide(a_chat(), a_task(input={"messages": [{"role": "user", "content": [photo]}]}), (), NOW_MS) == Ask(
        "mini", "first"
    )


def test_a_tier_without_log_probabilities_is_left_out_where_the_caller_wants_them() -> None:
    """Whoever asks for them gets them from a tier that has some, or hears that none does."""
    task = a_task(wishes=Wishes(logprobs=True))
    silent = {name: a_tier(name, logprobs=False) for name in TIERS}
    policy = a_policy(checks=[])

    assert decide(policy.on(TIERS | {"mini": silent["mini"]}), task, (), NOW_MS) == Ask("small", "first")
    end = decide(policy.on(silent), task, (), NOW_MS)
    assert isinstance(end, Reject)
    assert "mini gives no log-probabilities, which the caller asks for" in end.reason


def test_functions_of_a_caller_need_a_tier_that_calls_some() -> None:
    """They are as good as the policy's own."""
    tool = {"name": "f", "parameters": {"type": "object"}}
    policy = tailored(a_chat(), Wishes.model_validate({"tools": [tool]}))

    assert decide(policy.on(TIERS | {"mini": a_tier("mini", tools=False)}), TASK, (), NOW_MS) == Ask("small", "first")
