"""The rule check: a CEL expression over input and output."""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Rule
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

ITEMS = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "items": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]},
        },
    },
    "required": ["total", "items"],
}
POLICY = a_policy(output={"schema": ITEMS}, checks=[])
ADDS_UP = Rule(
    check="rule",
    id="adds_up",
    when="output.items != null",
    expression="math.abs(output.items.map(i, i.price).sum() - output.total) < 0.01",
    message="The items do not add up to the total.",
)


def a_rule(expression: str, **changes: Any) -> Rule:
    return Rule(check="rule", expression=expression, **changes)


def test_an_output_that_obeys_passes() -> None:
    """Prices that add up are fine, whether JSON wrote them as integers or not."""
    subject = a_subject({"total": 3, "items": [{"price": 1}, {"price": 2.0}]}, policy=POLICY)

    assert ADDS_UP(subject).outcome is Outcome.PASS


def test_an_output_that_does_not_obey_fails_with_the_authors_message() -> None:
    """The finding carries the rule's id and its message."""
    finding = ADDS_UP(a_subject({"total": 4, "items": [{"price": 1}]}, policy=POLICY))

    assert (finding.check, finding.outcome) == ("adds_up", Outcome.FAIL)
    assert finding.reason == "The items do not add up to the total."


def test_without_a_message_the_expression_is_the_reason() -> None:
    """People see at least which rule was broken."""
    finding = a_rule("output.total > 10.0")(a_subject({"total": 4}, policy=POLICY))

    assert finding.reason == "not true: output.total > 10.0"


def test_a_rule_holds_only_where_when_says_so() -> None:
    """`when` keeps a rule from outputs that it is not about."""
    assert ADDS_UP(a_subject({"total": 4, "items": None}, policy=POLICY)).outcome is Outcome.PASS


def test_a_rule_sees_the_input() -> None:
    """Input and output can be compared."""
    rule = a_rule('input.text.contains("ACME") && output.total > 0.0')

    assert rule(a_subject({"total": 1}, policy=POLICY)).outcome is Outcome.PASS
    assert rule(a_subject({"total": 1}, policy=POLICY, input={"text": "B"})).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (a_rule("output.items[5].price > 0.0"), "the rule could not be evaluated"),
        (a_rule("output.total > 0.0", when="output.items[5].price > 0.0"), "`when` could not be evaluated"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_does_not_pass(rule: Rule, reason: str) -> None:
    """What cannot be said to hold does not hold, in `when` too."""
    finding = rule(a_subject({"total": 1, "items": []}, policy=POLICY))

    assert finding.outcome is Outcome.FAIL
    assert reason in finding.reason


def test_rules_of_one_subject_share_what_was_made_for_them() -> None:
    """Input and output are translated for CEL once for all rules of a reply, and a rule is compiled once."""
    subject = a_subject({"total": 1, "items": []}, policy=POLICY)

    assert subject.activation is subject.activation
    assert POLICY.types.expression("output.total > 0.0") is POLICY.types.expression("output.total > 0.0")
