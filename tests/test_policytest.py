"""Cases of policies, played without a network."""

from __future__ import annotations

from typing import Any

import pytest

from router.call import Failure, FailureKind, Usage
from router.cases.case import Case
from router.policy import Policy
from router.policytest import Played, play
from router.refusal import Refusal
from tests.builders import NOW_MS, PRICES, TIERS, a_certified_policy, a_policy, a_tier

GOOD = {"output": {"merchant": "ACME", "total": 12.5}, "confidence": 0.97}
DOUBTFUL = GOOD | {"confidence": 0.4}
BROKEN = {"text": '{"merchant": '}
DEAR = {"usage": {"input_tokens": 100, "output_tokens": 300}}
POOR = {"cost_usd": "0.00025", "output_tokens": 300}
UNPAYABLE = {"mini": {"failure": "content_policy"}, "small": DOUBTFUL | DEAR, "large": GOOD}
"""Under POOR, what small costs leaves too little for a call of large."""

USAGE = Usage(input_tokens=100, output_tokens=10)

TOOLS = [{"name": "pay", "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}}}]
JUDGED = {"checks": [{"check": "judge", "tier": "large", "question": "Right?"}], "tiers": ["mini", "small"]}


def a_case(**changes: Any) -> Case:
    settings: dict[str, Any] = {
        "name": "a case",
        "input": {"text": "ACME total 12.50"},
        "replies": {"mini": GOOD},
        "expect": {"status": "succeeded"},
    }
    return Case.model_validate(settings | changes)


async def played(case: Case, policy: Policy | None = None) -> Played:
    return await play(policy or a_policy(), case, tiers=TIERS, prices=PRICES, start_ms=NOW_MS)


async def test_a_case_that_goes_as_expected_passes() -> None:
    """Status, tier, attempts, checks, moves and output may all be expected, and all of it may come true."""
    case = a_case(
        replies={"mini": BROKEN, "small": DOUBTFUL, "large": GOOD},
        expect={
            "status": "succeeded",
            "tier": "large",
            "attempts": 3,
            "failed": ["schema", "confidence"],
            "warned": [],
            "moves": ["escalate", "escalate", "accept"],
            "output": {"merchant": "ACME", "total": 12.5},
        },
    )

    one = await played(case)

    assert one.passed
    assert one.differences == ()


@pytest.mark.parametrize(
    ("what", "expected", "got"),
    [
        ("status", "dead", "succeeded"),
        ("tier", "large", "mini"),
        ("attempts", 2, 1),
        ("failed", ["confidence"], ()),
        ("warned", ["confidence"], ()),
        ("moves", ["reject"], ("accept",)),
        ("output", None, {"merchant": "ACME", "total": 12.5}),
        ("reason", "no tier is left", None),
    ],
)
async def test_a_difference_is_told(what: str, expected: Any, got: Any) -> None:
    """Each thing that a case expects and does not get is told with both sides."""
    one = await played(a_case(expect={what: expected}))

    (difference,) = one.differences
    assert (difference.what, difference.got) == (what, got)
    assert what in str(difference)
    assert "expected" in str(difference)


async def test_what_is_not_expected_is_not_compared() -> None:
    """A case says what it is about and leaves the rest open."""
    assert (await played(a_case(expect={"attempts": 1}))).passed


async def test_tells_the_case_step_by_step() -> None:
    """The story of a case names each tier, what was found there, what was done about it, and the end."""
    replies = {"mini": BROKEN, "small": DOUBTFUL, "large": DOUBTFUL}

    one = await played(a_case(replies=replies, expect={"status": "dead"}))

    assert [(s.attempt.tier, s.attempt.why, s.move, s.to) for s in one.story.steps] == [
        ("mini", "first", "escalate", "small"),
        ("small", "escalate", "escalate", "large"),
        ("large", "escalate", "dead_letter", None),
    ]
    assert one.story.steps[0].told[-1].finding.reason.startswith("the reply is not JSON")
    assert one.story.steps[2].why.startswith("moves.unsure is escalate, but no tier is left")


async def test_tells_what_kept_a_reply_away() -> None:
    """The story names the failure of a call, and the limit that kept one from being sent."""
    one = await played(a_case(replies=UNPAYABLE, expect={"status": "dead"}), a_policy(limits=POOR))

    first, _, last = one.story.steps
    assert isinstance(first.attempt.answer, Failure)
    assert (first.attempt.answer.kind, first.move) == (FailureKind.CONTENT_POLICY, "escalate")
    assert isinstance(last.attempt.answer, Refusal)
    assert last.attempt.answer.message.startswith("the call might pass limits.cost_usd")
    assert last.move == "dead_letter"


async def test_replies_of_a_list_come_in_turn_and_the_last_one_stays() -> None:
    """A tier that is asked more often than it has replies repeats its last."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 4}], moves={"fail": "repair"})

    one = await played(a_case(replies={"mini": [GOOD | {"output": {}}, BROKEN]}), policy)

    assert [a.verdict.findings[-1].reason[:9] for a in one.trail if a.verdict] == ["$: 'merch", *["the reply"] * 3]
    assert one.end.moves == ("repair", "repair", "repair", "dead_letter")


async def test_a_second_sample_takes_the_tiers_next_reply() -> None:
    """Agreement compares a tier's reply with the one recorded after it."""
    policy = a_policy(checks=[{"check": "agreement"}])
    other = {"output": {"merchant": "B", "total": 1}}

    one = await played(a_case(replies={"mini": [GOOD, other], "small": [GOOD, GOOD]}), policy)

    assert (one.end.failed, one.end.tier) == (("agreement",), "small")
    assert one.samples == {1: other["output"], 2: GOOD["output"]}
    assert [s.value for s in one.story.steps[0].told[-1].seen] == ["ACME", "B", 12.5, 1]


async def test_judges_have_replies_of_their_own() -> None:
    """What stands under `judge` answers judges alone, in turn, whatever their tier."""
    judge = [{"output": {"right": "no", "mistake": "the total"}}, {"output": {"right": "yes", "mistake": None}}]

    one = await played(a_case(replies={"mini": GOOD, "small": GOOD, "judge": judge}), a_policy(**JUDGED))

    assert (one.end.failed, one.end.tier, one.end.status) == (("judge",), "small", "succeeded")


async def test_a_tier_without_a_recorded_reply_is_a_difference() -> None:
    """A case that lets a task climb to a tier it records nothing for does not pass, and says so."""
    one = await played(a_case(replies={"mini": BROKEN}, expect={"status": "dead"}))

    assert [d.what for d in one.differences] == ["replies.small", "replies.large"]


async def test_errors_wait_on_a_clock_that_is_moved_by_hand() -> None:
    """A day's wait for a provider takes no time, and the wait is the one that was asked for."""
    policy = a_policy(limits={"deadline_s": 200_000})
    limited = {"failure": "rate_limit", "retry_after_s": 86_400}

    one = await played(a_case(replies={"mini": [limited, GOOD]}), policy)

    assert one.end.moves == ("retry", "accept")
    assert one.trail[1].started_ms - one.trail[0].ended_ms == 86_400_001


async def test_a_slow_answer_uses_up_the_deadline() -> None:
    """An answer that takes longer than its tier waits is a time-out, and a task whose time is over expires."""
    policy = a_policy(limits={"deadline_s": 90})

    one = await played(a_case(replies={"mini": GOOD | {"takes_s": 300}}, expect={"status": "expired"}), policy)

    assert one.passed
    assert {a.answer.kind for a in one.trail if isinstance(a.answer, Failure)} == {FailureKind.TIMEOUT}


async def test_an_input_that_no_tier_can_take_is_rejected() -> None:
    """Impossible input ends without an attempt, and the case sees no tier."""
    policy = a_policy(prompt={"system": "s" * 500_000, "user": "{{ text }}"})

    one = await played(a_case(replies={}, expect={"status": "rejected", "attempts": 0, "moves": ["reject"]}), policy)

    assert one.passed
    assert one.end.tier is None


async def test_a_refusal_may_wait_for_a_person() -> None:
    """A case ends where a person has to decide."""
    policy = a_policy(moves={"refused": "review"})

    one = await played(a_case(replies={"mini": {"refusal": "No."}}, expect={"status": "review"}), policy)

    assert (one.passed, one.end.moves, one.end.failed) == (True, ("review",), ("refusal",))


async def test_a_warning_is_told_apart() -> None:
    """A check that only warns stands under `warned`, not under `failed`."""
    policy = a_policy(checks=[{"check": "confidence", "at_least": 0.9, "severity": "warn"}])

    one = await played(a_case(replies={"mini": DOUBTFUL}), policy)

    assert (one.end.failed, one.end.warned, one.end.status) == ((), ("confidence",), "succeeded")


async def test_calls_cost_what_the_case_says_they_used() -> None:
    """Recorded usage is priced, and `usage: null` is an unknown cost, held at its bound."""
    counted = await played(a_case(replies={"mini": GOOD | {"usage": {"input_tokens": 1000, "output_tokens": 100}}}))
    unknown = await played(a_case(replies={"mini": GOOD | {"usage": None}}))

    assert counted.record.cost_nusd == 210_000
    assert unknown.trail[0].calls[0].doubt_nusd > 0


async def test_function_calls_are_recorded_as_name_and_arguments() -> None:
    """A case of a tools policy gives the call that the model makes, and gets it back as the output."""
    policy = a_policy(output={"tools": TOOLS}, checks=[])
    call = {"name": "pay", "arguments": {"amount": 3}}

    one = await played(a_case(replies={"mini": {"output": call}}, expect={"output": call}), policy)

    assert one.passed


async def test_a_case_may_expect_what_it_costs() -> None:
    """An amount is met to the nano-dollar, bounds on both sides; the difference shows both."""
    replies = {"mini": GOOD | {"usage": {"input_tokens": 1000, "output_tokens": 100}}}
    exact = await played(a_case(replies=replies, expect={"cost_usd": "0.00021"}))
    bounded = await played(a_case(replies=replies, expect={"cost_usd": {"at_most": 0.0003}}))
    dear = await played(a_case(replies=replies, expect={"cost_usd": {"at_most": 0.0002}}))

    assert (exact.passed, bounded.passed) == (True, True)
    assert [(d.expected, d.got) for d in dear.differences] == [({"at_most": "0.000200000"}, "0.000210000")]


async def test_says_what_to_write_where_it_came_right() -> None:
    """The case as it would have to be, ready to paste; a tier without a reply asks for one instead."""
    other = await played(a_case(replies={"mini": DOUBTFUL, "small": GOOD}, expect={"tier": "mini", "attempts": 2}))
    missing = await played(a_case(replies={"mini": BROKEN}, expect={"status": "dead"}))

    assert other.advice.splitlines()[-1] == "    expect: {tier: small, attempts: 2}"
    assert missing.advice.startswith("record what small, large would answer under `replies`")


async def test_a_certificate_beside_the_policy_counts() -> None:
    """Replies are held to the promise: below the certified trust the task climbs, and the case may expect that."""
    policy = a_certified_policy(checks=[])
    expect = {"status": "succeeded", "tier": "large", "failed": ["promise"]}

    one = await played(a_case(replies={"mini": DOUBTFUL, "small": GOOD, "large": GOOD}, expect=expect), policy)
    sure = await played(a_case(replies={"mini": GOOD}, expect={"tier": "mini", "failed": []}), policy)

    assert (one.differences, sure.differences) == ((), ())
    assert [s.what for s in one.story.steps[0].told[-1].seen] == ["confidence", "trust"]


async def test_a_certificate_of_another_tier_accepts_nothing() -> None:
    """What was certified of a tier that answers otherwise does not count: the reply climbs, as it would in service."""
    policy = a_certified_policy(checks=[]).bound_to(TIERS | {"mini": a_tier("mini", temperature=1.5)})

    one = await played(a_case(replies=dict.fromkeys(("mini", "small", "large"), GOOD)), policy)

    assert (one.end.tier, one.end.failed) == ("large", ("promise",))


async def test_audits_do_not_disturb_a_case() -> None:
    """A policy that audits every output plays as one that audits none."""
    policy = a_policy(audit={"rate": 1.0, "against": "large"})

    one = await played(a_case(expect={"status": "succeeded", "tier": "mini", "attempts": 1}), policy)

    assert (one.passed, one.record.audit) == (True, None)
