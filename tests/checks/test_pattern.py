"""The pattern check: RE2 expressions over texts."""

from __future__ import annotations

from typing import Any

import pytest
import re2

from router.checks import Pattern
from router.checks.pattern import compiled
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])
TEXT = a_policy(output={"text": {}}, checks=[])


def a_pattern(**settings: Any) -> Pattern:
    return Pattern(check="pattern", **settings)


@pytest.mark.parametrize(
    ("settings", "output", "outcome"),
    [
        ({"field": "date", "matches": r"^\d{4}-\d{2}-\d{2}$"}, {"date": "2026-03-01"}, Outcome.PASS),
        ({"field": "date", "matches": r"^\d{4}-\d{2}-\d{2}$"}, {"date": "1 March"}, Outcome.FAIL),
        ({"field": "date", "matches": "March"}, {"date": "1 March 2026"}, Outcome.PASS),
        ({"field": "name", "forbids": "(?i)unknown|n/a"}, {"name": "UNKNOWN"}, Outcome.FAIL),
        ({"field": "name", "forbids": "(?i)unknown|n/a"}, {"name": "Acme"}, Outcome.PASS),
        ({"field": "name", "matches": "A", "forbids": "B"}, {"name": "AB"}, Outcome.FAIL),
        ({"field": "tags", "matches": "^[a-z]+$"}, {"tags": ["a", "B"]}, Outcome.FAIL),
        ({"field": "tags.0", "matches": "^[a-z]+$"}, {"tags": ["a", "B"]}, Outcome.PASS),
        ({"field": "name", "matches": r"^\p{Lu}"}, {"name": "Émile"}, Outcome.PASS),
    ],
)
def test_a_field_matches_or_does_not(settings: dict[str, Any], output: Any, outcome: Outcome) -> None:
    """`matches` must occur, `forbids` must not; every text at or under the field is looked at."""
    assert a_pattern(**settings)(a_subject(output)).outcome is outcome


@pytest.mark.parametrize("output", [{"date": None}, {}, {"date": 20260301}])
def test_what_is_no_text_is_passed_over(output: Any) -> None:
    """Null, absent and other values are the schema's business."""
    assert a_pattern(field="date", matches="^x$")(a_subject(output)).outcome is Outcome.PASS


@pytest.mark.parametrize("field", [None, "text"])
def test_a_text_is_looked_at_as_a_whole(field: str | None) -> None:
    """Where the output is a text itself, it needs no field; its name is `text`."""
    finding = a_pattern(field=field, forbids="(?i)as an ai")(a_subject("As an AI, I", policy=TEXT))

    assert finding.outcome is Outcome.FAIL


@pytest.mark.parametrize("field", [None, "label"])
def test_a_label_is_looked_at_as_a_whole(field: str | None) -> None:
    """A label needs no field; its name is `label`."""
    assert a_pattern(field=field, forbids="^ref")(a_subject("refund", policy=LABELS)).outcome is Outcome.FAIL


def test_the_reason_is_the_authors_or_shows_the_text() -> None:
    """Without a message people see the text, shortened, and the expression."""
    subject = a_subject({"date": "1" * 200})

    assert a_pattern(field="date", matches="^x", message="No date.")(subject).reason == "No date."
    assert a_pattern(field="date", matches="^x")(subject).reason == f"'{'1' * 77}...' does not match ^x"
    assert a_pattern(field="date", forbids="1$")(subject).reason == f"'{'1' * 77}...' must not match 1$"


def test_no_expression_takes_long() -> None:
    """RE2 is linear: what makes other engines hang for years is answered at once."""
    finding = a_pattern(field="name", matches="^(a+)+$")(a_subject({"name": "a" * 100_000 + "b"}))

    assert finding.outcome is Outcome.FAIL


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "(((a{100}){100}){100})"])
def test_what_re2_does_not_know_is_an_error(pattern: str) -> None:
    """Back-references, look-aheads and expressions that explode are refused when they are read."""
    with pytest.raises(re2.error):
        compiled(pattern)
