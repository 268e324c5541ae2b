"""Why a task went the way it did, in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from router.because import LeftOut, asked_because, moved_because, not_run, passed_by
from router.call import FailureKind
from router.record import Record
from router.refusal import Refusal
from router.reviewing import ruled
from router.ruling import Ruling
from router.task import Audited, TaskState
from router.trail import Attempt
from router.verdict import Finding, Outcome, Verdict
from tests.builders import NOW_MS, TIERS, a_certified_policy, a_failure, a_policy, a_task, a_tier, an_attempt

DOUBTED = an_attempt(1, "mini", Outcome.UNSURE)


def a_record(*trail: Attempt, state: TaskState = TaskState.SUCCEEDED, **changes: Any) -> Record:
    return Record(**{"task": a_task(), "state": state, "tier": "mini", "trail": trail, **changes})


@pytest.mark.parametrize(
    ("why", "earlier", "said"),
    [
        ("escalate", "none", "after mini: confidence unsure"),
        ("escalate", "findings", "after mini: confidence unsure; told what was found"),
        ("escalate", "attempts", "after mini: confidence unsure; shown the answers and what was found"),
        ("repair", "none", "again, and shown what was found in its answer"),
        ("retry", "none", "again, the same"),
    ],
)
def test_says_why_a_tier_was_asked(why: Any, earlier: str, said: str) -> None:
    """After another attempt a tier is asked because of that, and told as much of it as the policy allows."""
    policy = a_policy(prompt={"system": "s", "user": "u", "earlier": earlier})
    second = an_attempt(2, "small", why=why)

    assert asked_because(policy, a_record(DOUBTED, second), (DOUBTED,), second) == said


def test_says_why_a_tier_was_asked_first() -> None:
    """It is the first of the path, or the first that can take the input."""
    later = an_attempt(1, "small")

    assert asked_because(a_policy(), a_record(DOUBTED), (), DOUBTED) == "the first tier"
    assert asked_because(a_policy(), a_record(later), (), later) == "the first tier that can take this input"


def a_decision(wish: str, **changes: Any) -> Attempt:
    """What anna decided after mini was unsure."""
    ruling = Ruling.model_validate({"wish": wish, "by": "anna"} | changes)
    return ruled(a_record(DOUBTED), ruling, None, since_ms=NOW_MS, now_ms=NOW_MS)


def test_says_who_had_a_tier_asked() -> None:
    """A person is asked because nobody else could say, and a tier after them because they sent the task on."""
    sent, again = a_decision("ask", tier="mini"), an_attempt(3, "mini", why="retry")
    record = a_record(DOUBTED, sent, again)
    said = "nobody but a person could say, after mini: confidence unsure"

    assert asked_because(a_policy(), record, (DOUBTED,), sent) == said
    assert asked_because(a_policy(), record, (DOUBTED, sent), again) == "sent on by anna"
    assert list(not_run(a_policy(), sent)) == []


def test_says_what_a_person_decided() -> None:
    """No move of the policy led on from there; one of them led there."""
    sent, again = a_decision("ask", tier="mini"), an_attempt(3, "mini", why="retry")
    policy, record = a_policy(), a_record(DOUBTED, sent, again)
    rejected = a_decision("reject", reason="no receipt")

    assert moved_because(policy, record, (DOUBTED, sent), again) == "as anna decided"
    assert moved_because(policy, record, (DOUBTED,), sent) == (
        "moves.unsure is escalate, but it could not go on, and came to a person"
    )
    assert moved_because(policy, a_record(DOUBTED, rejected), (DOUBTED, rejected), None) == (
        "rejected by anna: no receipt"
    )


def test_says_what_an_audit_is_about() -> None:
    """An audit names the task whose output it compares with."""
    audited = Audited(task="t0", tier="mini", output="x", against="large")
    attempt = an_attempt(1, "large", why="audit")
    record = a_record(attempt, task=a_task(audits=audited))

    assert asked_because(a_policy(), record, (), attempt) == "audits the output of task t0, accepted at mini"


@pytest.mark.parametrize(
    ("moves", "last", "following", "said"),
    [
        ({}, DOUBTED, an_attempt(2, "small", why="escalate"), "moves.unsure is escalate"),
        (
            {"unsure": "repair"},
            DOUBTED,
            an_attempt(2, "small", why="escalate"),
            "moves.unsure is repair, but mini has had its 1 attempt",
        ),
        ({}, an_attempt(outcome=None), an_attempt(2, "mini", why="retry"), "moves.error is retry"),
        (
            {},
            an_attempt(outcome=None),
            an_attempt(2, "mini", why="fallback"),
            "moves.error is retry, but another deployment comes first",
        ),
        (
            {},
            an_attempt(outcome=None),
            an_attempt(2, "small", why="escalate"),
            "moves.error is retry, but the wait for another try would have passed the deadline",
        ),
        (
            {},
            an_attempt(outcome=None, answer=a_failure(FailureKind.AUTH)),
            an_attempt(2, "small", why="escalate"),
            "asking again does not help against auth",
        ),
        ({}, an_attempt(), None, "every check passed"),
    ],
)
def test_says_what_led_to_the_next_attempt(moves: Any, last: Attempt, following: Attempt | None, said: str) -> None:
    """The author's move is named, and what kept it from being made."""
    trail = (last, following) if following is not None else (last,)

    assert moved_because(a_policy(moves=moves), a_record(*trail), (last,), following) == said


def test_counts_the_errors_that_used_up_the_retries() -> None:
    """A tier that failed more often than limits.retries allows is left, and the sentence says so."""
    failures = tuple(an_attempt(n, outcome=None, why="first" if n == 1 else "retry") for n in (1, 2, 3))
    following = an_attempt(4, "small", why="escalate")
    policy = a_policy(limits={"retries": 2})

    said = moved_because(policy, a_record(*failures, following), failures, following)

    assert said == "moves.error is retry, but mini failed 3 times in a row, limits.retries is 2"


def test_the_end_is_told_with_its_reason() -> None:
    """Where the author's move could not be made any more, the task's reason says why."""
    dead = a_record(DOUBTED, state=TaskState.DEAD, reason="no tier is left")

    assert moved_because(a_policy(), dead, (DOUBTED,), None) == "moves.unsure is escalate, but no tier is left"
    ended = a_record(DOUBTED, state=TaskState.DEAD, reason="so it was wished")
    assert moved_because(a_policy(moves={"unsure": "dead_letter"}), ended, (DOUBTED,), None) == (
        "moves.unsure is dead_letter"
    )
    assert moved_because(a_policy(), a_record(DOUBTED, state=TaskState.READY), (DOUBTED,), None) == (
        "moves.unsure is escalate"
    )


def test_a_call_that_was_not_made_is_told_by_its_limit() -> None:
    """No move helps against a limit."""
    refused = an_attempt(outcome=None, answer=Refusal(limit="cost", message="too dear"))

    assert moved_because(a_policy(), a_record(refused, state=TaskState.DEAD), (refused,), None) == (
        "no call was made: cost"
    )


def test_tiers_that_cannot_take_the_input_were_passed_by() -> None:
    """A tier between two that were asked is named with what it lacks, and so is one below the first."""
    tiers = TIERS | {"small": a_tier("small", context_tokens=10), "mini": a_tier("mini", context_tokens=10)}
    policy = a_policy().on(tiers)
    third = an_attempt(2, "large", why="escalate")

    assert [left.name for left in passed_by(policy, a_record(), DOUBTED, third)] == ["small"]
    (mini, small) = passed_by(policy, a_record(), None, an_attempt(1, "large"))
    assert (mini.name, small.name) == ("mini", "small")
    assert small.why.startswith("small holds 10 tokens")
    assert list(passed_by(policy, a_record(), DOUBTED, an_attempt(2, "mini", why="retry"))) == []


def test_tiers_that_would_not_pay_were_passed_by() -> None:
    """Where the certificate expects too little of a tier, its price and its chance are told."""
    evidence = {"later": {"small": {"a": 0.0, "b": 1.0}}, "usual": {"small": {"cost_nusd": 400_000}}}
    policy = a_certified_policy(certificate=evidence)
    doubted = an_attempt(1, "mini", Outcome.UNSURE, verdict=Verdict(outcome=Outcome.UNSURE, trust=0.5))

    (left,) = passed_by(policy, a_record(), doubted, an_attempt(2, "large", why="escalate"))

    assert left == LeftOut(
        "small",
        "not worth it for this input: it usually costs $0.000400 and would be accepted with a chance of 0.50",
    )


def test_a_tier_passed_by_for_no_known_reason_is_told_so() -> None:
    """What is not known is not made up."""
    third = an_attempt(2, "large", why="escalate")

    assert list(passed_by(a_policy(), a_record(), DOUBTED, third)) == [LeftOut("small", "it was not asked")]


def test_names_the_checks_that_were_not_run() -> None:
    """Checks after the one that failed, and those of other tiers, each with the reason."""
    checks = [{"check": "pattern", "matches": "a"}, {"check": "confidence", "at_least": 0.5, "tiers": ["large"]}]
    policy = a_policy(checks=checks)
    findings = tuple(Finding(check=name, outcome=Outcome.PASS) for name in ("refusal", "schema"))
    wrong = Verdict(outcome=Outcome.FAIL, findings=(findings[0], Finding(check="schema", outcome=Outcome.FAIL)))

    assert list(not_run(policy, an_attempt(verdict=wrong))) == [
        LeftOut("pattern", "schema failed"),
        LeftOut("confidence", "not for mini"),
    ]
    assert list(not_run(policy, an_attempt(outcome=None))) == []
