"""Checks that always say the same."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.rules import always, rule_doubts
from router.problem import Code
from tests.builders import a_policy

OUTPUT = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["refund", "exchange", "other"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 10},
        "note": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}}},
    },
    "required": ["kind", "count", "note", "items"],
    "additionalProperties": False,
}


def told(*checks: dict[str, Any], output: Any = None) -> list[Any]:
    policy = a_policy(output=output or {"schema": OUTPUT}, checks=checks)
    return list(rule_doubts(policy))


def a_rule(expression: str, **changes: Any) -> dict[str, Any]:
    return {"check": "rule", "expression": expression} | changes


@pytest.mark.parametrize(
    "expression",
    [
        "output.kind == 'refund'",
        "output.kind in ['refund', 'exchange'] || output.count > 5",
        "output.count >= 2 && output.count < 10",
        "output.note == null || size(output.note) > 3",
        "output.items.all(i, i.kind == 'a')",
        "!has(input.text) || output.kind != 'other'",
    ],
)
def test_a_rule_that_depends_on_the_reply_is_fine(expression: str) -> None:
    """Nothing is said of rules that some outputs meet and others do not."""
    assert told(a_rule(expression)) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("true", "always true"),
        ("1 + 1 == 3", "never true"),
        ("output.count >= 1", "always true"),
        ("output.count < 11 && has(output.kind)", "always true"),
        ("output.count > 10", "never true"),
        ("output.count == 0 || output.count > 20", "let this"),
        ("output.kind == output.kind", "always true"),
        ("output.count >= 1 ? true : output.note == null", "always true"),
    ],
)
def test_a_rule_that_the_schema_decides(expression: str, said: str) -> None:
    """A rule that every output under the schema meets, or none, checks nothing."""
    found = told(a_rule(expression))

    assert found
    assert all(doubt.code is Code.CONSTANT and said in doubt.message for doubt in found)


@pytest.mark.parametrize(
    ("expression", "column", "meant"),
    [
        ("output.kind == 'refnd'", 16, "refund"),
        ("output.note == null || output.kind != 'exchnage'", 39, "exchange"),
        ("!(output.kind in ['other', 'refunds'])", 28, "refund"),
        ("output.items.exists(i, i.kind == 'c')", 34, None),
    ],
)
def test_a_value_that_is_none_of_the_fields(expression: str, column: int, meant: str | None) -> None:
    """A label that the field can never have is told at its character, with the one that was probably meant."""
    (doubt,) = told(a_rule(expression))

    assert (doubt.path, doubt.line, doubt.column) == (("checks", 0, "expression"), 1, column)
    assert doubt.suggestion == meant
    assert "the schema never lets this be" in doubt.message


def test_a_label_that_is_none_of_the_policys() -> None:
    """For labels the output itself is the value."""
    (doubt,) = told(a_rule("output != 'complimnet'"), output={"labels": ["complaint", "compliment"]})

    assert doubt.suggestion == "compliment"


@pytest.mark.parametrize(
    ("when", "said"),
    [("output.count >= 1", "needs no `when`"), ("output.count > 10", "never looked at")],
)
def test_a_condition_that_decides_nothing(when: str, said: str) -> None:
    """A `when` that always or never holds is told at its key."""
    (doubt,) = told(a_rule("output.note != null", when=when))

    assert doubt.path == ("checks", 0, "when")
    assert said in doubt.message


def test_an_output_that_may_break_its_schema_proves_nothing() -> None:
    """Where a broken schema is no failure, rules see outputs that are not under it."""
    assert told({"check": "schema", "severity": "warn"}, a_rule("output.count >= 1")) == []


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"check": "length", "field": "note", "at_least": 5, "at_most": 3}, "at least 5 and at most 3"),
        ({"check": "length", "field": "note"}, "every text is long enough"),
        ({"check": "confidence", "at_least": 0, "missing": "pass"}, "sure enough for 0"),
        ({"check": "pattern", "field": "kind", "matches": "^[a-z]+$"}, "fits everything"),
        ({"check": "pattern", "field": "kind", "matches": "[A-Z]"}, "fits nothing"),
        ({"check": "pattern", "field": "kind", "forbids": "e"}, "fits nothing"),
    ],
)
def test_other_checks_that_are_decided_beforehand(check: dict[str, Any], said: str) -> None:
    """Bounds that exclude each other and patterns that fit all or none of a field's values are told."""
    (doubt,) = told(check)

    assert (doubt.path, doubt.code) == (("checks", 0), Code.CONSTANT)
    assert said in doubt.message


@pytest.mark.parametrize(
    "check",
    [
        {"check": "length", "field": "note", "at_most": 80},
        {"check": "confidence", "at_least": 0.8},
        {"check": "pattern", "field": "kind", "matches": "^re"},
        {"check": "pattern", "field": "note", "matches": "^re"},
        {"check": "refusal"},
    ],
)
def test_checks_that_depend_on_the_reply_are_fine(check: dict[str, Any]) -> None:
    """Nothing is said of checks that tell replies apart."""
    assert told(check) == []


@pytest.mark.parametrize(
    ("check", "what"),
    [
        (a_rule("output.count > 10"), "finds"),
        (a_rule("output.count > 10", when="output.note == null"), None),
        (a_rule("output.count > 10", when="output.count >= 1"), "finds"),
        (a_rule("output.note == null", when="output.count > 10"), "passes"),
        (a_rule("output.count >= 1"), "passes"),
        (a_rule("output.count > 5"), None),
        ({"check": "length", "at_least": 5, "at_most": 3}, "finds"),
    ],
)
def test_what_a_check_always_says(check: dict[str, Any], what: str | None) -> None:
    """A check finds always only where no condition lets an output past it."""
    policy = a_policy(output={"schema": OUTPUT}, checks=[check])

    assert always(policy, policy.checks[0]) == what


def test_a_value_that_may_be_missing_may_pass() -> None:
    """A pattern that no listed text fits still lets null and absent values through: nothing is claimed of it."""
    schema = {
        "type": "object",
        "properties": {"nullable": {"enum": ["a", None]}, "optional": {"enum": ["b"]}, "there": {"enum": ["c"]}},
        "required": ["nullable", "there"],
    }

    def said(field: str) -> list[str]:
        check = {"check": "pattern", "field": field, "matches": "zz"}
        return [doubt.message for doubt in rule_doubts(a_policy(output={"schema": schema}, checks=[check]))]

    assert (said("nullable"), said("optional")) == ([], [])
    assert "this fits nothing that the schema lets there be: c" in said("there")[0]
