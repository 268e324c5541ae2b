"""What checks saw in a reply."""

from __future__ import annotations

from typing import Any

import pytest

from router.call import FinishReason
from router.checks.base import MISSING
from router.seen import Seen, audited, seen, weighed
from router.task import Audited
from router.verdict import Outcome, Verdict
from tests.builders import THRIFT, a_certified_policy, a_policy, a_subject

READ = {"merchant": "ACME", "total": 12.5}


def saw(check: dict[str, Any], output: Any = None, sample: Any = MISSING, **reading: Any) -> list[tuple[Any, ...]]:
    """What a check of a policy saw in *output*, as tuples."""
    policy = a_policy(checks=[check])
    subject = a_subject(READ if output is None else output, policy=policy, **reading)
    return [(s.what, s.value, s.note) for s in seen(policy.checks[0], subject, sample)]


def test_a_rule_saw_its_fields_and_what_it_made_of_them() -> None:
    """Values of fields, both sides of the comparison, and what the rule says."""
    rule = {"check": "rule", "expression": "math.abs(output.total - 12.0) < 0.1"}

    assert saw(rule) == [
        ("output.total", 12.5, ""),
        ("math.abs(output.total - 12.0)", 0.5, ""),
        ("math.abs(output.total - 12.0) < 0.1", False, ""),
    ]


def test_a_rule_whose_condition_does_not_hold_saw_no_more_than_that() -> None:
    """Where `when` is false the rule itself was never looked at; where it is true nothing is told twice."""
    rule = {"check": "rule", "when": "output.total > 99.0", "expression": "output.total < 200.0"}

    assert saw(rule) == [("output.total", 12.5, ""), ("output.total > 99.0", False, "so the rule says nothing here")]
    assert [what for what, _, _ in saw(rule, {"merchant": "A", "total": 100})] == [
        "output.total",
        "output.total > 99.0",
        "output.total < 200.0",
    ]


def test_a_long_rule_is_called_by_its_place() -> None:
    """A rule of many words is not repeated whole: its parts tell it."""
    rule = {"check": "rule", "expression": " && ".join(f"output.total > {n}.0" for n in range(10))}

    assert saw(rule)[-1] == ("expression", True, "")


def test_a_rule_that_cannot_be_evaluated_says_why() -> None:
    """Something that is not there is told, and why the whole has no value."""
    rule = {"check": "rule", "expression": "input.photo == 'x'"}
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}
    policy = a_policy(checks=[rule], input={"schema": schema})

    found = seen(policy.checks[0], a_subject(READ, policy=policy))

    assert found[0] == Seen("input.photo", None, "is not there")
    assert found[-1] == Seen("input.photo == 'x'", None, "there is no 'photo' here; guard it with has(...)")


def test_grounding_says_which_value_was_found() -> None:
    """Each value of the fields stands in the input or not; null claims nothing."""
    check = {"check": "grounding", "fields": ["merchant", "total"]}

    assert saw(check, {"merchant": "ACME", "total": 99}) == [
        ("merchant", "ACME", "in the input"),
        ("total", 99, "not in the input"),
    ]
    assert saw(check, {"merchant": None, "total": 12.5})[0] == ("merchant", None, "claims nothing")
    assert saw(check, input={"text": " "}) == [("input", None, "has no text to look in")]


def test_confidence_shows_the_level_of_each_field() -> None:
    """Every field with its level and the side of the threshold that it is on."""
    check = {"check": "confidence", "at_least": 0.8}

    assert saw(check, confidence={"merchant": 0.9, "total": 0.4}) == [
        ("merchant", 0.9, "at least 0.8"),
        ("total", 0.4, "below 0.8"),
    ]
    assert saw(check)[0] == ("merchant", None, "no log-probabilities")


@pytest.mark.parametrize(
    ("check", "output", "expected"),
    [
        ({"check": "pattern", "field": "merchant", "matches": "^A"}, READ, ("merchant", "ACME", "")),
        ({"check": "pattern", "field": "total", "matches": "^A"}, READ, ("total", None, "has no text")),
        ({"check": "length", "field": "merchant", "at_most": 2}, READ, ("merchant", "ACME", "4 characters")),
        (
            {"check": "steps", "field": "merchant"},
            {"merchant": "so 2 + 2 = 5", "total": 1},
            ("2 + 2 = 5", 4.0, "is what it comes to"),
        ),
        ({"check": "steps", "field": "merchant"}, {"merchant": "2 + 2 = 4", "total": 1}, ("2 + 2 = 4", 4.0, "holds")),
        ({"check": "judge", "tier": "large", "question": "Right?"}, READ, ("asked", "large", "")),
        ({"check": "agreement"}, READ, ("second sample", None, "is not kept")),
    ],
)
def test_other_checks_show_what_they_look_at(check: dict[str, Any], output: Any, expected: tuple[Any, ...]) -> None:
    """Texts with what was measured of them, sums with what they come to, and who was asked."""
    assert saw(check, output)[0] == expected


def test_agreement_shows_both_samples_where_the_second_is_known() -> None:
    """Field by field: the answer, the second sample, and whether they say the same."""
    assert saw({"check": "agreement"}, sample={"merchant": "acme", "total": 13}) == [
        ("merchant", "ACME", ""),
        ("merchant, second sample", "acme", "the same"),
        ("total", 12.5, ""),
        ("total, second sample", 13, "differs"),
    ]


def test_refusals_and_unreadable_replies_show_what_came() -> None:
    """A refusal, an early end, and the raw text of what is no output."""
    assert saw({"check": "refusal"}, refusal="No.") == [("refusal", "No.", "")]
    assert saw({"check": "refusal"}, finish_reason=FinishReason.LENGTH) == [("finish_reason", "length", "")]
    assert saw({"check": "refusal"}) == []
    assert saw({"check": "schema"}, raw="{", problem="the reply is not JSON") == [("reply", "{", "")]


def test_an_audit_shows_both_outputs() -> None:
    """The accepted output stands beside that of the tier that audits."""
    accepted = Audited(task="t0", tier="mini", output={"merchant": "ACME", "total": 1}, against="large")

    found = audited(a_subject(READ), accepted)

    assert [(s.what, s.value, s.note) for s in found] == [
        ("merchant", "ACME", ""),
        ("merchant, accepted at mini", "ACME", "the same"),
        ("total", 12.5, ""),
        ("total, accepted at mini", 1, "differs"),
    ]


def test_the_promise_shows_its_signals_and_the_trust() -> None:
    """Each signal that the trust is made of, with its meaning, then the trust and what it is held against."""
    policy = a_certified_policy()
    subject = a_subject(READ, policy=policy, confidence={"merchant": 0.5, "total": 0.9})

    found = weighed(policy, subject, Verdict(outcome=Outcome.UNSURE, trust=0.61), ())

    assert [(s.what, s.value) for s in found] == [("confidence", 0.0), ("trust", 0.61)]
    assert "log-odds" in found[0].note
    assert found[-1].note == "accepted from 0.900 on"


def test_the_promise_shows_what_costs_make_of_the_trust() -> None:
    """Where costs count, that of the larger tier is shown beside the trust, and then what comes of both."""
    policy = a_certified_policy(certificate={"thrift": THRIFT})
    subject = a_subject(READ, policy=policy, input={"text": "x" * 33}, confidence={"merchant": 0.5, "total": 0.9})

    found = weighed(policy, subject, Verdict(outcome=Outcome.UNSURE, trust=0.61), ())

    assert [(s.what, s.value) for s in found[1:]] == [("trust", 0.61), ("cost of large", 2.0), ("counts as", 0.757764)]
    assert [s.note for s in found[2:]] == ["expected here, as a multiple of the usual", "accepted from 0.900 on"]


def test_a_tag_that_the_evidence_does_not_know_is_told() -> None:
    """Where trust goes by tags, the task's own is shown, and whether anything is known of it."""
    level = {"trust": {"intercept": 0.0, "tags": {"retail": 1.0}}, "threshold": None}
    policy = a_certified_policy(certificate={"levels": {"mini": level}})

    found = weighed(policy, a_subject(READ, policy=policy), Verdict(outcome=Outcome.UNSURE, trust=0.5), ())

    assert found == (Seen("tag", None, "not in the evidence"), Seen("trust", 0.5, "nothing is certified"))


def test_without_a_certificate_there_is_nothing_to_show() -> None:
    """A promise without evidence weighs nothing."""
    policy = a_policy(promise={"kind": "regret", "at_most": 0.1})

    assert weighed(policy, a_subject(READ, policy=policy), Verdict(outcome=Outcome.UNSURE), ()) == ()
