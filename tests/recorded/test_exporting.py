"""Tasks that ran, as lines of recorded traffic."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from router.call import FailureKind, FinishReason, Usage
from router.policy import Policy
from router.reading import Reading
from router.record import Record
from router.recorded.exporting import line, recorded
from router.recorded.recording import Recording, parse_recordings
from router.refusal import over_cost
from router.task import TaskState
from router.trail import Attempt, Spent
from router.verdict import Finding, Outcome, Verdict
from tests.builders import NOW_MS, a_failure, a_policy, a_task, an_attempt

OUTPUT = {"merchant": "ACME", "total": 12.5}
ASKING = a_policy(
    checks=[
        {"check": "agreement"},
        {"check": "judge", "tier": "large", "question": "Right?"},
        {"check": "confidence", "at_least": 0.8},
    ]
)


def spent(**changes: Any) -> Spent:
    told: dict[str, Any] = {
        "call": "c1",
        "purpose": "answer",
        "tier": "mini",
        "model": "openai/mini",
        "cost_nusd": 210_000,
    }
    return Spent.model_validate(told | changes)


def a_record(*trail: Attempt, **changes: Any) -> Record:
    return replace(
        Record(task=a_task(), state=TaskState.SUCCEEDED, tier="mini", trail=trail, cost_nusd=210_000), **changes
    )


def exported(*trail: Attempt, policy: Policy | None = None, audit: Record | None = None, **changes: Any) -> Any:
    return json.loads(line(recorded(a_record(*trail, **changes), policy or a_policy(), audit=audit)))


def test_a_task_is_one_line() -> None:
    """Input, where it came from, how it ended, and each reply with output, confidence, cost, time and model."""
    calls = (spent(usage=Usage(input_tokens=1000, output_tokens=100), latency_ms=600),)
    answer = Reading(output=OUTPUT, confidence={"merchant": 0.99, "total": 0.87})
    attempt = an_attempt(answer=answer, calls=calls, ended_ms=NOW_MS + 640)

    assert exported(attempt, task=a_task(policy="0123", metadata={"tag": "till"})) == {
        "id": "t1",
        "input": {"text": "ACME total 12.50"},
        "replies": {
            "mini": [
                {
                    "output": OUTPUT,
                    "confidence": {"merchant": 0.99, "total": 0.87},
                    "usage": {"input_tokens": 1000, "output_tokens": 100},
                    "cost_usd": "0.000210000",
                    "latency_ms": 640,
                    "model": "openai/mini",
                    "deployment": "main",
                }
            ]
        },
        "metadata": {"tag": "till"},
        "question": a_policy().question,
        "policy": "receipts",
        "version": "0123",
        "tenant": "default",
        "created": "2027-01-15T08:00:00.000Z",
        "status": "succeeded",
        "tier": "mini",
        "cost_usd": "0.000210000",
    }


def test_replies_stand_by_tier_in_order() -> None:
    """What a tier replied first stands first, whatever was in between."""
    trail = (
        an_attempt(1, "mini", Outcome.FAIL, answer=Reading(problem="not JSON", raw="{")),
        an_attempt(2, "small", None, answer=a_failure(FailureKind.RATE_LIMIT, retry_after_s=2.5), calls=()),
        an_attempt(3, "small", answer=Reading(output=OUTPUT)),
    )

    replies = exported(*trail)["replies"]

    assert [reply.get("text") for reply in replies["mini"]] == ["{"]
    assert [(reply.get("failure"), reply.get("output")) for reply in replies["small"]] == [
        ("rate_limit", None),
        (None, OUTPUT),
    ]
    assert replies["small"][0]["retry_after_s"] == 2.5


def test_what_is_no_output_is_told_as_it_came() -> None:
    """Refusals, answers cut off, empty answers and a plain null stay apart."""
    answers = [
        Reading(problem="the model refused", refusal="I cannot"),
        Reading(problem="the reply is not JSON", raw='{"mer', finish_reason=FinishReason.LENGTH),
        Reading(problem="the reply is empty"),
        Reading(output=None),
    ]
    trail = [an_attempt(number, "mini", Outcome.FAIL, answer=answer) for number, answer in enumerate(answers, 1)]

    bare = [
        {k: v for k, v in reply.items() if k not in ("cost_usd", "latency_ms")}
        for reply in exported(*trail)["replies"]["mini"]
    ]

    assert bare == [
        {"refusal": "I cannot"},
        {"text": '{"mer', "finish_reason": "length"},
        {"finish_reason": "stop"},
        {"output": None},
    ]


def test_what_checks_asked_is_told_by_check() -> None:
    """Findings of checks that ask a model are kept, with what each took; the reply's cost and time are its own."""
    found = (
        Finding(check="schema", outcome=Outcome.PASS),
        Finding(check="agreement", outcome=Outcome.PASS),
        Finding(check="judge", outcome=Outcome.UNSURE, reason="the judge says: no"),
    )
    calls = (
        spent(),
        spent(call="c2", purpose="sample", cost_nusd=220_000, latency_ms=300),
        spent(call="c3", purpose="judge", tier="large", cost_nusd=4_000_000, latency_ms=900),
    )
    verdict = Verdict(outcome=Outcome.UNSURE, findings=found)

    (reply,) = exported(an_attempt(verdict=verdict, calls=calls, ended_ms=NOW_MS + 1700), policy=ASKING)["replies"][
        "mini"
    ]

    assert [finding["check"] for finding in reply["findings"]] == ["agreement", "judge"]
    assert (reply["cost_usd"], reply["latency_ms"]) == ("0.000210000", 500)
    assert reply["consulted"] == {
        "agreement": {"cost_usd": "0.000220000", "latency_ms": 300},
        "judge": {"cost_usd": "0.004000000", "latency_ms": 900},
    }


def test_a_check_that_was_not_asked_took_nothing() -> None:
    """A judge's call is never taken for a second sample that could not be paid."""
    calls = (spent(), spent(call="c2", purpose="judge", tier="large", cost_nusd=4_000_000))

    (reply,) = exported(an_attempt(calls=calls), policy=ASKING)["replies"]["mini"]

    assert reply["consulted"] == {"judge": {"cost_usd": "0.004000000", "latency_ms": 0}}


def test_a_call_that_a_limit_forbade_says_so() -> None:
    """No tier replied, and why stands there; what an unknown outcome may have cost does, too."""
    lost = an_attempt(
        1, "mini", None, answer=a_failure(FailureKind.TIMEOUT), calls=(spent(cost_nusd=0, doubt_nusd=9_000),)
    )
    forbidden = an_attempt(2, "mini", None, answer=over_cost(9_000, asked_nusd=9_000, limit_nusd=10_000))

    first, second = exported(lost, forbidden)["replies"]["mini"]

    assert (first["failure"], first["cost_usd"], first["doubt_usd"]) == ("timeout", "0.000000000", "0.000009000")
    assert (second["failure"], second["not_sent"]) == ("internal", "cost")


def test_an_audits_reply_joins_what_it_audited() -> None:
    """The auditing tier's reply stands beside the accepted one; an audit that got none adds nothing."""
    answered = a_record(an_attempt(1, "large", None), an_attempt(2, "large", answer=Reading(output=OUTPUT)))

    replies = exported(an_attempt(), audit=answered)["replies"]

    assert {tier: [reply.get("output") for reply in logged] for tier, logged in replies.items()} == {
        "mini": [OUTPUT],
        "large": [OUTPUT],
    }
    assert list(exported(an_attempt(), audit=a_record(an_attempt(1, "large", None)))["replies"]) == ["mini"]


def test_a_deadline_of_its_own_is_told() -> None:
    """A task that was given another deadline than its policy's keeps it; the policy's goes without saying."""
    assert exported(an_attempt(), task=a_task(deadline_ms=NOW_MS + 1500))["deadline_s"] == 1.5
    assert "deadline_s" not in exported(an_attempt())


def test_a_line_is_read_as_it_was_written() -> None:
    """Reading an export gives equal values, odd texts and exact costs included."""
    answer = Reading(output={"merchant": 'Ünïcødé\u2028\t"', "total": 1e-07}, confidence={"merchant": 0.123456})
    trail = an_attempt(answer=answer, calls=(spent(cost_nusd=1, doubt_nusd=7),))
    recording = recorded(a_record(trail, cost_nusd=2**53 + 1), a_policy())

    text = line(recording)

    assert list(parse_recordings([text], "log.jsonl")) == [recording]
    assert isinstance(recording, Recording)
    assert recording.cost_usd is not None
    assert json.loads(text)["cost_usd"] == "9007199.254740993"
