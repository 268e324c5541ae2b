"""What is known of the parameters that models take."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from router.modelfacts import facts_of, known_models


@cache
def listed() -> dict[str, Any]:
    """litellm's list of models, read without importing litellm."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    path = Path(folder) / "model_prices_and_context_window_backup.json"
    return dict(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("model", "api_base", "known"),
    [
        ("openai/gpt-4o-mini", None, True),
        ("gpt-4o-mini", None, True),
        ("openai/gpt-4o-mini-2024-07-18", None, True),
        ("openai/gpt-4o-mini", "https://api.openai.com/v1", True),
        ("openai/gpt-4o-mini", "https://eu.api.openai.com/v1", True),
        ("openai/gpt-4o-mini", "https://notapi.openai.com.example/v1", False),
        ("openai/gpt-4o-mini", "http://localhost:8000/v1", False),
        ("azure/gpt-4o-mini", None, False),
        ("openai/gpt-4o-mini-audio-preview", None, False),
        ("openai/local-mini", None, False),
    ],
)
def test_only_what_is_asked_where_it_is_known_is_claimed(model: str, api_base: str | None, known: bool) -> None:
    """A gateway may take what OpenAI refuses, and a model of a similar name may be another one."""
    assert (facts_of(model, api_base) is not None) is known


@pytest.mark.parametrize("model", known_models())
def test_our_facts_agree_with_another_list(model: str) -> None:
    """litellm's list, kept by others, has the same sizes and abilities wherever it says something."""
    facts, other = facts_of(f"openai/{model}"), listed()[model]

    assert facts is not None
    assert facts.output_tokens_max == other["max_output_tokens"]
    assert facts.context_tokens >= other["max_input_tokens"]
    assert bool(facts.efforts) is other.get("supports_reasoning", False)
    assert facts.images is other.get("supports_vision", False)
    for effort in ("none", "minimal", "xhigh"):
        assert (effort in facts.efforts) is other.get(f"supports_{effort}_reasoning_effort", effort in facts.efforts)
    if "deprecation_date" in other:
        assert str(facts.sunset) == other["deprecation_date"]
