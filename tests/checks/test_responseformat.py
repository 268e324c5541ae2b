"""The response format check: is the output what its caller asked for?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import ResponseFormat
from router.output import Turn
from router.policy import Policy
from router.verdict import Outcome
from tests.builders import a_chat, a_policy, a_subject

LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])
TURN = a_chat().model_copy(update={"output": Turn(tools=({"name": "f", "parameters": {"type": "object"}},))})
CHEAP = {"type": "object", "properties": {"total": {"maximum": 10}}}
LABELLED = {"type": "object", "properties": {"label": {"const": "refund"}}, "required": ["label"]}


def outcome(policy: Policy, schema: dict[str, Any], output: Any, **reading: Any) -> Outcome:
    return ResponseFormat(json_schema=schema)(a_subject(output, policy=policy, **reading)).outcome


@pytest.mark.parametrize(
    ("policy", "schema", "good", "bad"),
    [
        (a_policy(), CHEAP, {"merchant": "A", "total": 10}, {"merchant": "A", "total": 11}),
        (LABELS, LABELLED, "refund", "exchange"),
        (TURN, CHEAP, {"text": '{"total": 5}', "calls": []}, {"text": '{"total": 50}', "calls": []}),
        (TURN, CHEAP, {"text": None, "calls": []}, {"text": "five", "calls": []}),
    ],
)
def test_an_output_is_looked_at_as_it_was_written(policy: Policy, schema: dict[str, Any], good: Any, bad: Any) -> None:
    """An object as it is, a label in its object, of a turn the text where there is one."""
    assert outcome(policy, schema, good) is Outcome.PASS
    assert outcome(policy, schema, bad) is Outcome.FAIL


def test_what_cannot_be_read_fails() -> None:
    """There is nothing to hold against the schema then, whatever the schema allows."""
    assert outcome(a_policy(), {}, None, problem="the reply is not JSON") is Outcome.FAIL
