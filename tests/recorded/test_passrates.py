"""What recorded traffic shows of the rungs of a policy."""

from __future__ import annotations

from typing import Any

from router.lint.surroundings import Measured
from router.recorded.passrates import pass_rates
from router.recorded.recording import Recording
from tests.builders import PRICES, TIERS, a_policy

GOOD = {"merchant": "ACME", "total": 12.5}


def a_recording(id: str, **replies: Any) -> Recording:
    return Recording.model_validate({"id": id, "input": {"text": "ACME 12.50"}, "replies": replies})


def a_reply(confidence: float, cost_usd: str) -> dict[str, Any]:
    return {"output": GOOD, "confidence": confidence, "cost_usd": cost_usd}


def test_rates_and_costs_are_those_of_visits() -> None:
    """A tier is accepted as often as tasks end there; tasks that went on count against it."""
    log = [
        a_recording("a", mini=a_reply(0.9, "0.001")),
        a_recording("b", mini=a_reply(0.9, "0.001")),
        a_recording("c", mini=a_reply(0.9, "0.003")),
        a_recording("d", mini=a_reply(0.5, "0.003"), small=a_reply(0.9, "0.010")),
    ]

    found = pass_rates(a_policy(), log, PRICES)

    assert found == {"mini": Measured(0.75, 2_000_000, 4), "small": Measured(1.0, 10_000_000, 1)}


def test_repairs_belong_to_their_visit() -> None:
    """Two attempts at a tier in a row are one visit that costs both."""
    policy = a_policy(tiers=[{"tier": "mini", "attempts": 2}, "small"], moves={"unsure": "repair"}).on(TIERS)
    log = [a_recording("a", mini=[a_reply(0.5, "0.001"), a_reply(0.9, "0.002")])]

    assert pass_rates(policy, log, PRICES) == {"mini": Measured(1.0, 3_000_000, 1)}


def test_what_nobody_knows_counts_nowhere() -> None:
    """A reply that is not in the log says nothing of its tier, and neither do other policies' tasks."""
    log = [
        a_recording("a", mini=a_reply(0.5, "0.001")),
        Recording.model_validate(
            {"id": "b", "policy": "others", "input": {"text": ""}, "replies": {"mini": a_reply(0.9, "1")}}
        ),
    ]

    assert pass_rates(a_policy(), log, PRICES) == {"mini": Measured(0.0, 1_000_000, 1)}
