"""What a person may decide, and how the trail shows it."""

from __future__ import annotations

from typing import Any

import pytest

from router.decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, decide
from router.errors import RulingInvalid
from router.record import Record
from router.reviewing import check_ruling, chosen, ruled
from router.ruling import Ruling
from router.tailoring import tailored
from router.task import TaskState
from router.trail import Attempt
from router.verdict import Outcome
from router.wishes import Wishes
from tests.builders import NOW_MS, a_chat, a_policy, a_task, an_attempt

POLICY = a_policy()
ACME = {"merchant": "ACME", "total": 12.5}
DOUBTED = an_attempt(1, "small", Outcome.UNSURE)


def a_record(*trail: Attempt) -> Record:
    return Record(task=a_task(), state=TaskState.REVIEW, tier="small", trail=trail or (DOUBTED,))


def a_ruling(wish: str = "accept", **changes: Any) -> Ruling:
    return Ruling.model_validate({"wish": wish, "by": "anna"} | changes)


def decided(ruling: Ruling, output: Any = None) -> Attempt:
    return ruled(a_record(), ruling, output, since_ms=NOW_MS - 5000, now_ms=NOW_MS)


def test_a_decision_stands_in_the_trail_as_an_attempt_of_nobodys_tier() -> None:
    """Next in number, as long as the person was waited for, without a call and without a cost."""
    attempt = decided(a_ruling(reason="by eye"), ACME)

    assert (attempt.number, attempt.tier, attempt.why, attempt.calls, attempt.cost_nusd) == (
        2,
        "review",
        "review",
        (),
        0,
    )
    assert (attempt.started_ms, attempt.ended_ms) == (NOW_MS - 5000, NOW_MS)
    assert attempt.passed
    assert [(f.check, f.reason) for f in attempt.verdict.findings] == [("review", "by eye")]
    assert not decided(a_ruling("reject", reason="no")).passed


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [
        (a_ruling(), Accept(decided(a_ruling(), ACME))),
        (a_ruling("reject", reason="no receipt"), Reject("rejected by anna: no receipt")),
        (a_ruling("dead_letter", reason="too blurred"), DeadLetter("given up by anna: too blurred")),
        (a_ruling("ask", tier="large"), Ask("large", "escalate")),
        (a_ruling("ask", tier="small"), Ask("small", "retry")),
        (a_ruling("ask", tier="mini"), Ask("mini", "retry")),
    ],
)
def test_what_was_decided_is_done(ruling: Ruling, expected: Decision) -> None:
    """The trail alone says what happens next, whatever the policy would have wished."""
    trail = (DOUBTED, decided(ruling, ACME if ruling.wish == "accept" else None))

    assert decide(POLICY, a_task(), trail, NOW_MS) == expected


def test_no_call_starts_after_the_deadline_for_a_person_either() -> None:
    """What was sent on, and not asked in time, expires."""
    trail = (DOUBTED, decided(a_ruling("ask", tier="large")))

    assert isinstance(decide(POLICY, a_task(), trail, a_task().deadline_ms), Expire)


def test_after_a_person_the_policy_decides_again() -> None:
    """What a tier says that a person had asked is judged as ever."""
    trail = (DOUBTED, decided(a_ruling("ask", tier="small")), an_attempt(3, "small", Outcome.UNSURE, why="retry"))

    assert decide(POLICY, a_task(), trail, NOW_MS) == Ask("large", "escalate")


def test_the_output_of_an_attempt_can_be_chosen() -> None:
    """By its number; what has none cannot."""
    record = a_record(an_attempt(1, "mini", None), an_attempt(2, "small", Outcome.FAIL))

    assert chosen(record, 2) == ACME
    with pytest.raises(RulingInvalid, match="attempt 1 has no output"):
        chosen(record, 1)
    with pytest.raises(RulingInvalid, match="there is no attempt 3; the task has had 2"):
        chosen(record, 3)


@pytest.mark.parametrize("output", [ACME, {"merchant": None, "total": 0}])
def test_an_output_under_the_schema_is_accepted(output: Any) -> None:
    """Whatever any other check would say."""
    check_ruling(POLICY, a_ruling(), output)


@pytest.mark.parametrize(
    ("ruling", "output", "said"),
    [
        (a_ruling(), {"merchant": "ACME"}, "does not meet the schema of policy 'receipts'"),
        (a_ruling(), None, "does not meet the schema"),
        (a_ruling("ask", tier="huge"), None, "has no tier 'huge'; it climbs mini, small, large"),
    ],
)
def test_what_cannot_be_is_refused(ruling: Ruling, output: Any, said: str) -> None:
    """No person overrules a schema, or has a tier asked that the policy does not have."""
    with pytest.raises(RulingInvalid, match=said):
        check_ruling(POLICY, ruling, output)


def test_labels_and_texts_are_held_to_their_form() -> None:
    """A label is one of the policy's, a text is a text."""
    labels = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])

    check_ruling(labels, a_ruling(), "refund")
    with pytest.raises(RulingInvalid, match="schema"):
        check_ruling(labels, a_ruling(), "nonsense")
    with pytest.raises(RulingInvalid, match="schema"):
        check_ruling(a_policy(output={"text": {}}, checks=[]), a_ruling(), 7)


def test_a_person_keeps_to_the_form_that_the_caller_asked_for() -> None:
    """An output for a task with a form or functions of its own must be in that form, arguments included."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    cheap = Wishes.model_validate({"response_schema": {"name": "r", "body": {"properties": {"total": {"maximum": 9}}}}})
    calling = Wishes.model_validate({"tools": [{"name": "f", "parameters": city}]})

    check_ruling(tailored(POLICY, cheap), a_ruling(), {"merchant": "A", "total": 9})
    with pytest.raises(RulingInvalid, match="10 is more than 9"):
        check_ruling(tailored(POLICY, cheap), a_ruling(), {"merchant": "A", "total": 10})
    with pytest.raises(RulingInvalid, match="'city' is missing"):
        called = {"text": None, "calls": [{"name": "f", "arguments": {}}]}
        check_ruling(tailored(a_chat(), calling), a_ruling(), called)
