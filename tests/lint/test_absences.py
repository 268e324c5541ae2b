"""Rules over fields that may be missing."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.absences import absence_doubts
from router.problem import Code
from tests.builders import a_policy

OUTPUT = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "tax": {"type": "number"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
    },
    "required": ["total", "items"],
}


def told(expression: str, when: str | None = None, *more: dict[str, Any]) -> list[tuple[Any, int, str]]:
    rule = {"check": "rule", "expression": expression} | ({"when": when} if when is not None else {})
    policy = a_policy(output={"schema": OUTPUT}, checks=[rule, *more])
    return [(one.path, one.column, one.message.partition(" may be")[0]) for one in absence_doubts(policy)]


@pytest.mark.parametrize(
    ("expression", "when", "found"),
    [
        ("output.total > 0.0 && output.tax > 0.0", None, [(("checks", 0, "expression"), 29, "output.tax")]),
        ("output.total > 0.0", "output.tax > 1.0", [(("checks", 0, "when"), 7, "output.tax")]),
        ("output.tax > 0.0", "output.tax > 1.0", [(("checks", 0, "when"), 7, "output.tax")]),
        (
            "output.tax > 0.0",
            "output.total > output.tax || has(output.tax)",
            [(("checks", 0, "when"), 22, "output.tax")],
        ),
        ("output.items.map(i, i.price).sum() == output.total", None, [(("checks", 0, "expression"), 22, "i.price")]),
    ],
)
def test_a_field_that_may_be_missing_is_told(expression: str, when: str | None, found: list[Any]) -> None:
    """The rule would find fault with every reply that leaves out what it may leave out; once for each field."""
    assert told(expression, when) == found


@pytest.mark.parametrize(
    ("expression", "when"),
    [
        ("output.total > 0.0", None),
        ("!has(output.tax) || output.tax > 0.0", None),
        ("has(output.tax) && output.tax > 0.0", None),
        ("output.tax > 0.0", "has(output.tax)"),
        ("output.tax > 0.0", "output.total > 10.0"),
        ("output.total > 10.0 || output.tax > 0.0", None),
        ("output.items.all(i, !has(i.price) || i.price > 0.0)", None),
    ],
)
def test_a_rule_that_replies_without_the_field_may_pass_is_fine(expression: str, when: str | None) -> None:
    """A guard may be any condition: what else it says of such replies, its author knows."""
    assert told(expression, when) == []


def test_what_is_told_says_what_to_do() -> None:
    """A rule that runs into it is a warning: replies with the field are judged well."""
    policy = a_policy(output={"schema": OUTPUT}, checks=[{"check": "rule", "expression": "output.tax > 0.0"}])
    (found,) = absence_doubts(policy)

    assert (found.code, found.code.severity) == (Code.UNLIKELY, "warning")
    assert found.message == (
        "output.tax may be missing, and a rule without an answer counts as one that is not true; "
        "guard it with has(output.tax), or make it `required`"
    )


def test_nothing_is_told_where_outputs_need_not_meet_their_schema() -> None:
    """What is required there may be missing anyway: nobody could say what may not."""
    assert told("output.tax > 0.0", None, {"check": "schema", "severity": "warn"}) == []
