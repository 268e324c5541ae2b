"""Cases of policies, played without a network, and what they reach of a policy."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from router.call import Failure, FailureKind, Usage
from router.policy import Policy
from router.policycase import Case, parse_cases
from router.policytest import Played, coverage, play, play_all
from tests.builders import NOW_MS, PRICES, TIERS, a_policy

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


async def test_tells_the_trail_for_people() -> None:
    """The story of a case names each tier, what was found there, what was done about it, and the end."""
    replies = {"mini": BROKEN, "small": DOUBTFUL, "large": DOUBTFUL}

    one = await played(a_case(replies=replies, expect={"status": "dead"}))

    story = "\n".join(one.story())
    assert "1. mini (first): fail -> escalate" in story
    assert "fail: schema: the reply is not JSON" in story
    assert "3. large (escalate): unsure -> dead_letter" in story
    assert "dead: no tier is left" in story


async def test_replies_of_a_list_come_in_turn_and_the_last_one_stays() -> None:
    """A tier that is asked more often than it has replies repeats its last."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 4}], moves={"fail": "repair"})

    one = await played(a_case(replies={"mini": [GOOD | {"output": {}}, BROKEN]}), policy)

    assert [a.verdict.findings[-1].reason[:9] for a in one.trail if a.verdict] == ["$: 'merch", *["the reply"] * 3]
    assert one.moves == ("repair", "repair", "repair", "dead_letter")


async def test_a_second_sample_takes_the_tiers_next_reply() -> None:
    """Agreement compares a tier's reply with the one recorded after it."""
    policy = a_policy(checks=[{"check": "agreement"}])
    other = {"output": {"merchant": "B", "total": 1}}

    one = await played(a_case(replies={"mini": [GOOD, other], "small": [GOOD, GOOD]}), policy)

    assert (one.failed, one.tier) == (("agreement",), "small")


async def test_judges_have_replies_of_their_own() -> None:
    """What stands under `judge` answers judges alone, in turn, whatever their tier."""
    judge = [{"output": {"right": "no", "mistake": "the total"}}, {"output": {"right": "yes", "mistake": None}}]

    one = await played(a_case(replies={"mini": GOOD, "small": GOOD, "judge": judge}), a_policy(**JUDGED))

    assert (one.failed, one.tier, one.status) == (("judge",), "small", "succeeded")


async def test_a_tier_without_a_recorded_reply_is_a_difference() -> None:
    """A case that lets a task climb to a tier it records nothing for does not pass, and says so."""
    one = await played(a_case(replies={"mini": BROKEN}, expect={"status": "dead"}))

    assert [d.what for d in one.differences] == ["replies.small", "replies.large"]


async def test_errors_wait_on_a_clock_that_is_moved_by_hand() -> None:
    """A day's wait for a provider takes no time, and the wait is the one that was asked for."""
    policy = a_policy(limits={"deadline_s": 200_000})
    limited = {"failure": "rate_limit", "retry_after_s": 86_400}

    one = await played(a_case(replies={"mini": [limited, GOOD]}), policy)

    assert one.moves == ("retry", "accept")
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
    assert one.tier is None


async def test_a_refusal_may_wait_for_a_person() -> None:
    """A case ends where a person has to decide."""
    policy = a_policy(moves={"refused": "review"})

    one = await played(a_case(replies={"mini": {"refusal": "No."}}, expect={"status": "review"}), policy)

    assert (one.passed, one.moves, one.failed) == (True, ("review",), ("refusal",))


async def test_a_warning_is_told_apart() -> None:
    """A check that only warns stands under `warned`, not under `failed`."""
    policy = a_policy(checks=[{"check": "confidence", "at_least": 0.9, "severity": "warn"}])

    one = await played(a_case(replies={"mini": DOUBTFUL}), policy)

    assert (one.failed, one.warned, one.status) == ((), ("confidence",), "succeeded")


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


async def test_says_what_no_case_has_reached() -> None:
    """Coverage counts checks that found something or passed, tiers and moves, and names the rest."""
    policy = a_policy()
    reached = coverage(policy, [await played(a_case(replies={"mini": DOUBTFUL, "small": GOOD}))])

    assert reached.found == {"refusal": 0, "schema": 0, "confidence": 1}
    assert reached.passed == {"refusal": 2, "schema": 2, "confidence": 1}
    assert reached.tiers == {"mini": 1, "small": 1, "large": 0}
    assert reached.moves == {"fail": 0, "unsure": 1, "error": 0, "refused": 0, "exhausted": 0}
    assert reached.gaps == (
        "check refusal found nothing in any case",
        "check schema found nothing in any case",
        "tier large was asked in no case",
        "moves.fail was called for in no case",
        "moves.error was called for in no case",
        "moves.refused was called for in no case",
        "moves.exhausted was called for in no case",
    )


async def test_coverage_is_whole_when_everything_was_reached() -> None:
    """A suite that lets each check, tier and move have its turn leaves no gap."""
    policy = a_policy()
    suite = parse_cases(
        dedent("""\
        policy: receipts
        cases:
          - name: everything goes wrong
            input: {text: a}
            replies:
              mini: [{failure: server}, {refusal: "no"}]
              small: {output: {merchant: a, total: 1}, confidence: 0.1}
              large: {text: "{"}
            expect: {status: dead}
          - name: all is well
            input: {text: a}
            replies: {mini: {output: {merchant: a, total: 1}, confidence: 0.9}}
            expect: {status: succeeded}
        """),
        "cases.yaml",
        policy,
    )

    results = await play_all(policy, suite, tiers=TIERS, prices=PRICES, start_ms=NOW_MS)

    assert [one.passed for one in results] == [True, True]
    assert suite.lines == (3, 10)
    assert coverage(policy, results).gaps == ()


async def test_a_wished_dead_letter_is_not_exhaustion() -> None:
    """`exhausted` is called for where the policy wanted to go on and could not, not where it wanted to end."""
    policy = a_policy(moves={"fail": "dead_letter"})

    reached = coverage(policy, [await played(a_case(replies={"mini": BROKEN}, expect={"status": "dead"}), policy)])

    assert (reached.moves["fail"], reached.moves["exhausted"]) == (1, 0)


async def test_doubt_counts_only_where_it_can_arise() -> None:
    """A policy whose checks never doubt has no `unsure` to reach."""
    policy = a_policy(checks=[{"check": "grounding", "fields": ["merchant"]}])

    assert "unsure" not in coverage(policy, [await played(a_case(), policy)]).moves


async def test_tells_what_kept_a_reply_away() -> None:
    """The story names the failure of a call, and the limit that kept one from being sent."""
    one = await played(a_case(replies=UNPAYABLE, expect={"status": "dead"}), a_policy(limits=POOR))

    first, _, last = [line for line in one.story() if line[0].isdigit()]
    assert first == "1. mini (first): content_policy: recorded: content policy -> escalate"
    assert last.startswith("3. large (escalate): not sent: the call might pass limits.cost_usd")
    assert last.endswith("-> dead_letter")


async def test_a_filtered_call_and_an_unpayable_one_call_for_their_moves() -> None:
    """A provider's content policy counts as a refusal; a call that the limit forbids counts as exhaustion alone."""
    policy = a_policy(limits=POOR)

    reached = coverage(policy, [await played(a_case(replies=UNPAYABLE), policy)])

    assert reached.moves == {"fail": 0, "unsure": 1, "error": 0, "refused": 1, "exhausted": 1}


async def test_a_failure_that_no_retry_helps_calls_for_no_move() -> None:
    """An error that stays (a wrong key) escalates whatever the policy says, and reaches none of its moves."""
    policy = a_policy()

    reached = coverage(policy, [await played(a_case(replies={"mini": {"failure": "auth"}, "small": GOOD}), policy)])

    assert set(reached.moves.values()) == {0}
