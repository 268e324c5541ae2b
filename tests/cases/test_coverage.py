"""What cases reach of a policy."""

from __future__ import annotations

from textwrap import dedent

from router.cases.case import Case, parse_cases
from router.cases.coverage import coverage
from router.policy import Policy
from router.policytest import play, play_all
from router.record import Record
from tests.builders import NOW_MS, PRICES, TIERS, a_certified_policy, a_policy
from tests.test_policytest import BROKEN, DOUBTFUL, GOOD, POOR, UNPAYABLE, a_case


async def played(case: Case, policy: Policy | None = None) -> Record:
    return (await play(policy or a_policy(), case, tiers=TIERS, prices=PRICES, start_ms=NOW_MS)).record


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
    assert coverage(policy, [one.record for one in results]).gaps == ()


async def test_a_wished_dead_letter_is_not_exhaustion() -> None:
    """`exhausted` is called for where the policy wanted to go on and could not, not where it wanted to end."""
    policy = a_policy(moves={"fail": "dead_letter"})

    reached = coverage(policy, [await played(a_case(replies={"mini": BROKEN}, expect={"status": "dead"}), policy)])

    assert (reached.moves["fail"], reached.moves["exhausted"]) == (1, 0)


async def test_doubt_counts_only_where_it_can_arise() -> None:
    """A policy whose checks never doubt has no `unsure` to reach."""
    policy = a_policy(checks=[{"check": "grounding", "fields": ["merchant"]}])

    assert "unsure" not in coverage(policy, [await played(a_case(), policy)]).moves


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


async def test_the_promise_counts_as_a_check() -> None:
    """Where a promise is made, a case must reach a reply that it doubts, and one that it accepts."""
    policy = a_certified_policy(checks=[])
    doubted = await played(a_case(replies={"mini": DOUBTFUL, "small": GOOD, "large": GOOD}), policy)

    first = coverage(policy, [doubted])
    both = coverage(policy, [doubted, await played(a_case(), policy)])

    assert (first.found["promise"], first.passed["promise"], first.moves["unsure"]) == (2, 0, 2)
    assert "check promise passed no reply" in first.gaps
    assert (both.found["promise"], both.passed["promise"]) == (2, 1)
