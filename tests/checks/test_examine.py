"""How the checks of a policy are run over one reply."""

from __future__ import annotations

from typing import Any

import pytest

from router.call import FinishReason
from router.checks import Agreement, Check, Judge, Length, Question, SecondSample, Subject, examine
from router.policy import Policy
from router.reading import Reading
from router.verdict import Outcome, Verdict
from tests.builders import a_policy, a_subject


def a_check(id: str, at_most: int, **settings: Any) -> Length:
    return Length(check="length", id=id, field="name", at_most=at_most, **settings)


PASSES, FAILS = a_check("passes", 9), a_check("fails", 0)
DOUBTS = a_check("doubts", 0, severity="unsure")
WARNS = a_check("warns", 0, severity="warn")
AGREES = Agreement(check="agreement", fields=("name",))
JUDGED = Judge(check="judge", tier="large", question="Right?")
SUBJECT = a_subject({"name": "abc"})


def examined(
    *checks: Check, subject: Subject = SUBJECT, answers: tuple[Reading, ...] = ()
) -> tuple[Verdict, list[Question]]:
    """Run the checks with these answers to their questions; the verdict, and what was asked."""
    examination = examine(checks, subject)
    asked: list[Question] = []
    waiting = iter(answers)
    try:
        asked.append(next(examination))
        while True:
            asked.append(examination.send(next(waiting)))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict, asked


def names(verdict: Verdict) -> list[str]:
    return [finding.check for finding in verdict.findings]


def test_checks_run_in_the_policys_order() -> None:
    """Every check that says something stands in the verdict, in order."""
    verdict, _ = examined(PASSES, DOUBTS, WARNS)

    assert names(verdict) == ["passes", "doubts", "warns"]
    assert verdict.outcome is Outcome.UNSURE


def test_the_first_failure_ends_it() -> None:
    """Nobody pays a judge for a broken reply: after a failure nothing is run, and nothing asked."""
    verdict, asked = examined(PASSES, FAILS, DOUBTS, AGREES)

    assert (names(verdict), verdict.outcome, asked) == (["passes", "fails"], Outcome.FAIL, [])


def test_doubts_and_warnings_do_not_end_it() -> None:
    """What is unsure may still turn out broken."""
    verdict, _ = examined(DOUBTS, WARNS, FAILS)

    assert (names(verdict), verdict.outcome) == (["doubts", "warns", "fails"], Outcome.FAIL)


def test_warnings_alone_pass() -> None:
    """A warning is told and changes nothing."""
    verdict, _ = examined(WARNS)

    assert (names(verdict), verdict.outcome) == (["warns"], Outcome.PASS)


def test_questions_are_asked_one_after_the_other() -> None:
    """Whoever drives the checks gets each question in turn, and its answer reaches the check that asked."""
    answers = (Reading(output={"name": "abc"}), Reading(output={"right": "no", "mistake": "It is abd."}))

    verdict, asked = examined(AGREES, PASSES, JUDGED, answers=answers)

    assert [type(question).__name__ for question in asked] == ["SecondSample", "Consultation"]
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.PASS, Outcome.UNSURE]


def test_a_check_may_be_for_some_tiers_only() -> None:
    """`tiers` leaves a check out where another tier replied, with its question."""
    large = a_subject({"name": "abc"}, tier="large")
    for_mini = (FAILS.model_copy(update={"tiers": ("mini",)}), AGREES.model_copy(update={"tiers": ("mini", "small")}))

    verdict, asked = examined(*for_mini, PASSES, subject=large)

    assert (names(verdict), asked) == (["passes"], [])
    assert examined(*for_mini)[0].outcome is Outcome.FAIL


def verdict_of(policy: Policy, subject: Subject) -> Verdict:
    return examined(*policy.all_checks, subject=subject)[0]


@pytest.mark.parametrize(
    "output",
    [{"schema": {}}, {"labels": ["a", "b"]}, {"text": {}}, {"tools": [{"name": "f", "parameters": {}}]}],
)
def test_no_policy_can_do_without_refusal_and_schema(output: dict[str, Any]) -> None:
    """A policy that lists no checks still fails refusals, cut-off answers and what cannot be read, text included."""
    policy = a_policy(output=output, checks=[])

    for subject in (
        a_subject(policy=policy, problem="the reply is empty"),
        a_subject(policy=policy, problem="the model refused", refusal="no"),
        a_subject({}, policy=policy, finish_reason=FinishReason.LENGTH),
    ):
        assert verdict_of(policy, subject).outcome is Outcome.FAIL


def test_refusal_comes_first_and_once() -> None:
    """Listed or not, refusal is looked at before anything else; a listed one has the author's severity."""
    listed = [{"check": "length", "at_most": 5}, {"check": "schema"}, {"check": "refusal", "severity": "unsure"}]

    assert [c.name for c in a_policy(checks=[]).all_checks] == ["refusal", "schema"]
    assert [c.name for c in a_policy(checks=listed).all_checks] == ["refusal", "length", "schema"]
    assert a_policy(checks=listed).all_checks[0].severity == "unsure"


def test_a_check_listed_for_some_tiers_does_not_free_the_others() -> None:
    """`{check: schema, tiers: [large]}` does not let the mini model's broken replies through."""
    policy = a_policy(checks=[{"check": "schema", "id": "mine", "tiers": ["large"]}])

    assert verdict_of(policy, a_subject(policy=policy, problem="the reply is not JSON")).outcome is Outcome.FAIL


def test_a_finding_goes_by_the_checks_id() -> None:
    """Where a kind is listed twice, its ids tell the findings apart; without an id the kind is the name."""
    assert a_check("short", 0)(SUBJECT).check == "short"
    assert Length(check="length", field="name")(SUBJECT).check == "length"


def test_a_second_sample_is_a_question_not_a_call() -> None:
    """Checks do no I/O: what they yield is a value that says what they want."""
    question = next(examine([AGREES], SUBJECT))

    assert question == SecondSample(temperature=0.7)


def test_what_is_known_is_not_asked_again() -> None:
    """A check whose finding is known asks nothing; the others run, and its finding counts like theirs."""
    known = {"agreement": AGREES.found("a second sample differed then")}
    examination = examine([PASSES, AGREES, DOUBTS], SUBJECT, known)

    with pytest.raises(StopIteration) as end:
        next(examination)

    assert [finding.reason for finding in end.value.value.findings][1] == "a second sample differed then"
    assert names(end.value.value) == ["passes", "agreement", "doubts"]


def test_a_check_says_whether_it_asks() -> None:
    """Those that need a model's answer can be told beforehand."""
    assert [check.asks for check in (PASSES, AGREES, JUDGED)] == [False, True, True]
