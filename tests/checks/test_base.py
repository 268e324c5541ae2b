"""What every check can do: find the value it is about, and say what it found as gravely as its author wishes."""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Length
from router.checks.base import MISSING, scalars, value_at
from router.verdict import Outcome
from tests.builders import a_subject

OUTPUT = {"total": 5, "items": [{"price": 1}, {"price": None}], "shop": {"name": "Acme", "open": True}, "a.b": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total", 5),
        ("items", OUTPUT["items"]),
        ("items.1", {"price": None}),
        ("items.0.price", 1),
        ("items.1.price", None),
        ("shop.name", "Acme"),
        ("", OUTPUT),
        ("items.2", MISSING),
        ("items.-1", MISSING),
        ("items.price", MISSING),
        ("total.0", MISSING),
        ("shop.name.0", MISSING),
        ("tip", MISSING),
        ("a.b", MISSING),
    ],
)
def test_a_value_is_found_at_its_dotted_path(field: str, value: Any) -> None:
    """Keys and places of elements lead to a value; null is a value, what is not there is missing."""
    assert value_at(OUTPUT, field) == value


@pytest.mark.parametrize(("field", "value"), [("label", "refund"), ("text", "refund"), ("", "refund"), ("0", MISSING)])
def test_a_bare_text_is_found_under_its_kinds_name(field: str, value: Any) -> None:
    """A label or a text has one field: itself."""
    assert value_at("refund", field) is value


def test_scalars_are_told_with_their_paths() -> None:
    """Every text, number and boolean under a value; nulls claim nothing."""
    assert list(scalars(OUTPUT["items"], "items")) == [("items.0.price", 1)]
    assert list(scalars(OUTPUT["shop"], "shop")) == [("shop.name", "Acme"), ("shop.open", True)]
    assert list(scalars(5, "total")) == [("total", 5)]


@pytest.mark.parametrize(
    ("severity", "outcome", "warn"),
    [("fail", Outcome.FAIL, False), ("unsure", Outcome.UNSURE, False), ("warn", Outcome.UNSURE, True)],
)
def test_a_finding_is_as_grave_as_the_author_wishes(severity: Any, outcome: Outcome, warn: bool) -> None:
    """The same rule may break an answer, make it doubtful, or only be told."""
    check = Length(check="length", field="name", at_least=9, severity=severity)

    finding = check(a_subject({"name": "short"}))

    assert (finding.check, finding.outcome, finding.warn) == ("length", outcome, warn)


def test_without_bounds_a_length_is_never_wrong() -> None:
    """A check that says nothing finds nothing."""
    assert Length(check="length", field="name")(a_subject({"name": ""})).outcome is Outcome.PASS
    assert Length(check="length", field="name", at_most=0)(a_subject({"name": ""})).outcome is Outcome.PASS
