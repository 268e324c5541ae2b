"""Limits that the very first call breaks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.lint.limits import limit_doubts, typical_input, worst_nusd
from router.lint.surroundings import Surroundings
from router.problem import Code
from tests.builders import PRICES, TIERS, a_policy, a_tier

AROUND = Surroundings(TIERS, PRICES, date(2026, 11, 20))


def told(around: Surroundings = AROUND, **changes: Any) -> list[tuple[Any, str]]:
    found = list(limit_doubts(a_policy(**changes).on(around.tiers), around))
    assert {doubt.code for doubt in found} <= {Code.LIMIT}
    return [(doubt.path, doubt.message) for doubt in found]


def test_limits_that_a_call_keeps_are_fine() -> None:
    """Nothing is said of limits with room for a call."""
    assert told() == []


def test_a_cost_that_not_one_call_keeps_to() -> None:
    """Money is reserved at the worst case before a call: a limit below it refuses every task."""
    ((path, message),) = told(limits={"cost_usd": 0.0001})

    assert path == ("limits", "cost_usd")
    assert message.startswith("one call of mini for the shortest input is reserved at $0.000")


def test_the_examples_say_what_an_input_is_like() -> None:
    """With examples, the middle one by length stands for the inputs to come."""
    examples = [
        {"input": {"text": "x" * size}, "output": {"merchant": None, "total": 1}} for size in (10, 100_000, 50_000)
    ]

    policy = a_policy(examples=examples)

    assert typical_input(policy) == {"text": "x" * 50_000}
    assert typical_input(a_policy()) == {}
    assert [message.split(" is ")[0] for _, message in told(examples=examples, limits={"cost_usd": 0.001})] == [
        "one call of mini for an input like the examples'"
    ]


def test_a_template_that_needs_an_input_says_nothing() -> None:
    """Where the prompt cannot be rendered without an input, nothing is claimed of its cost."""
    policy = a_policy(prompt={"system": "a", "user": "{{ text.there.is.none }}"})

    assert worst_nusd(policy, AROUND) == {}
    assert list(limit_doubts(policy.on(TIERS), AROUND)) == []


def test_an_answer_longer_than_the_tier_writes() -> None:
    """An output limit above a tier's own cuts answers off there."""
    ((path, message),) = told(limits={"output_tokens": 20_000})

    assert path == ("limits", "output_tokens")
    assert message == "mini writes at most 16,384 tokens; a longer answer is cut off there"


@pytest.mark.parametrize(("admitted", "paths"), [(400_000, [("limits", "input_bytes")]), (200_000, [])])
def test_inputs_that_no_tier_holds(admitted: int, paths: list[Any]) -> None:
    """Inputs are admitted by their size; one that not even the largest context holds is rejected after all."""
    assert [path for path, _ in told(limits={"input_bytes": admitted})] == paths


@pytest.mark.parametrize(("deadline_s", "paths"), [(60, [("limits", "deadline_s")]), (61, [])])
def test_a_deadline_that_one_call_uses_up(deadline_s: int, paths: list[Any]) -> None:
    """A deadline within the first tier's timeout leaves no time to climb."""
    around = Surroundings(TIERS | {"mini": a_tier("mini", timeout_s=60)}, PRICES, AROUND.day)

    assert [path for path, _ in told(around, limits={"deadline_s": deadline_s})] == paths
