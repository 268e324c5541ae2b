"""What an attempt tells: its cost, its end, and what went wrong in a sentence."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from router.call import FailureKind
from router.reading import Reading
from router.refusal import Refusal
from router.trail import Attempt, Spent
from router.verdict import Finding, Outcome, combine
from tests.builders import a_failure, an_attempt


def a_call(cost_nusd: int, doubt_nusd: int = 0) -> Spent:
    return Spent(call="c", purpose="answer", tier="mini", model="m", cost_nusd=cost_nusd, doubt_nusd=doubt_nusd)


def test_the_cost_of_an_attempt_is_that_of_all_its_calls() -> None:
    """Second samples and judges count; what an unknown outcome may have cost is kept apart."""
    attempt = an_attempt(calls=(a_call(210_000), a_call(90_001), a_call(0, doubt_nusd=5_000)))

    assert attempt.cost_nusd == 300_001


def test_only_a_reply_that_passed_has_passed() -> None:
    """An unsure or failed reply, a failure and a refused call have not passed."""
    refused = an_attempt(outcome=None, answer=Refusal(limit="cost", message="too dear"))
    others = [an_attempt(outcome=Outcome.UNSURE), an_attempt(outcome=Outcome.FAIL), an_attempt(outcome=None), refused]

    assert an_attempt().passed
    assert not any(attempt.passed for attempt in others)


def test_what_went_wrong_is_told_with_the_tier_and_every_reason() -> None:
    """People read the tier and what counted against its reply, but neither passed checks nor warnings."""
    verdict = combine(
        (
            Finding(check="schema", outcome=Outcome.PASS, reason="fine"),
            Finding(check="length", outcome=Outcome.FAIL, reason="rather long", warn=True),
            Finding(check="confidence", outcome=Outcome.UNSURE, reason="hardly sure"),
            Finding(check="total", outcome=Outcome.FAIL, reason="does not add up"),
        )
    )

    assert an_attempt(tier="small", verdict=verdict).told == "small: hardly sure; does not add up"


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (an_attempt(outcome=None, answer=a_failure(message="503 from the provider")), "mini: 503 from the provider"),
        (an_attempt(outcome=None, answer=Refusal(limit="cost", message="too dear")), "mini: too dear"),
        (an_attempt(), "mini: nothing was found"),
        (an_attempt(outcome=None, answer=Reading(output={})), "mini: nothing was found"),
    ],
)
def test_every_kind_of_answer_is_told(attempt: Attempt, told: str) -> None:
    """A failure, a refused call and a reply without findings have a sentence too."""
    assert attempt.told == told


@pytest.mark.parametrize(
    "attempt",
    [
        an_attempt(calls=(a_call(1, 2),)),
        an_attempt(outcome=None),
        an_attempt(outcome=None, answer=Refusal(limit="stale", message="gone")),
        an_attempt(answer=Reading(output=[{"a": None}], confidence={"a.0": 0.5})),
    ],
)
def test_an_attempt_is_read_back_as_it_was(attempt: Attempt) -> None:
    """The store keeps attempts as JSON: replies, failures and refused calls come back as what they were."""
    assert Attempt.model_validate_json(attempt.model_dump_json(exclude_defaults=True)) == attempt


def test_an_attempt_cannot_be_changed() -> None:
    """A trail grows by new attempts, the old ones stay as they are."""
    with pytest.raises(ValidationError, match="frozen"):
        an_attempt().tier = "large"  # type: ignore[misc]


def test_what_is_told_in_events_quotes_nothing() -> None:
    """The brief of an attempt names tier, checks and kinds of failure; contents stay in the trail."""
    finding = Finding(check="total_adds_up", outcome=Outcome.FAIL, reason="the items of 'ACME' do not add up")
    doubt = Finding(check="confidence", outcome=Outcome.UNSURE, reason="so it seems")
    verdict = combine((finding, doubt))

    assert an_attempt(outcome=Outcome.FAIL, verdict=verdict).brief == "mini: total_adds_up fail, confidence unsure"
    assert an_attempt(outcome=None, answer=a_failure(message="no such thing as 'ACME'")).brief == "mini: server"
    assert an_attempt(outcome=None, answer=Refusal(limit="cost", message="$5")).brief == "mini: refused by cost"
    assert an_attempt().brief == "mini: passed"


@pytest.mark.parametrize(
    ("attempt", "failure"),
    [
        (an_attempt(), ""),
        (an_attempt(outcome=None, answer=Refusal(limit="breaker", message="left alone")), "breaker"),
        (an_attempt(outcome=None, answer=a_failure(FailureKind.TIMEOUT)), "timeout"),
        (an_attempt(outcome=None, answer=a_failure(FailureKind.INTERNAL), calls=(a_call(0),)), "internal"),
        (an_attempt(outcome=None, answer=a_failure(FailureKind.INTERNAL)), "unpriced"),
    ],
)
def test_what_kept_an_attempt_from_an_answer_is_a_word(attempt: Attempt, failure: str) -> None:
    """Kinds of failures and limits are few: they can be counted by. Nobody was asked where no price is known."""
    assert attempt.failure == failure
