"""Whom a request asks, and what it says to the router itself."""

from __future__ import annotations

import pytest

from router.api.openai.asked import RouterAsk, Target, UnknownModel, one_key, one_metadata, target
from router.errors import TaskInvalid


@pytest.mark.parametrize(
    ("model", "router", "asked"),
    [
        ("policy/intents", {}, Target("intents")),
        ("policy/intents", {"policy": "intents"}, Target("intents")),
        ("tier/mini", {}, Target("chat", "mini")),
        ("tier/mini", {"policy": "intents"}, Target("intents", "mini")),
    ],
)
def test_a_model_is_a_policy_or_a_tier_of_one(model: str, router: dict[str, str], asked: Target) -> None:
    """`tier/NAME` pins one rung, of `chat` unless another policy is named."""
    assert target(model, RouterAsk(**router)) == asked


@pytest.mark.parametrize("model", ["gpt-4o", "policy/", "policy/Intents", "policy/a/b", "Policy/a", "tier/a\n", ""])
def test_other_models_are_unknown(model: str) -> None:
    """A provider's own model is not called by its name: the message says what to ask for."""
    with pytest.raises(UnknownModel, match="policy/NAME"):
        target(model, RouterAsk())


def test_two_policies_are_one_too_many() -> None:
    """A request that names two policies is not guessed at."""
    with pytest.raises(TaskInvalid, match="name one"):
        target("policy/intents", RouterAsk(policy="receipts"))


def test_the_key_comes_by_header_or_in_the_body() -> None:
    """Either will do, both only if they agree."""
    assert one_key("k", RouterAsk()) == one_key(None, RouterAsk(key="k")) == one_key("k", RouterAsk(key="k")) == "k"
    assert one_key(None, RouterAsk()) is None
    with pytest.raises(TaskInvalid, match="differ"):
        one_key("k", RouterAsk(key="other"))


def test_metadata_come_from_one_place() -> None:
    """OpenAI's are texts, the router's any JSON; two sets are not mixed."""
    assert one_metadata({"a": "1"}, RouterAsk()) == {"a": "1"}
    assert one_metadata(None, RouterAsk(metadata={"a": [1]})) == {"a": [1]}
    assert one_metadata(None, RouterAsk()) == {}
    with pytest.raises(TaskInvalid, match="one of them"):
        one_metadata({"a": "1"}, RouterAsk(metadata={"b": 2}))
