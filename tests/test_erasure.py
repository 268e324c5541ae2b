"""What is left when contents are erased: the shape of what happened, and not a word of it."""

from __future__ import annotations

import pytest

from router.call import FailureKind
from router.erasure import erased, erased_task
from router.reading import Reading
from router.refusal import Refusal
from router.ruling import Ruling
from router.task import Audited
from router.trail import Attempt
from router.verdict import Finding, Outcome, Verdict
from router.wishes import Wishes
from tests.builders import a_failure, a_task, an_attempt

CANARY = "CANARY-4711"
FOUND = Verdict(outcome=Outcome.FAIL, findings=(Finding(check="rule", outcome=Outcome.FAIL, reason=CANARY),), trust=0.3)


@pytest.mark.parametrize(
    "attempt",
    [
        an_attempt(answer=Reading(output={CANARY: CANARY}, confidence={CANARY: 0.5}), verdict=FOUND),
        an_attempt(answer=Reading(problem=CANARY, raw=CANARY, refusal=CANARY), verdict=FOUND),
        an_attempt(outcome=None, answer=a_failure(FailureKind.BAD_REQUEST, message=CANARY)),
        an_attempt(tier="review", why="review", verdict=FOUND, ruling=Ruling(wish="reject", by="anna", reason=CANARY)),
    ],
)
def test_nothing_of_an_attempt_that_was_said_is_left(attempt: Attempt) -> None:
    """Its tier, reason, outcome, times and costs are; and erased again it is the same."""
    left = erased(attempt)

    assert CANARY in attempt.model_dump_json()
    assert CANARY not in left.model_dump_json()
    for name in ("number", "tier", "why", "calls", "started_ms", "ended_ms"):
        assert getattr(left, name) == getattr(attempt, name)
    if attempt.verdict is not None and left.verdict is not None:
        assert (left.verdict.outcome, left.verdict.trust) == (attempt.verdict.outcome, attempt.verdict.trust)
        assert [f.check for f in left.verdict.findings] == [f.check for f in attempt.verdict.findings]
    assert erased(left) == left


def test_a_refusal_stays_as_it_is() -> None:
    """It is about limits alone."""
    attempt = an_attempt(outcome=None, answer=Refusal(limit="budget", message="no room in the budget of global"))

    assert erased(attempt) == attempt


def test_nothing_of_a_task_that_was_asked_is_left() -> None:
    """An audit still knows which task it is about, and whom it asks."""
    audits = Audited(task="t0", against="large", tier="mini", output={"merchant": CANARY})
    task = a_task(input={"text": CANARY}, metadata={"note": CANARY}, wishes=Wishes(json_object=True), audits=audits)

    left = erased_task(task)

    assert CANARY not in left.model_dump_json()
    assert (left.input, left.metadata, left.wishes) == ({}, {}, None)
    assert left.audits == Audited(task="t0", against="large", tier="mini")
    assert (left.id, left.policy, left.created_ms, left.deadline_ms) == (
        task.id,
        task.policy,
        task.created_ms,
        task.deadline_ms,
    )
