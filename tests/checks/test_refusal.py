"""The refusal check: did the model finish its answer?"""

from __future__ import annotations

import pytest

from router.call import FinishReason
from router.checks import Refusal
from router.verdict import Outcome
from tests.builders import a_subject

CHECK = Refusal(check="refusal")


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.TOOL_CALLS])
def test_a_finished_answer_passes(reason: FinishReason) -> None:
    """A model that stopped by itself, or to have a function called, has answered."""
    assert CHECK(a_subject({"a": 1}, finish_reason=reason)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (FinishReason.LENGTH, "cut off at the output limit; raise limits.output_tokens"),
        (FinishReason.CONTENT_FILTER, "content filter"),
        (FinishReason.UNKNOWN, "no known reason"),
    ],
)
def test_an_answer_that_was_ended_fails(reason: FinishReason, said: str) -> None:
    """What was cut off, filtered or ended for reasons unknown is no answer, though it may look like one."""
    finding = CHECK(a_subject({"a": 1}, finish_reason=reason))

    assert finding.outcome is Outcome.FAIL
    assert said in finding.reason


def test_a_refusal_fails_with_the_models_words() -> None:
    """People see how the model put it, shortened."""
    finding = CHECK(a_subject(refusal="I'm sorry" + "!" * 500, problem="the model refused"))

    assert finding.outcome is Outcome.FAIL
    assert finding.reason.startswith("the model refused: I'm sorry!")
    assert len(finding.reason) < 250
