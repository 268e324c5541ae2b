"""Messages of chat completions: which are taken, and how they are passed on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from router.api.openai.conversation import Message, last_user, plain

PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
MESSAGES: TypeAdapter[list[Message]] = TypeAdapter(list[Message])


def passed_on(*messages: Any) -> list[dict[str, Any]]:
    return plain(MESSAGES.validate_python(list(messages)))


def refused(message: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        MESSAGES.validate_python([message])
    return [(".".join(map(str, error["loc"])), error["msg"]) for error in caught.value.errors()]


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "Hello", "name": "ada"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PHOTO, "detail": "low"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "tool", "content": "42", "tool_call_id": "call_1"},
        {"role": "tool", "content": "42", "tool_call_id": "call_1", "name": "f"},
    ],
)
def test_messages_pass_as_they_are(message: dict[str, Any]) -> None:
    """What a caller says reaches the model unchanged."""
    assert passed_on(message) == [message]


def test_an_answer_comes_back_as_the_sdk_dumps_it() -> None:
    """The nulls and empty lists that an SDK writes of an answer say nothing, and are left out."""
    dumped = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
    }

    assert passed_on(dumped) == [{"role": "assistant", "content": "Hi"}]


def test_an_answer_comes_back_as_the_sdk_parsed_it() -> None:
    """What an SDK wrote beside the model's words, where it gathered a stream or read a schema, is not the model's."""
    function = CALL["function"] | {"parsed_arguments": {"a": 1}}  # type: ignore[operator]
    gathered = {
        "role": "assistant",
        "content": "Hi",
        "parsed": {"b": 2},
        "tool_calls": [CALL | {"index": 0} | {"function": function}],
    }

    assert passed_on(gathered) == [{"role": "assistant", "content": "Hi", "tool_calls": [CALL]}]


@pytest.mark.parametrize("content", [7, {"text": "x"}, True])
def test_what_is_neither_text_nor_parts_hears_of_both(content: Any) -> None:
    """Who sends something else is told what there may be, not the one form that was tried last."""
    assert refused({"role": "user", "content": content}) == [("0.content", "expected a text, or a list of parts")]


def test_a_call_without_words_keeps_its_null() -> None:
    """Servers like OpenAI's expect `content` in every message of the assistant."""
    assert passed_on({"role": "assistant", "tool_calls": [CALL]})[0]["content"] is None


@pytest.mark.parametrize(
    ("message", "place", "said"),
    [
        ({"role": "function", "content": "x", "name": "f"}, "0", "'function' is not taken here"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "0.content.0", "'input_audio' is not taken here"),
        ({"role": "user", "content": [{"type": "file"}]}, "0.content.0", "'file' is not taken here"),
        ({"role": "user", "content": []}, "0.content", "at least 1"),
        ({"role": "user"}, "0.content", "required"),
        ({"role": "user", "content": "x", "function_call": None}, "0.function_call", "not permitted"),
        ({"role": "user", "content": "x", "parsed": 1}, "0.parsed", "not permitted"),
        ({"role": "assistant", "content": "x", "reasoning_content": "y"}, "0.reasoning_content", "not permitted"),
        ({"role": "assistant", "content": None}, "0", "needs content or tool_calls"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "0.audio", "leave it out"),
        ({"role": "tool", "content": "x"}, "0.tool_call_id", "required"),
        (
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": {"url": PHOTO}}]},
            "0.content.0.type",
            "'text'",
        ),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(message: dict[str, Any], place: str, said: str) -> None:
    """Nothing is dropped in silence: who sends audio, files or functions hears of it, with the place."""
    assert [(at, said in told) for at, told in refused(message) if at == place] == [(place, True)]


@pytest.mark.parametrize("url", ["http://example.com/a.png", "file:///etc/passwd", "data:text/html;base64,eA==", ""])
def test_images_are_data_or_https(url: str) -> None:
    """An address that no provider could or should fetch is refused."""
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}

    assert [at for at, _ in refused(message)] == ["0.content.0.image_url.url"]


def test_the_last_message_of_the_user_is_text_and_images() -> None:
    """Its texts are put together line by line; what others said since then does not count."""
    parts = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": PHOTO}},
        {"type": "text", "text": "two"},
    ]
    messages = [{"role": "user", "content": "earlier"}, {"role": "user", "content": parts}]

    assert last_user([*messages, {"role": "assistant", "content": "hm"}]) == ("one\ntwo", [PHOTO])
    assert last_user(messages[:1]) == ("earlier", [])
    assert last_user([{"role": "system", "content": "x"}]) is None
