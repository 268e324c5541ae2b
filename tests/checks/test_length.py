"""The length check: bounds in characters."""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Length
from router.policy import Policy
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

TEXT = a_policy(output={"text": {}}, checks=[])


def a_length(**settings: Any) -> Length:
    return Length(check="length", field="name", at_least=2, at_most=4, **settings)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("a", Outcome.FAIL), ("ab", Outcome.PASS), ("abcd", Outcome.PASS), ("abcde", Outcome.FAIL), ("", Outcome.FAIL)],
)
def test_both_bounds_are_allowed_lengths(name: str, outcome: Outcome) -> None:
    """`at_least` and `at_most` themselves pass, one more or less fails."""
    assert a_length()(a_subject({"name": name})).outcome is outcome


def test_length_counts_characters() -> None:
    """Not bytes: four emoji are four."""
    assert a_length()(a_subject({"name": "🙂🙂🙂🙂"})).outcome is Outcome.PASS


@pytest.mark.parametrize("output", [{"name": None}, {}, {"name": 5}, {"name": []}])
def test_what_is_no_text_is_passed_over(output: Any) -> None:
    """Null, absent and other values are the schema's business."""
    assert a_length()(a_subject(output)).outcome is Outcome.PASS


def test_each_text_of_a_list_is_measured() -> None:
    """One text too long among many fails."""
    assert a_length()(a_subject({"name": ["ab", "abcde"]})).outcome is Outcome.FAIL


@pytest.mark.parametrize(("policy", "field"), [(TEXT, None), (TEXT, "text")])
def test_a_text_is_measured_as_a_whole(policy: Policy, field: str | None) -> None:
    """Where the output is a text itself, it needs no field."""
    finding = Length(check="length", field=field, at_most=4)(a_subject("abcde", policy=policy))

    assert finding.reason == f"{field or 'the output'} has 5 characters, at most 4 were expected"


def test_the_reason_says_what_came_and_what_was_expected() -> None:
    """People see the field, its length and the bound."""
    assert a_length()(a_subject({"name": "a"})).reason == "name has 1 characters, at least 2 were expected"
