"""Inputs that are a conversation: what is one, and the images in it."""

from __future__ import annotations

from typing import Any

import pytest

from router.conversation import CONVERSATION, images_of, messages_of, without_images
from router.schema.validator import Validator

PHOTO = "data:image/png;base64,AA"
TOLD = {"role": "user", "content": [{"type": "text", "text": "What is it?"}]}
SHOWN = {
    "role": "user",
    "content": [*TOLD["content"], {"type": "image_url", "image_url": {"url": PHOTO, "detail": "low"}}],
}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "Hello"}],
        [{"role": "developer", "content": "Be brief.", "name": "house"}, SHOWN],
        [SHOWN, CALLED, {"role": "tool", "content": "42", "tool_call_id": "c1"}],
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
    ],
)
def test_what_chat_completions_takes_is_a_conversation(messages: Any) -> None:
    """Texts, images, calls, their results and refusals may stand in it."""
    assert Validator(CONVERSATION).problem({"messages": messages}) is None


@pytest.mark.parametrize(
    "input",
    [
        {},
        {"messages": []},
        {"messages": ["Hello"]},
        {"messages": [{"content": "Hello"}]},
        {"messages": [{"role": "narrator", "content": "Hello"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PHOTO}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [TOLD], "text": "more"},
    ],
)
def test_what_no_provider_would_take_is_none(input: Any) -> None:
    """It is refused when it is submitted, not paid for first."""
    assert Validator(CONVERSATION).problem(input) is not None


def test_images_are_found_and_left_out() -> None:
    """Every image part of any message counts, and what is said without them stays as it was."""
    far = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}

    assert list(images_of({"messages": [SHOWN, CALLED, far]})) == [PHOTO, "https://example.com/a.png"]
    assert without_images({"messages": [SHOWN, CALLED]}) == {"messages": [TOLD, CALLED]}


@pytest.mark.parametrize("input", [{}, {"messages": 5}, {"messages": ["a", {"content": [7, {"image_url": 3}]}]}])
def test_any_other_input_has_no_images(input: Any) -> None:
    """Nothing breaks on an input that was never checked."""
    assert list(images_of(input)) == []
    assert all(isinstance(message, dict) for message in messages_of(input))
