"""Models that go, and parameters that a model does not take."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.lint.models import (
    parameter_doubts,
    sample_doubts,
    sunset_doubts,
    tool_doubts,
    unsaid_sunset_doubts,
)
from router.problem import Code
from tests.builders import TIERS, a_policy, a_tier

TOOLS = [{"name": "pay", "parameters": {"type": "object"}}]


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
    tier = a_tier("mini", sunset=date(2027, 1, 14), successor="openai/next")

    assert [doubt.message for doubt in sunset_doubts(tier, today)] == said


@pytest.mark.parametrize(
    ("changes", "today", "paths"),
    [
        ({"model": "openai/gpt-4o-mini"}, date(2026, 11, 20), [("tiers", "mini", "model")]),
        ({"model": "openai/gpt-4o-mini"}, date(2026, 9, 20), []),
        ({"model": "openai/gpt-4o-mini", "sunset": date(2027, 1, 14)}, date(2026, 11, 20), []),
        ({"model": "openai/gpt-4o-mini", "api_base": "http://localhost/v1"}, date(2026, 11, 20), []),
        ({"model": "openai/gpt-5.4"}, date(2026, 11, 20), []),
    ],
)
def test_a_last_day_that_the_tier_does_not_tell(changes: dict[str, Any], today: date, paths: list[Any]) -> None:
    """Where a model's last day was announced and the tiers file keeps silent, lint says it."""
    assert [doubt.path for doubt in unsaid_sunset_doubts(a_tier("mini", **changes), today)] == paths


def refused(model: str, **changes: Any) -> list[str]:
    """The keys of a tier that its model refuses."""
    return [str(doubt.path[-1]) for doubt in parameter_doubts(a_tier("mini", model=model, **changes))]


@pytest.mark.parametrize(
    ("model", "settings", "keys"),
    [
        ("openai/gpt-4o-mini", {"temperature": 0}, []),
        ("openai/gpt-4o-mini", {"reasoning_effort": "none"}, ["reasoning_effort"]),
        ("gpt-4.1-mini-2025-04-14", {"reasoning_effort": "low"}, ["reasoning_effort"]),
        ("openai/gpt-5.4-mini", {"temperature": 0}, []),
        ("openai/gpt-5.4", {"temperature": 0, "reasoning_effort": "high"}, ["temperature", "logprobs"]),
        ("openai/gpt-5.4", {"reasoning_effort": "high", "logprobs": False}, []),
        ("openai/gpt-5.5", {"temperature": 0}, ["temperature", "logprobs"]),
        ("openai/gpt-5.5", {"temperature": 0, "reasoning_effort": "none"}, []),
        ("openai/gpt-5.4", {"reasoning_effort": "minimal"}, ["reasoning_effort", "logprobs"]),
        ("openai/gpt-5-mini", {"reasoning_effort": "none"}, ["reasoning_effort"]),
        ("openai/o3-mini", {"logprobs": False}, ["images"]),
        ("openai/gpt-4o", {"output_tokens_max": 20_000}, ["output_tokens_max"]),
        ("openai/gpt-4o", {"context_tokens": 200_000}, ["context_tokens"]),
        ("openai/somebody-elses", {"temperature": 0, "reasoning_effort": "high"}, []),
        ("mistral/gpt-4o-mini", {"reasoning_effort": "high"}, []),
        ("openai/gpt-4o-mini", {"reasoning_effort": "high", "api_base": "http://localhost:8000/v1"}, []),
        (
            "openai/gpt-4o-mini",
            {"reasoning_effort": "low", "api_base": "https://eu.api.openai.com/v1"},
            ["reasoning_effort"],
        ),
    ],
)
def test_a_parameter_that_the_model_refuses(model: str, settings: dict[str, Any], keys: list[str]) -> None:
    """What is known to be refused is told at its key; of other models and other hosts nothing is claimed."""
    assert refused(model, **settings) == keys


def test_a_deployment_that_refuses_a_parameter() -> None:
    """The models of deployments are looked at too, once for all of them."""
    places = [{"name": "a"}, {"name": "b", "model": "openai/gpt-4o"}, {"name": "c", "model": "openai/gpt-4o-mini"}]

    assert refused("openai/nobody-knows", reasoning_effort="low", deployments=places) == ["reasoning_effort"]


def test_what_is_refused_is_told_with_a_way_out() -> None:
    """The sentence names the model, the effort that stands in the way, and what to write instead."""
    first, second = parameter_doubts(a_tier("mini", model="openai/gpt-5.5", temperature=0))

    assert first.code is Code.PARAMETER
    assert first.message == (
        "openai/gpt-5.5 takes no temperature at the effort medium, which is its own; "
        "write `reasoning_effort: none`, or leave it out"
    )
    assert second.message.endswith("write `reasoning_effort: none`, or `logprobs: false`")


@pytest.mark.parametrize(("effort", "paths"), [("none", []), ("low", [("tiers", 2)]), (None, [("tiers", 2)])])
def test_tools_while_thinking(effort: str | None, paths: list[Any]) -> None:
    """A policy of function calls is told the tiers that take none because they reason."""
    tiers = TIERS | {"large": a_tier("large", model="openai/gpt-5.5", reasoning_effort=effort)}

    assert [doubt.path for doubt in tool_doubts(a_policy(output={"tools": TOOLS}, checks=[]).on(tiers))] == paths
    assert list(tool_doubts(a_policy().on(tiers))) == []


@pytest.mark.parametrize(("limited", "paths"), [([], [("checks", 0)]), (["mini", "small"], [])])
def test_a_second_sample_of_a_thinking_model(limited: list[str], paths: list[Any]) -> None:
    """Agreement asks again with a temperature; where the model takes none, there is no second sample."""
    tiers = TIERS | {"large": a_tier("large", model="openai/gpt-5.5")}
    policy = a_policy(checks=[{"check": "agreement", "tiers": limited}]).on(tiers)

    assert [doubt.path for doubt in sample_doubts(policy)] == paths
