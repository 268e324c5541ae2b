"""Recorded traffic of a made-up service: labels with confidence, now and then wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from router.policy import Policy
from router.recorded.recording import Recording
from router.tier import Tier

TIERS = {name: Tier(name=name, model=f"openai/{name}-model") for name in ("mini", "small", "large")}

_LABELS = ("red", "blue")


def a_promising_policy(*, tiers: tuple[str, ...] = ("mini", "large"), **changes: Any) -> Policy:
    """A policy over labels that promises at most a tenth of wrong accepted outputs."""
    settings: dict[str, Any] = {
        "policy": "colours",
        "prompt": {"system": "Name the colour.", "user": "{{ text }}"},
        "input": {"schema": {"type": "object", "properties": {"text": {"type": "string"}}}},
        "output": {"labels": list(_LABELS)},
        "tiers": list(tiers),
        "promise": {"kind": "accepted_error", "at_most": 0.1},
    }
    return Policy.model_validate(settings | changes).bound_to(TIERS).on(TIERS)


def a_recording(number: int = 1, **changes: Any) -> Recording:
    """One task to which mini said red and large said blue, which was expected."""
    settings: dict[str, Any] = {
        "id": f"t{number}",
        "input": {"text": "sky"},
        "expected": "blue",
        "replies": {
            "mini": {"output": "red", "confidence": 0.6, "cost_usd": "0.00001", "latency_ms": 400},
            "large": {"output": "blue", "confidence": 0.99, "cost_usd": "0.0002", "latency_ms": 900},
        },
    }
    return Recording.model_validate({k: v for k, v in (settings | changes).items() if v is not ...})


def a_log(
    tasks: int, *, seed: int = 1, tiers: tuple[str, ...] = ("mini", "large"), labelled: bool = True
) -> list[Recording]:
    """Tasks to which mini is right in eight of ten, and knows mostly when; large in nineteen of twenty."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(tasks):
        truth = str(rng.choice(_LABELS))
        replies = {tier: _reply(rng, truth, 0.95 if tier == "large" else 0.8, tier) for tier in tiers}
        found.append(a_recording(number, expected=truth if labelled else ..., replies=replies))
    return found


def at_cost(recording: Recording, *, words: int) -> Recording:
    """The same answers to so many words, which large reads for a price."""
    dear = recording.replies["large"][0].model_copy(update={"cost_usd": words * Decimal("0.00001")})
    replies = {"mini": recording.replies["mini"], "large": (dear,)}
    return recording.model_copy(update={"input": {"text": "sky " * words}, "replies": replies})


def _reply(rng: Any, truth: str, rate: float, tier: str) -> dict[str, Any]:
    right = rng.random() < rate
    sure = 1 / (1 + np.exp(-rng.normal(4 if right else 0.5, 1)))
    output = truth if right else next(label for label in _LABELS if label != truth)
    cost = {"mini": "0.00001", "small": "0.00005", "large": "0.0002"}[tier]
    return {"output": output, "confidence": float(sure), "cost_usd": cost, "latency_ms": 400}
