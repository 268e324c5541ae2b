"""What a caller asks of a task beyond its policy, as it is written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from router.wishes import Wishes

TOOL = {"name": "f", "parameters": {"type": "object"}, "strict": None}


@pytest.mark.parametrize(
    "wished",
    [
        {},
        {"tier": "mini", "logprobs": True, "max_output_tokens": 5},
        {"json_object": True, "parameters": {"temperature": 0.0, "stop": ["a"], "logit_bias": {"5": 1.0}}},
        {"response_schema": {"name": "r", "body": {"a": [None, 1]}, "strict": False}},
        {"tools": [TOOL], "tool_choice": {"name": "f"}, "parallel_tool_calls": False},
    ],
)
def test_what_was_asked_for_is_all_that_is_told(wished: dict[str, Any]) -> None:
    """Written down and read again a wish is the same, and what nobody wished takes no room."""
    told = Wishes.model_validate(wished).told

    assert told == wished
    assert Wishes.model_validate(json.loads(json.dumps(told))) == Wishes.model_validate(wished)


@pytest.mark.parametrize(
    "wished",
    [
        {"parameters": {"temperature": 2.1}},
        {"parameters": {"temperature": float("nan")}},
        {"parameters": {"stop": []}},
        {"parameters": {"top_logprobs": 21}},
        {"parameters": {"mirostat": 2}},
        {"max_output_tokens": 0},
        {"tool_choice": "sometimes"},
        {"tier": "No Tier"},
        {"n": 2},
    ],
)
def test_what_openai_would_refuse_is_no_wish(wished: dict[str, Any]) -> None:
    """Bounds and names are those of its interface; what nobody knows is not passed on."""
    with pytest.raises(ValidationError):
        Wishes.model_validate(wished)
