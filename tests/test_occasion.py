"""Which of a policy's moves an attempt calls for."""

from __future__ import annotations

from typing import Any

import pytest

from router.call import FailureKind, FinishReason
from router.occasion import occasion
from router.reading import Reading
from router.refusal import Refusal
from router.verdict import Outcome
from tests.builders import a_failure, an_attempt


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (an_attempt(outcome=Outcome.PASS), None),
        (an_attempt(outcome=Outcome.UNSURE), "unsure"),
        (an_attempt(outcome=Outcome.FAIL), "fail"),
        (an_attempt(outcome=Outcome.FAIL, answer=Reading(refusal="No.")), "refused"),
        (an_attempt(outcome=Outcome.FAIL, answer=Reading(finish_reason=FinishReason.CONTENT_FILTER)), "refused"),
        (an_attempt(outcome=None), "error"),
        (an_attempt(outcome=None, answer=a_failure(FailureKind.CONTENT_POLICY)), "refused"),
        (an_attempt(outcome=None, answer=a_failure(FailureKind.AUTH)), None),
        (an_attempt(outcome=None, answer=Refusal(limit="breaker", message="it is down")), "error"),
        (an_attempt(outcome=None, answer=Refusal(limit="cost", message="too dear")), None),
    ],
)
def test_each_attempt_calls_for_its_move(attempt: Any, expected: str | None) -> None:
    """A bad reply, a refusal and a passing error have their keys; good replies and lasting errors have none."""
    assert occasion(attempt) == expected
