"""Input items of the responses interface, as messages of a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from router.api.openai.items import Item, messages

ITEMS: TypeAdapter[list[Item]] = TypeAdapter(list[Item])
PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


def conversation(*items: Any, instructions: str | None = None) -> list[dict[str, Any]]:
    return messages(instructions, ITEMS.validate_python(list(items)))


def test_a_text_is_a_message_of_the_user() -> None:
    """Instructions come first, as the word of the system."""
    assert messages("Be brief.", "Hello") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert messages(None, None) == []


def test_parts_are_written_in_the_words_of_chat_completions() -> None:
    """Texts and images of the user, texts and refusals of the model."""
    asked = {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_image", "image_url": PHOTO, "detail": "low"},
        ],
    }
    said = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "A cat.", "annotations": [], "logprobs": []}],
    }

    assert conversation(asked, said) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": PHOTO, "detail": "low"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
    ]


def test_calls_that_follow_one_another_are_one_message() -> None:
    """As chat completions wants them, with each function's answer after it; what is said before belongs to them."""

    def call(number: int) -> dict[str, str]:
        return {"type": "function_call", "call_id": f"call_{number}", "name": "f", "arguments": "{}", "id": "fc_1"}

    def made(number: int) -> dict[str, Any]:
        return {"id": f"call_{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    back = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    words = {"role": "assistant", "content": "Let me see."}

    assert conversation({"role": "user", "content": "?"}, call(1), call(2), back, words, call(3)) == [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": [made(1), made(2)]},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [made(3)]},
    ]


def test_an_answer_comes_back_as_the_sdk_dumps_it() -> None:
    """Nulls of fields that a newer SDK knows, and what it read out of a text by itself, say nothing."""
    part = {"type": "output_text", "text": "{}", "annotations": [], "logprobs": [], "parsed": {"a": 1}}
    said = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
        "phase": None,
    }
    called = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    }
    added = {"caller": None, "namespace": None, "async_": None, "parsed_arguments": {"a": 1}}

    assert conversation(said, called | added) == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "{}"}],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }
    ]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"type": "reasoning", "summary": []}, "0"),
        ({"type": "item_reference", "id": "msg_1"}, "0"),
        ({"role": "tool", "content": "x"}, "0.role"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"}, "0.namespace"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "0.content.0"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "0.content.0.file_id"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "http://a"}]}, "0.content.0.image_url"),
        ({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image"}]}, "0.output.0.type"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_with_its_place(item: Any, place: str) -> None:
    """Files, references and reasoning stay where they are kept: at OpenAI."""
    with pytest.raises(ValidationError) as caught:
        ITEMS.validate_python([item])

    assert place in [".".join(map(str, error["loc"])) for error in caught.value.errors()]
