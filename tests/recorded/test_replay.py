"""Recorded traffic, judged again: what really happened comes out, and what the log does not tell stays open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.cases.case import Case
from router.policy import Policy
from router.policytest import play
from router.recorded.exporting import line, recorded
from router.recorded.recording import Recording, parse_recordings
from router.recorded.replay import replay
from router.recorded.replaycost import dearest
from router.recorded.replayed import Missing, Range, Replayed
from tests.builders import NOW_MS, PRICES, TIERS, a_policy, a_tier
from tests.science.data import DATA, SOURCES

RECEIPT = {"merchant": "ACME", "total": 12.5}
GOOD = {"output": RECEIPT, "confidence": 0.97, "cost_usd": "0.0001"}
DOUBTFUL = GOOD | {"confidence": 0.4}
BROKEN = {"text": "{", "cost_usd": "0.0001"}
DEAR = GOOD | {"cost_usd": "0.004"}
AGREEING = {"check": "agreement", "outcome": "pass"}
JUDGED = a_policy(checks=[{"check": "judge", "tier": "large", "question": "Right?"}], tiers=["mini", "small"])
AGREED = a_policy(checks=[{"check": "agreement"}], tiers=["mini", "large"])


def a_recording(**changes: Any) -> Recording:
    told: dict[str, Any] = {"id": "t1", "input": {"text": "ACME total 12.50"}, "replies": {"mini": GOOD}}
    return Recording.model_validate(told | changes)


def replayed(policy: Policy | None = None, **changes: Any) -> Replayed:
    return replay(policy or a_policy(), a_recording(**changes))


# what the log tells


def test_climbs_as_the_service_would() -> None:
    """The recorded replies are judged in turn until one passes; what all of them cost and took is added up."""
    replies = {"mini": BROKEN | {"latency_ms": 300}, "small": DOUBTFUL, "large": DEAR | {"latency_ms": 700}}

    one = replayed(replies=replies)

    assert (one.status, one.tier, one.escalated) == ("succeeded", "large", True)
    assert [attempt.why for attempt in one.trail] == ["first", "escalate", "escalate"]
    assert (one.cost, one.latency_ms) == (Range(4_200_000, 4_200_000), 1000)
    assert one.missing == one.repeated == ()


def test_another_policy_decides_otherwise() -> None:
    """The same recording ends elsewhere under a stricter threshold."""
    lenient = a_policy(checks=[{"check": "confidence", "at_least": 0.3}])
    replies = {"mini": DOUBTFUL, "small": GOOD}

    assert [replayed(policy, replies=replies).tier for policy in (lenient, a_policy())] == ["mini", "small"]


def test_waits_are_part_of_the_time() -> None:
    """A passing error is tried again after its pause, and the next recorded reply comes."""
    one = replayed(replies={"mini": [{"failure": "server"}, GOOD]})

    assert [attempt.why for attempt in one.trail] == ["first", "retry"]
    assert 500 <= one.latency_ms <= 750
    assert one.cost == Range(100_000, 100_000)


def test_the_deadline_counts() -> None:
    """A task whose first reply took longer than its deadline has expired, whatever came later."""
    slow = replayed(replies={"mini": BROKEN | {"latency_ms": 2000}, "small": GOOD}, deadline_s=1.5)

    assert (slow.status, len(slow.trail)) == ("expired", 1)


def test_a_last_reply_counts_again() -> None:
    """A tier that is asked more often than the log has replies repeats its last one, and this is told."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 3}], moves={"fail": "repair"})

    one = replayed(policy, replies={"mini": [BROKEN, BROKEN]})

    assert (one.status, len(one.trail), one.repeated) == ("dead", 3, ("mini",))


@pytest.mark.parametrize(
    ("changes", "right", "wrong"),
    [
        ({"expected": RECEIPT}, Range(1, 1), Range(0, 0)),
        ({"expected": RECEIPT | {"total": 99.0}}, Range(0, 0), Range(1, 1)),
        ({"replies": {"mini": GOOD | {"correct": False}}, "expected": RECEIPT}, Range(0, 0), Range(1, 1)),
        ({}, Range(0, 1), Range(0, 1)),
        ({"replies": {"mini": BROKEN, "small": BROKEN, "large": BROKEN}}, Range(0, 0), Range(0, 0)),
    ],
)
def test_knows_right_from_wrong_where_the_log_does(changes: dict[str, Any], right: Range, wrong: Range) -> None:
    """A grader's word counts before what was expected; without either both stay open; what was not accepted is none."""
    one = replayed(**changes)

    assert (one.right, one.wrong) == (right, wrong)


# what the log does not tell


def test_a_missing_reply_is_told_and_bounded() -> None:
    """Where the next tier's reply is not in the log the end is unknown: the rest costs nothing, or what is dearest."""
    recording = a_recording(replies={"mini": DOUBTFUL})
    others = [a_recording(replies={"small": GOOD, "large": DEAR})]

    one = replay(a_policy(), recording, dearest=dearest([recording, *others]))

    assert (one.status, one.open_at, one.escalated) == ("unknown", "small", True)
    assert one.missing == (Missing("reply", "small"),)
    assert one.cost == Range(100_000, 100_000 + 100_000 + 4_000_000)
    assert (one.right, one.wrong) == (Range(0, 1), Range(0, 1))


def test_a_missing_first_reply_leaves_all_open() -> None:
    """Without any reply of the first tier nothing is known but the limit."""
    one = replayed(replies={"large": GOOD})

    assert (one.status, one.tier, one.trail, one.escalated) == ("unknown", None, (), None)
    assert one.cost == Range(0, 1_000_000_000)


def test_a_second_sample_is_compared_again() -> None:
    """A recorded second sample is held against the reply by the policy's own check."""
    large = DEAR | {"sample": RECEIPT}
    same, other = ({"mini": GOOD | {"sample": sample}, "large": large} for sample in (RECEIPT, {"total": 1.0}))

    assert [replayed(AGREED, replies=replies).tier for replies in (same, other)] == ["mini", "large"]


def test_what_a_model_found_is_found_again() -> None:
    """A recorded finding of a check that asks a model stands in its own words, with what it took."""
    finding = {"check": "judge", "outcome": "unsure", "reason": "the judge says: the total is off"}
    reply = GOOD | {"findings": [finding], "consulted": {"judge": {"cost_usd": "0.002", "latency_ms": 50}}}

    one = replayed(JUDGED, replies={"mini": reply, "small": reply | {"findings": [finding | {"outcome": "pass"}]}})

    assert (one.status, one.tier, one.latency_ms) == ("succeeded", "small", 100)
    assert [finding.reason for finding in one.trail[0].verdict.reasons] == ["the judge says: the total is off"]
    assert one.cost == Range(4_200_000, 4_200_000)
    assert one.missing == ()


def test_an_unknown_finding_goes_both_ways() -> None:
    """Where a check's answer is not in the log both ways are gone, and what they have in common is sure."""
    asked = {"consulted": {"agreement": {"cost_usd": "0.0001"}}}
    both_right = {"mini": GOOD | {"correct": True} | asked, "large": DEAR | {"correct": True, "findings": [AGREEING]}}
    both_right["large"] |= asked

    one = replayed(AGREED, replies=both_right)

    assert (one.status, one.tier, one.trail, one.escalated) == ("unknown", None, (), None)
    assert one.missing == (Missing("finding", "mini", "agreement"),)
    assert one.cost == Range(200_000, 4_300_000)
    assert (one.right, one.wrong) == (Range(1, 1), Range(0, 0))


def test_an_unknown_finding_may_not_matter() -> None:
    """A check that only warns decides nothing: the end is known without its answer, its cost is not."""
    warned = a_policy(checks=[{"check": "agreement", "severity": "warn"}], tiers=["mini"])

    one = replay(warned, a_recording(), dearest={"mini": 100_000})

    assert (one.status, one.tier) == ("succeeded", "mini")
    assert one.cost == Range(100_000, 200_000)


def test_many_unknown_findings_are_left_open() -> None:
    """Past six open questions nobody goes every way: the end is unknown, and the bounds still hold."""
    checks = [{"check": "agreement", "id": f"again_{number}", "severity": "warn"} for number in range(9)]

    one = replay(a_policy(checks=checks, tiers=["mini"]), a_recording(), dearest={"mini": 100_000})

    assert one.status == "unknown"
    assert (one.cost.low, one.cost.high >= 10 * 100_000) == (100_000, True)


def test_a_refused_call_is_of_its_version() -> None:
    """What a limit forbade then may be allowed under another version: there the reply is missing."""
    policy = a_policy()
    forbidden = {"mini": DOUBTFUL, "small": {"failure": "internal", "not_sent": "cost"}}

    assert replayed(policy, replies=forbidden, version=policy.digest).status == "dead"
    assert replayed(policy, replies=forbidden, version="another").missing == (Missing("reply", "small"),)


# what really happened

PLACES = a_tier("small", deployments=[{"name": "east"}, {"name": "west", "model": "openai/small-west"}])
WORLD = TIERS | {"small": PLACES}


def a_promising_policy() -> Policy:
    """A policy whose promise is held by a certificate over confidence and agreement."""
    promise = {"kind": "regret", "at_most": 0.05}
    bound = a_policy(promise=promise, checks=[{"check": "agreement", "severity": "warn"}]).bound_to(WORLD)
    trust = {"intercept": 0.5, "features": {"confidence": {"weight": 0.4}, "agreement": {"weight": 1.0, "missing": -1}}}
    level = {"trust": trust, "threshold": 0.8, "later": {"large": {"a": 0.1, "b": 0.2}}}
    usual = {name: {"cost_nusd": 1000 * 10**step, "latency_ms": 500} for step, name in enumerate(WORLD)}
    certificate = {
        "policy": "receipts",
        "made": "2026-11-20",
        "promise": promise,
        "basis": bound.basis.model_dump(),
        "evidence": {"sha256": "0", "labels": "expected", "fitted": 100, "certified": 200},
        "levels": {"mini": level, "small": level},
        "usual": usual,
    }
    promising = Policy.model_validate(bound.model_dump(by_alias=True) | {"certificate": certificate})
    assert promising.certified is not None
    return promising


POLICIES = [
    a_policy(),
    a_policy(moves={"fail": "repair", "unsure": "retry", "refused": "review", "exhausted": "reject"}),
    a_policy(tiers=[{"tier": "mini", "attempts": 2}, {"tier": "large", "attempts": 3}], moves={"fail": "repair"}),
    a_policy(checks=[{"check": "agreement", "severity": "warn"}, {"check": "confidence", "at_least": 0.5}]),
    a_policy(checks=[{"check": "judge", "tier": "large", "question": "Right?"}, {"check": "agreement"}]),
    a_policy(limits={"attempts": 3, "retries": 1, "deadline_s": 3, "cost_usd": "0.00035", "output_tokens": 300}),
    a_policy(moves={"unsure": "accept", "error": "escalate"}),
    a_promising_policy(),
]
REPLY = st.one_of(
    st.builds(
        lambda total, sure, slow: {"output": RECEIPT | {"total": total}, "confidence": sure, "takes_s": slow},
        st.sampled_from([12.5, 13.0]),
        st.sampled_from([0.2, 0.6, 0.9]) | st.fixed_dictionaries({"total": st.sampled_from([0.3, 0.9])}),
        st.sampled_from([0.0, 0.3, 1.7]),
    ),
    st.sampled_from(
        [
            {"output": RECEIPT},
            {"text": "{"},
            {"text": "[]", "confidence": 0.9},
            {"output": RECEIPT, "usage": None, "confidence": 0.9},
            {"refusal": "I cannot"},
            {"finish_reason": "content_filter"},
            {"text": '{"merchant": "AC', "finish_reason": "length"},
            {"failure": "server"},
            {"failure": "timeout", "takes_s": 2.0},
            {"failure": "rate_limit", "retry_after_s": 1.5},
            {"failure": "auth"},
            {"failure": "content_policy"},
        ]
    ),
)
JUDGEMENT = st.sampled_from(
    [
        {"output": {"mistake": None, "right": "yes"}},
        {"output": {"mistake": "the total", "right": "no"}},
        {"text": "?"},
        {"failure": "server"},
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    policy=st.sampled_from(POLICIES),
    replies=st.fixed_dictionaries({name: st.lists(REPLY, min_size=1, max_size=4) for name in TIERS}),
    judgements=st.lists(JUDGEMENT, min_size=1, max_size=3),
)
def test_what_ran_is_replayed(policy: Policy, replies: dict[str, Any], judgements: list[Any]) -> None:
    """A task that ran through the engine, exported, read and judged again under its policy, goes the same way."""
    case = Case.model_validate(
        {
            "name": "t1",
            "input": {"text": "ACME total 12.50"},
            "replies": replies | {"judge": judgements},
            "expect": {"status": "dead"},
        }
    )
    policy = policy.bound_to(WORLD)
    played = asyncio.run(play(policy, case, tiers=WORLD, prices=PRICES, start_ms=NOW_MS))
    record = played.record

    (again,) = parse_recordings([line(recorded(record, policy))], "log.jsonl")
    assert isinstance(again, Recording)
    one = replay(policy.on(WORLD), again)

    assert (one.status, one.tier) == (record.state.value, record.trail[-1].tier)
    assert [(a.tier, a.why, a.deployment) for a in one.trail] == [(a.tier, a.why, a.deployment) for a in record.trail]
    assert [a.verdict for a in one.trail] == [a.verdict for a in record.trail]
    assert [a.cost_nusd for a in one.trail] == [a.cost_nusd for a in record.trail]
    assert one.latency_ms == record.trail[-1].ended_ms - NOW_MS
    assert (one.missing, one.repeated) == ((), ())


KINDS: list[tuple[dict[str, Any], list[Any]]] = [
    (
        {"labels": ["refund", "other"]},
        [{"output": "refund", "confidence": 0.3}, {"output": "gift"}, {"text": "refund"}],
    ),
    (
        {"text": {}},
        [{"output": "Hello.", "confidence": 0.3}, {"text": "Hello."}, {"output": "Hello.", "confidence": 0.9}],
    ),
    ({"schema": {"type": ["object", "null"]}}, [{"output": None}, {"output": None, "confidence": 0.9}]),
    (
        {"tools": [{"name": "pay", "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}}}]},
        [{"output": {"name": "pay", "arguments": {"amount": "x"}}}, {"output": {"name": "pay", "arguments": {}}}],
    ),
]


@pytest.mark.parametrize(("output", "replies"), KINDS)
def test_every_kind_of_output_is_replayed(output: dict[str, Any], replies: list[Any]) -> None:
    """Labels, texts, nulls and function calls go through a log as they came."""
    checks = [] if "tools" in output else [{"check": "confidence", "at_least": 0.8, "missing": "pass"}]
    policy = a_policy(output=output, checks=checks, moves={"fail": "retry"}, tiers=[{"tier": "mini", "attempts": 3}])
    told = {"name": "t1", "input": {"text": "?"}, "replies": {"mini": replies}, "expect": {"status": "dead"}}
    bound = policy.bound_to(TIERS)
    record = asyncio.run(play(bound, Case.model_validate(told), tiers=TIERS, prices=PRICES, start_ms=NOW_MS)).record

    (again,) = parse_recordings([line(recorded(record, bound))], "log.jsonl")
    assert isinstance(again, Recording)
    one = replay(bound.on(TIERS), again)

    assert one.status == record.state.value
    assert [(a.answer, a.verdict) for a in one.trail] == [(a.answer, a.verdict) for a in record.trail]


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data beside the checkout")
def test_real_traffic_is_judged_as_it_was_graded() -> None:
    """On recorded runs of two models, always asking the larger one is as right and as dear as the file says."""
    source = SOURCES["mmlu"]
    recordings = source.recordings()
    top = source.bound(tiers=["large"])

    ends = [replay(top, recording) for recording in recordings]

    assert sum(one.right.low for one in ends) == sum(bool(r.replies["large"][0].correct) for r in recordings)
    assert sum(one.cost.low for one in ends) == sum(r.replies["large"][0].cost_nusd or 0 for r in recordings)
