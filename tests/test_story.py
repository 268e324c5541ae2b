"""A task told step by step."""

from __future__ import annotations

from typing import Any

from router.call import Failure, FailureKind
from router.policy import Policy
from router.reading import Reading
from router.record import Record
from router.story import Story, tell
from router.task import Audited, TaskState
from router.trail import Attempt
from router.verdict import Finding, Outcome, Verdict
from router.wishes import Wishes
from tests.builders import TIERS, a_certified_policy, a_failure, a_policy, a_task, an_attempt

PASSED = Finding(check="schema", outcome=Outcome.PASS)
UNSURE = Finding(check="confidence", outcome=Outcome.UNSURE, reason="not sure")
DOUBTED = an_attempt(
    1,
    answer=Reading(output={"merchant": "ACME", "total": 12.5}, confidence={"merchant": 0.9, "total": 0.3}),
    verdict=Verdict(outcome=Outcome.UNSURE, findings=(PASSED, UNSURE)),
)
GOOD = an_attempt(2, "small", why="escalate")


def told(*trail: Attempt, policy: Policy | None = None, **changes: Any) -> Story:
    settings = {"task": a_task(), "state": TaskState.SUCCEEDED, "tier": "small", "trail": trail, **changes}
    return tell(policy or a_policy(), Record(**settings), TIERS)


def test_every_finding_is_told_with_what_its_check_saw() -> None:
    """Those that passed too, in the order in which the checks ran."""
    first, _ = told(DOUBTED, GOOD).steps

    assert [one.finding for one in first.told] == [PASSED, UNSURE]
    assert [(s.what, s.value) for s in first.told[1].seen] == [("merchant", 0.9), ("total", 0.3)]
    assert [check.name for check in first.not_run] == ["refusal"]


def test_each_step_says_who_was_asked_and_what_came_next() -> None:
    """Model, reason, move, next tier: the last step ends the task."""
    first, second = told(DOUBTED, GOOD).steps

    assert (first.model, first.because) == ("openai/mini-model", "the first tier")
    assert (first.move, first.to) == ("escalate", "small")
    assert (first.why, second.why) == ("moves.unsure is escalate", "every check passed")
    assert (second.because, second.move, second.to) == ("after mini: confidence unsure", "accept", None)


def test_the_prompt_is_the_one_that_was_sent() -> None:
    """A larger model that was told what was found is shown with that message."""
    policy = a_policy(prompt={"system": "Read.", "user": "{{ text }}", "earlier": "findings"})

    first, second = told(DOUBTED, GOOD, policy=policy).steps

    assert [message["content"] for message in first.messages] == ["Read.", "ACME total 12.50"]
    assert "- not sure" in second.messages[2]["content"]


def test_a_step_that_is_not_decided_has_no_move() -> None:
    """A task that is still on its way is told as far as it went."""
    (step,) = told(DOUBTED, state=TaskState.DELAYED).steps

    assert (step.move, step.to) == (None, None)


def test_a_failure_has_no_findings() -> None:
    """Where nothing came back there is nothing that a check saw, and a prompt that cannot be written has no words."""
    policy = a_policy(prompt={"system": "s", "user": "{{ text.nothing.at_all }}"})
    failed = an_attempt(outcome=None, answer=a_failure(FailureKind.BAD_REQUEST))

    (step,) = told(failed, policy=policy, state=TaskState.DEAD).steps

    assert isinstance(step.attempt.answer, Failure)
    assert (step.told, step.messages) == ((), ())


def test_second_samples_are_shown_where_they_are_known() -> None:
    """A trail keeps only what was found in a second sample; who has it can show it."""
    policy = a_policy(checks=[{"check": "agreement"}])
    agreed = Verdict(outcome=Outcome.PASS, findings=(Finding(check="agreement", outcome=Outcome.PASS),))
    record = Record(task=a_task(), state=TaskState.SUCCEEDED, tier="mini", trail=(an_attempt(verdict=agreed),))

    (known,) = tell(policy, record, TIERS, samples={1: {"merchant": "acme", "total": 12.5}}).steps
    (unknown,) = tell(policy, record, TIERS).steps

    assert known.told[0].seen[1].value == "acme"
    assert unknown.told[0].seen[0].note == "is not kept"


def test_an_audit_is_told_beside_the_output_that_it_is_about() -> None:
    """The comparison shows both outputs, and no move is blamed."""
    finding = Finding(check="audit", outcome=Outcome.FAIL, reason="differs", warn=True)
    audited = Audited(task="t0", tier="mini", output={"merchant": "B", "total": 12.5}, against="large")
    attempt = an_attempt(1, "large", why="audit", verdict=Verdict(outcome=Outcome.PASS, findings=(finding,)))

    (step,) = told(attempt, task=a_task(audits=audited)).steps

    assert step.because == "audits the output of task t0, accepted at mini"
    assert [(s.value, s.note) for s in step.told[0].seen][:2] == [("ACME", ""), ("B", "differs")]
    assert step.passed_by == ()


def test_a_check_that_the_version_does_not_know_shows_nothing() -> None:
    """A finding stays one even where nobody can say any more what was seen."""
    strange = Verdict(outcome=Outcome.PASS, findings=(Finding(check="gone", outcome=Outcome.PASS),))

    (step,) = told(an_attempt(verdict=strange)).steps

    assert [(one.finding.check, one.seen) for one in step.told] == [("gone", ())]


def test_says_why_a_certificate_is_not_gone_by() -> None:
    """A certificate that was made for another prompt is named with what changed."""
    policy = a_certified_policy()
    changed = Policy.model_validate(
        policy.model_dump(by_alias=True) | {"prompt": {"system": "Read it well.", "user": "{{ text }}"}}
    )

    assert told(DOUBTED, GOOD, policy=policy).outdated == ()
    assert told(DOUBTED, GOOD, policy=changed).outdated == ("the prompt has changed",)
    assert told(DOUBTED, GOOD).outdated == ()


def test_a_task_is_told_as_its_caller_wished_it() -> None:
    """The checks that ran are those of its own form; a wish that could not be met is told by the version as it is."""
    asked = Wishes.model_validate({"response_schema": {"name": "r", "body": {"required": ["city"]}}})
    failed = Finding(check="response_format", outcome=Outcome.FAIL, reason="'city' is missing")
    attempt = an_attempt(verdict=Verdict(outcome=Outcome.FAIL, findings=(PASSED, failed)))

    (step,) = told(attempt, task=a_task(wishes=asked)).steps
    story = told(task=a_task(wishes=Wishes(tier="huge")), state=TaskState.DEAD)

    assert [check.name for check in step.not_run] == ["refusal", "confidence"]
    assert story.policy.path == ("mini", "small", "large")
