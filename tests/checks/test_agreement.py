"""The agreement check: does the model say the same when asked again?"""

from __future__ import annotations

from typing import Any

import pytest

from router.call import Failure
from router.checks import Agreement, SecondSample, Subject
from router.reading import Reading
from router.verdict import Finding, Outcome
from tests.builders import a_failure, a_policy, a_subject

LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])
TEXT = a_policy(output={"text": {}}, checks=[])
LIST = a_policy(output={"schema": {"type": "array"}}, checks=[])
FIRST = {"merchant": "Acme", "total": 12.5}


def examined(subject: Subject, answer: Reading | Failure, **settings: Any) -> Finding:
    """Play the world: take the question, send the answer, return the finding."""
    examination = Agreement(check="agreement", **settings).examine(subject)
    question = next(examination)
    assert isinstance(question, SecondSample)
    with pytest.raises(StopIteration) as end:
        examination.send(answer)
    finding: Finding = end.value.value
    return finding


def test_it_asks_for_a_second_sample_as_warm_as_the_author_wishes() -> None:
    """The question is the same tier again; the temperature is the policy's."""
    warm = Agreement(check="agreement", temperature=1.2)

    assert next(warm.examine(a_subject(FIRST))) == SecondSample(temperature=1.2)
    assert next(Agreement(check="agreement").examine(a_subject(FIRST))) == SecondSample(temperature=0.7)


@pytest.mark.parametrize(
    "second",
    [FIRST, {"merchant": "ACME", "total": 12.5}, {"merchant": " acme. ", "total": 12.50}, {**FIRST, "tip": 5}],
)
def test_the_same_said_otherwise_agrees(second: dict[str, Any]) -> None:
    """Case, blanks and punctuation do not matter, nor do fields that are not required."""
    assert examined(a_subject(FIRST), Reading(output=second)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("second", "fields"),
    [
        ({"merchant": "Apex", "total": 12.5}, "merchant"),
        ({"merchant": "Apex", "total": 1}, "merchant, total"),
        ({"merchant": None, "total": 12.5}, "merchant"),
        ({"total": 12.5}, "merchant"),
    ],
)
def test_a_difference_is_doubt_and_names_the_fields(second: dict[str, Any], fields: str) -> None:
    """Fields that differ are named; a disagreement alone does not say which answer is wrong."""
    finding = examined(a_subject(FIRST), Reading(output=second))

    assert (finding.outcome, finding.reason) == (Outcome.UNSURE, f"a second sample differs in {fields}")


def test_named_fields_alone_are_compared() -> None:
    """`fields` leaves all others out."""
    assert examined(a_subject(FIRST), Reading(output={"total": 12.5}), fields=("total",)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("policy", "first", "second", "outcome"),
    [
        (LABELS, "refund", "refund", Outcome.PASS),
        (LABELS, "refund", "exchange", Outcome.UNSURE),
        (TEXT, "Good day!", "good day", Outcome.PASS),
        (TEXT, "€", "$", Outcome.UNSURE),
        (LIST, [1, {"a": "B"}], [1, {"a": "b"}], Outcome.PASS),
        (LIST, [1], [2], Outcome.UNSURE),
        (LIST, [{"a": "b"}], [{"a": "c"}], Outcome.UNSURE),
    ],
)
def test_every_kind_of_output_is_compared(policy: Any, first: Any, second: Any, outcome: Outcome) -> None:
    """Labels, texts and lists are compared as a whole, also where nothing but signs is left to compare."""
    assert examined(a_subject(first, policy=policy), Reading(output=second)).outcome is outcome


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (a_failure(message="503"), "no second sample to compare with: 503"),
        (Reading(problem="the reply is empty"), "the second sample cannot be read: the reply is empty"),
    ],
)
def test_without_a_second_sample_the_answer_is_unsure(answer: Reading | Failure, reason: str) -> None:
    """A check that could not be made is no pass."""
    finding = examined(a_subject(FIRST), answer)

    assert (finding.outcome, finding.reason) == (Outcome.UNSURE, reason)


def test_it_cannot_be_called_without_a_model() -> None:
    """A check that has to ask says so when it is called like one that has not."""
    with pytest.raises(TypeError, match="has to ask a model"):
        Agreement(check="agreement")(a_subject(FIRST))
