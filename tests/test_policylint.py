"""Warnings: what a policy may say but its author hardly means."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.policylint import doubts, tier_doubts
from tests.builders import TIERS, a_policy, a_tier

LOOSE = {"type": "object", "properties": {"total": {"type": "number"}}}
TOOLS = [{"name": "pay", "parameters": LOOSE | {"required": ["total"], "additionalProperties": False}}]


def told(tiers: Any = TIERS, **changes: Any) -> list[tuple[Any, str]]:
    return [(doubt.path, doubt.message) for doubt in doubts(a_policy(**changes), tiers)]


def test_a_plain_policy_raises_no_doubt() -> None:
    """Nothing is warned of where nothing is odd."""
    assert told() == []


def test_a_schema_that_the_provider_refuses() -> None:
    """A schema that strict mode cannot hold would make every call fail, so it is told beforehand."""
    found = told(output={"schema": LOOSE}, checks=[])

    assert {path for path, _ in found} == {("output", "schema")}
    assert any("additionalProperties: false" in said for _, said in found)


def test_a_function_that_the_provider_refuses() -> None:
    """The same holds for the arguments of functions, and the function is named."""
    (first, *_) = told(output={"tools": [TOOLS[0] | {"parameters": LOOSE}]}, checks=[])

    assert first[0] == ("output", "tools")
    assert "function pay" in first[1]


@pytest.mark.parametrize(
    ("lacking", "changes", "said"),
    [
        ({"logprobs": False}, {}, "small is never asked: small gives no log-probabilities"),
        ({"tools": False}, {"output": {"tools": TOOLS}, "checks": []}, "small is never asked: small calls no function"),
        ({"context_tokens": 500}, {}, "small is never asked: small holds 500 tokens"),
    ],
)
def test_a_tier_that_is_never_asked(lacking: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    """A tier that cannot do what every task needs stands in the path for nothing."""
    ((path, message),) = told(TIERS | {"small": a_tier("small", **lacking)}, **changes)

    assert path == ("tiers", 1)
    assert message.startswith(said)


def test_a_tier_that_passes_images_by() -> None:
    """Where only some tasks have an image, a tier without eyes is told as one that those pass by."""
    fields = {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}
    prompt = {"system": "a", "user": "{{ text }}", "images": ["photo"]}

    found = told(TIERS | {"mini": a_tier("mini", images=False)}, prompt=prompt, input={"schema": fields})

    assert found == [(("tiers", 0), "mini takes no images, so tasks with photo pass it by")]


def test_a_confidence_that_never_comes() -> None:
    """Function calls have no log-probabilities, so a confidence check on them says nothing."""
    found = told(output={"tools": TOOLS})

    assert [path for path, _ in found] == [("checks", 0)]


def test_attempts_that_never_reach_the_top() -> None:
    """A limit below the number of tiers cuts the path short."""
    found = told(limits={"attempts": 2})

    assert found == [(("limits", "attempts"), "2 attempts never reach large, the policy has more tiers")]


def test_keys_that_nothing_acts_on() -> None:
    """Who writes a promise is told that nothing keeps it yet."""
    found = told(promise={"kind": "regret", "at_most": 0.01}, audit={"rate": 0.1, "against": "large"})

    assert [path for path, _ in found] == [("promise",), ("audit",)]


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 10, 1), []),
        (date(2026, 11, 20), ["openai/mini-model leaves its provider on 2027-01-14; its successor is openai/next"]),
        (date(2027, 1, 14), ["openai/mini-model left its provider on 2027-01-14; its successor is openai/next"]),
    ],
)
def test_a_model_that_goes(today: date, said: list[str]) -> None:
    """From three months before its last day on, a model is told to go, with what comes after it."""
    tiers = TIERS | {"mini": a_tier("mini", sunset=date(2027, 1, 14), successor="openai/next")}

    assert [doubt.message for doubt in tier_doubts(tiers, today)] == said
