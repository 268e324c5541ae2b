"""Chat completions, whole and in chunks: read back by OpenAI's own types."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.api.openai.chatanswer import Completion, pieces
from router.api.openai.said import Called, Said
from tests.api.openai.desk import USAGE

TEXT = "Your parcel left us on Monday and should be with you by Thursday at the latest."
CALL = Called(id="call_1", name="track_order", arguments='{"order_id":"R482913"}')


def a_said(text: str | None = TEXT, **changes: Any) -> Said:
    settings: dict[str, Any] = {"calls": (), "finish_reason": "stop", "tokens": (), "usage": USAGE}
    return Said(text=text, **(settings | changes))


def a_completion(*choices: Said) -> Completion:
    return Completion(
        id="chatcmpl-1", model="policy/chat", created=1_800_000_000, choices=choices, routing={"task": "1"}
    )


def whole(*choices: Said) -> ChatCompletion:
    return ChatCompletion.model_validate(a_completion(*choices).whole(), strict=True)


def chunks(*choices: Said, include_usage: bool = False) -> list[ChatCompletionChunk]:
    made = a_completion(*choices).chunks(include_usage=include_usage)
    return [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in made]


def token(text: str) -> dict[str, Any]:
    return {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []}


def test_a_completion_is_openai_s() -> None:
    """With text, finish reason, usage and its details, and the way the task went beside it."""
    read = whole(a_said())

    assert (read.choices[0].message.content, read.choices[0].finish_reason) == (TEXT, "stop")
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (1000, 100, 1100)
    assert read.usage.prompt_tokens_details is not None
    assert read.usage.prompt_tokens_details.cached_tokens == 200
    assert read.model_extra == {"router": {"task": "1"}}


def test_usage_that_nobody_told_is_not_zero() -> None:
    """It is null; of several choices it is the sum."""
    assert whole(a_said(usage=None)).usage is None
    both = whole(a_said(), a_said("Hi")).usage
    assert both is not None
    assert both.total_tokens == 2200


def test_functions_are_called() -> None:
    """With null for the words that were not said."""
    (choice,) = whole(a_said(None, calls=(CALL,), finish_reason="tool_calls")).choices

    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    assert [call.model_dump() for call in choice.message.tool_calls] == [
        {"id": "call_1", "type": "function", "function": {"name": CALL.name, "arguments": CALL.arguments}}
    ]


def test_chunks_make_up_the_whole() -> None:
    """The role, a few words at a time, why it stopped; each choice under its index."""
    read = chunks(a_said(), a_said("Hi"))

    said = ["", ""]
    for chunk in read:
        said[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert said == [TEXT, "Hi"]
    assert read[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in read if chunk.choices[0].finish_reason] == ["stop", "stop"]
    assert 3 < sum(chunk.choices[0].index == 0 for chunk in read) < len(TEXT)
    assert [chunk.model_extra for chunk in read if chunk.model_extra] == [{"router": {"task": "1"}}]


def test_arguments_of_calls_come_in_chunks() -> None:
    """The name and id first, as SDKs expect it."""
    read = [chunk.choices[0].delta for chunk in chunks(a_said(None, calls=(CALL,), finish_reason="tool_calls"))]
    calls = [delta.tool_calls[0] for delta in read if delta.tool_calls]

    assert read[0].content is None
    assert (calls[0].id, calls[0].index) == ("call_1", 0)
    assert calls[0].function is not None
    assert calls[0].function.name == "track_order"
    assert "".join(call.function.arguments or "" for call in calls if call.function) == CALL.arguments


def test_usage_comes_last_where_it_is_wished() -> None:
    """In a chunk without choices; all others have null then, and nothing otherwise."""
    *others, last = chunks(a_said(), include_usage=True)

    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 1100
    assert {chunk.usage for chunk in others} == {None}
    assert not any("usage" in chunk for chunk in a_completion(a_said()).chunks(include_usage=False))


def test_log_probabilities_are_whole_and_in_chunks() -> None:
    """Each token with its piece of the text; where tokens make up another text, all with the whole."""
    tokens = tuple(token(text) for text in ("Hel", "lo", " you"))
    one = whole(a_said("Hello you", tokens=tokens)).choices[0].logprobs
    apart = [c.choices[0] for c in chunks(a_said("Hello you", tokens=tokens)) if c.choices[0].logprobs]
    other = [c.choices[0] for c in chunks(a_said("refund", tokens=tokens)) if c.choices[0].logprobs]

    assert one is not None
    assert [each.token for each in one.content or ()] == ["Hel", "lo", " you"]
    assert [each.delta.content for each in apart] == ["Hel", "lo", " you"]
    assert [each.delta.content for each in other] == ["refund"]


@given(st.text())
def test_pieces_lose_nothing(text: str) -> None:
    """Any text, put together again, is the same; no piece is empty."""
    cut = [piece for piece, _ in pieces(text)]

    assert "".join(cut) == text
    assert all(cut)
