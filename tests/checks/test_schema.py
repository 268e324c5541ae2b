"""The schema check: is the output what its schema says?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Schema
from router.output import Turn
from router.policy import Policy
from router.verdict import Outcome
from tests.builders import a_chat, a_policy, a_subject

CHECK = Schema(check="schema")
CALL_OFF = {
    "name": "call_off",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "string", "pattern": "^A[0-9]+$"}},
        "required": ["order"],
        "additionalProperties": False,
    },
}
TOOLS = a_policy(output={"tools": [CALL_OFF, {"name": "none", "parameters": {"type": "object"}}]}, checks=[])
LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])
TEXT = a_policy(output={"text": {}}, checks=[])


@pytest.mark.parametrize(
    ("policy", "output"),
    [
        (a_policy(), {"merchant": None, "total": 1}),
        (LABELS, "refund"),
        (TEXT, "anything at all"),
        (TOOLS, {"name": "call_off", "arguments": {"order": "A1"}}),
        (TOOLS, {"name": "none", "arguments": {}}),
    ],
)
def test_an_output_under_its_schema_passes(policy: Policy, output: Any) -> None:
    """Objects, labels, texts and function calls each pass under their own schema."""
    assert CHECK(a_subject(output, policy=policy)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("policy", "output", "reason"),
    [
        (a_policy(), {"merchant": "A"}, "'total'"),
        (a_policy(), {"merchant": 5, "total": 1}, "$.merchant"),
        (a_policy(), {"merchant": "A", "total": 1, "tip": 2}, "'tip'"),
        (a_policy(), None, "$"),
        (LABELS, "complaint", "complaint"),
        (LABELS, 5, "$"),
        (TOOLS, {"name": "call_off", "arguments": {"order": "B1"}}, "$.order"),
        (TOOLS, {"name": "call_off", "arguments": {}}, "'order'"),
        (TOOLS, {"name": "call_off", "arguments": [1]}, "$.arguments"),
        (TOOLS, {"name": "delete_all", "arguments": {}}, "$.name"),
    ],
)
def test_an_output_beside_its_schema_fails_with_the_place(policy: Policy, output: Any, reason: str) -> None:
    """The reason names what is wrong and where, for people and for the model that repairs it."""
    finding = CHECK(a_subject(output, policy=policy))

    assert finding.outcome is Outcome.FAIL
    assert reason in finding.reason


def test_what_could_not_be_read_fails_with_the_readings_reason() -> None:
    """A reply that is no JSON fails here, with what the parser said."""
    finding = CHECK(a_subject(problem="the reply is not JSON: line 1", raw="{"))

    assert (finding.outcome, finding.reason) == (Outcome.FAIL, "the reply is not JSON: line 1")


@pytest.mark.parametrize("severity", ["warn", "unsure"])
def test_a_lighter_severity_is_for_outputs_only(severity: str) -> None:
    """An author may let pass what is beside the schema, but not what could not be read: there is nothing to accept."""
    check = Schema(check="schema", severity=severity)

    beside = check(a_subject({"merchant": "A"}))
    unread = check(a_subject(problem="the reply is empty"))

    assert (beside.outcome, beside.warn) == (Outcome.UNSURE, severity == "warn")
    assert (unread.outcome, unread.warn) == (Outcome.FAIL, False)


def test_every_call_of_a_turn_is_held_to_its_function() -> None:
    """The reason is that of the first call whose arguments are beside their schema."""
    turn = Turn.model_validate({"tools": [CALL_OFF, {"name": "none", "parameters": {"type": "object"}}]})
    policy = a_chat().model_copy(update={"output": turn})
    sound, wrong = ({"name": "call_off", "arguments": {"order": order}} for order in ("A1", "B1"))

    good = CHECK(a_subject({"text": None, "calls": [sound, {"name": "none", "arguments": {}}]}, policy=policy))
    bad = CHECK(a_subject({"text": None, "calls": [sound, wrong]}, policy=policy))

    assert (good.outcome, bad.outcome) == (Outcome.PASS, Outcome.FAIL)
    assert "$.order" in bad.reason
