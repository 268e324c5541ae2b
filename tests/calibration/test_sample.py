"""Recorded tasks as evidence, judged as at run time."""

from __future__ import annotations

from typing import Any

import pytest

from router.calibration.sample import Sample, sampled
from router.policy import Policy
from router.recorded.recording import Recording
from tests.calibration.logs import a_promising_policy, a_recording

REGRET = {"promise": {"kind": "regret", "at_most": 0.1}}


def seen(policy: Policy, recording: Recording, *, shadow: bool = False) -> Any:
    return sampled(policy, recording, shadow=shadow).seen["mini"]


def replies(mini: dict[str, Any], large: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"mini": mini, **({"large": large} if large is not None else {})}


def test_a_reply_is_right_as_the_label_or_the_grader_says() -> None:
    """What was expected decides; a grader's word counts more."""
    policy = a_promising_policy()

    assert seen(policy, a_recording()).wrong is True
    assert seen(policy, a_recording(expected="red")).wrong is False
    assert seen(policy, a_recording(replies=replies({"output": "red", "correct": True}))).wrong is False
    assert seen(policy, a_recording(expected=...)).wrong is None


def test_signals_and_costs_are_those_of_the_reply() -> None:
    """A sample has what trust will see at run time, and what the tier took."""
    found = seen(a_promising_policy(), a_recording())

    assert found.signals["confidence"] == pytest.approx(0.405, abs=0.001)
    assert (found.tag, found.cost_nusd, found.latency_ms) == ("red", 10_000, 400)
    assert sampled(a_promising_policy(), a_recording(), shadow=False).cost_nusd == 200_000


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        ({"output": "green"}, []),
        ({"output": "blue", "confidence": 0.6}, [{"check": "confidence", "at_least": 0.9}]),
        ({"output": "blue", "finish_reason": "length"}, []),
        ({"failure": "server"}, []),
    ],
)
def test_what_the_policys_own_checks_doubt_is_not_accepted(reply: dict[str, Any], check: list[Any]) -> None:
    """A reply that fails, is unsure, or never came is no acceptance and no loss, whatever its trust will be."""
    found = seen(a_promising_policy(checks=check), a_recording(replies=replies(reply)))

    assert found.passed is False
    assert found.loss is False


def test_a_warning_does_not_stand_in_the_way() -> None:
    """A check that only warns is a signal, and the reply can be accepted."""
    policy = a_promising_policy(checks=[{"check": "confidence", "at_least": 0.9, "severity": "warn"}])

    assert seen(policy, a_recording()).passed is True


def test_regret_is_being_wrong_where_the_top_is_right() -> None:
    """A wrong reply is no regret where the tier that the promise is held against is wrong, too."""
    policy = a_promising_policy(**REGRET)
    both_wrong = replies({"output": "red"}, {"output": "red"})

    assert seen(policy, a_recording()).loss is True
    assert seen(policy, a_recording(replies=both_wrong)).loss is False
    assert seen(policy, a_recording(expected="red")).loss is False


def test_regret_is_unknown_where_the_top_was_not_asked() -> None:
    """Right replies too count only where the top's reply is known: else they would be known too often."""
    policy = a_promising_policy(**REGRET)

    assert seen(policy, a_recording(replies=replies({"output": "red"}))).loss is None
    assert seen(policy, a_recording(replies=replies({"output": "blue"}))).loss is None


def test_in_a_shadow_the_top_is_the_truth() -> None:
    """Without labels, another output than the top's is wrong; without the top's nothing is known."""
    policy = a_promising_policy(promise={"kind": "disagreement", "at_most": 0.1})

    assert seen(policy, a_recording(expected="red"), shadow=True).loss is True
    assert (
        seen(policy, a_recording(replies=replies({"output": " Blue"}, {"output": "blue"})), shadow=True).passed is False
    )
    assert seen(policy, a_recording(replies=replies({"output": "blue"}, {"output": "blue"})), shadow=True).loss is False
    assert seen(policy, a_recording(replies=replies({"output": "blue"})), shadow=True).loss is None
    assert seen(policy, a_recording(replies=replies({"output": "x"})), shadow=True).loss is None


def test_a_repaired_reply_does_not_count() -> None:
    """Below the promise's tier nothing is repaired: the first reply is the evidence."""
    policy = a_promising_policy(moves={"fail": "repair"}, tiers=({"tier": "mini", "attempts": 2}, "large"))
    twice = {"mini": [{"output": "green", "cost_usd": "0.00001"}, {"output": "blue", "cost_usd": "0.00001"}]}

    found = seen(policy, a_recording(replies=twice))

    assert (found.passed, found.cost_nusd) == (False, 10_000)


def test_a_reply_after_an_error_counts() -> None:
    """An error is no reply: what came when the tier was asked again is judged, and is the one that is graded."""
    tried = {"mini": [{"failure": "overload"}, {"output": "blue", "cost_usd": "0.00001"}]}

    found = seen(a_promising_policy(), a_recording(replies=tried))

    assert (found.passed, found.wrong) == (True, False)


def test_a_tier_without_a_reply_is_not_seen() -> None:
    """What the log lacks is lacking in the sample."""
    found = sampled(a_promising_policy(tiers=("mini", "small", "large")), a_recording(), shadow=False)

    assert isinstance(found, Sample)
    assert set(found.seen) == {"mini"}


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({"expected": ...}, True),
        ({"expected": ..., "replies": replies({"output": "green"})}, False),
        ({"replies": replies({"output": "red"})}, True),
        ({"replies": replies({"output": "blue"})}, False),
        ({"expected": "red"}, False),
    ],
)
def test_a_review_that_nobody_knows_is_a_loss_wherever_accepted(changes: dict[str, Any], loss: bool) -> None:
    """At its worst it was wrong where the top is right, unless its label or its checks say otherwise."""
    found = seen(a_promising_policy(**REGRET), a_recording(status="review", tier="large", **changes))

    assert found.loss is loss


def test_at_its_worst_says_nothing_of_what_is_right() -> None:
    """What is assumed teaches no trust, and of other tasks nothing is assumed."""
    policy = a_promising_policy(**REGRET)

    assert seen(policy, a_recording(status="review", tier="large", expected=...)).wrong is None
    assert seen(policy, a_recording(status="succeeded", tier="large", expected=...)).loss is None


def test_in_a_shadow_a_review_that_the_top_never_saw_is_a_loss() -> None:
    """There its label says nothing: the output of the top is the truth, and is not known."""
    below = {"status": "review", "replies": replies({"output": "red"})}

    assert seen(a_promising_policy(**REGRET), a_recording(**below), shadow=True).loss is True
    assert seen(a_promising_policy(**REGRET), a_recording(**below), shadow=True).wrong is None
