"""Signals: what speaks for or against a reply, in numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from router.checks import Agreement, Confidence, Judge, Length
from router.signals import SIGNALS, logit, signals, tag
from router.verdict import Finding, Outcome
from tests.builders import a_policy, a_subject

TEXT = a_policy(output={"text": {}}, checks=[])
LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])
TOOLS = a_policy(output={"tools": [{"name": "book", "parameters": {"type": "object"}}]}, checks=[])


def of_text(text: str, source: str) -> dict[str, float]:
    return signals((), a_subject(text, policy=TEXT, input={"text": source}), ())


def test_every_signal_is_documented() -> None:
    """What comes out has a name in the table, which says what it means."""
    told = signals((), a_subject({"merchant": "ACME", "total": 12.5}, confidence={"merchant": 0.9, "total": 0.8}), ())

    assert set(told) <= set(SIGNALS)
    assert {"confidence", "confidence_mean", "rules", "grounding", "values", "length", "input_length"} <= set(told)


def test_confidence_is_that_of_the_least_sure_required_field() -> None:
    """One doubtful field makes the reply doubtful; the mean is a signal of its own."""
    told = signals((), a_subject({"merchant": "ACME", "total": 1}, confidence={"merchant": 0.9, "total": 0.5}), ())

    assert told["confidence"] == pytest.approx(0.0)
    assert told["confidence_mean"] == pytest.approx(math.log(0.7 / 0.3))


def test_without_log_probabilities_there_is_no_confidence() -> None:
    """What is not known is left out, not put at some number."""
    assert "confidence" not in signals((), a_subject({"merchant": "ACME", "total": 1}), ())


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_certainty_stays_finite(certain: float) -> None:
    """Log-odds of a probability of 0 or 1 are large, and no infinity."""
    assert abs(logit(certain)) == pytest.approx(20.7, abs=0.1)


def test_checks_that_ask_are_signals_of_their_own() -> None:
    """Agreement and judge speak by themselves; confidence has a finer signal; the others are counted."""
    checks = (
        Agreement(check="agreement", id="twice"),
        Judge(check="judge", tier="large", question="?"),
        Confidence(check="confidence", at_least=0.9),
        Length(check="length", severity="warn"),
    )
    doubted = [Finding(check=check.name, outcome=Outcome.UNSURE) for check in checks]
    doubted[0] = doubted[0].model_copy(update={"share": 0.5})

    told = signals(checks, a_subject({"merchant": "ACME", "total": 1}), doubted)
    passed = signals(checks, a_subject({}), [Finding(check=check.name, outcome=Outcome.PASS) for check in checks])

    assert (told["agreement"], told["judge"], told["rules"]) == (0.5, 0.0, 1.0)
    assert (passed["agreement"], passed["judge"], passed["rules"]) == (1.0, 1.0, 0.0)


def test_values_are_grounded_that_stand_in_the_input() -> None:
    """The share of an output's values that the input has: made-up ones lower it."""
    subject = a_subject({"merchant": "Nobody", "total": 12.5}, input={"text": "ACME total 12.50"})

    assert signals((), subject, ())["grounding"] == pytest.approx(0.5)


def test_a_text_is_grounded_by_its_input_and_its_own_sums() -> None:
    """Numbers out of nowhere count against a text; those that a stated sum gives do not."""
    told = of_text("2 + 3 = 5, so 5. Or 99.", "There are 2 and 3.")

    assert told["grounding"] == pytest.approx(4 / 5)
    assert told["values"] == pytest.approx(math.log(2))
    assert told["coverage"] == pytest.approx(1.0)


def test_wrong_sums_and_unreached_conclusions_are_seen() -> None:
    """A sum that does not come out, a last number that no sum gives, a number of the input that is never used."""
    wrong = of_text("2 + 3 = 6. The answer is 7.", "2 and 3 and 8")
    right = of_text("2 + 3 = 5. The answer is 5.", "2 and 3")

    assert (wrong["steps_wrong"], wrong["concluded"]) == (pytest.approx(math.log(2)), 0.0)
    assert wrong["coverage"] == pytest.approx(2 / 3)
    assert (right["steps_wrong"], right["concluded"], right["coverage"]) == (0.0, 1.0, 1.0)


def test_a_text_without_numbers_says_nothing_about_numbers() -> None:
    """Signals that do not apply are left out."""
    assert set(of_text("It is blue.", "What colour?")) == {"rules", "length", "input_length"}


def test_an_explanation_in_an_object_is_checked_for_its_sums() -> None:
    """Long strings of an object are no values to be found in the input, but may state sums."""
    long = "We compute step by step what was asked for: " + "2 + 2 = 5 and " * 10
    told = signals((), a_subject({"merchant": long, "total": 1}, input={"text": "1"}), ())

    assert told["grounding"] == 1.0
    assert told["steps_wrong"] == pytest.approx(math.log(11))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (a_subject("refund", policy=LABELS), "refund"),
        (a_subject({"name": "book", "arguments": {}}, policy=TOOLS), "book"),
        (a_subject({"merchant": "ACME"}), None),
    ],
)
def test_the_tag_is_the_answers_kind(subject: Any, expected: str | None) -> None:
    """Without a tag of the caller's, the label or the function that was answered is the kind of the task."""
    assert tag(subject) == expected


def test_the_callers_tag_counts_first() -> None:
    """What the caller says of the task is its kind."""
    subject = a_subject("refund", policy=LABELS)
    task = subject.task.model_copy(update={"metadata": {"tag": "vip"}})

    assert tag(type(subject)(task=task, reading=subject.reading, types=subject.types, tier="mini")) == "vip"
