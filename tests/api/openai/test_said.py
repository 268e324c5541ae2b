"""What a task's accepted output says, as a message of OpenAI's."""

from __future__ import annotations

from typing import Any

import pytest

from router.api.openai.said import Called, said
from router.call import FinishReason, ResponseSchema
from router.output import FunctionTool, Kind
from router.wishes import Wishes
from tests.api.openai.desk import USAGE, a_record

FORM = Wishes(response_schema=ResponseSchema(name="answer", body={"type": "object"}))
TOOLS = Wishes(tools=(FunctionTool(name="f", parameters={"type": "object"}),))


@pytest.mark.parametrize(
    ("kind", "wishes", "output", "text"),
    [
        ("text", None, "Hello\n", "Hello\n"),
        ("labels", None, "refund", "refund"),
        ("labels", FORM, "refund", '{"label":"refund"}'),
        ("schema", None, {"b": 1, "a": "ü"}, '{"b":1,"a":"ü"}'),
        ("schema", FORM, {"b": 1}, '{"b":1}'),
        ("text", FORM, {"b": 1}, '{"b":1}'),
        ("text", Wishes(json_object=True), {"b": 1}, '{"b":1}'),
        ("text", TOOLS, {"text": "Hello", "calls": []}, "Hello"),
    ],
)
def test_texts_are_what_a_caller_would_parse(kind: Kind, wishes: Wishes | None, output: Any, text: str) -> None:
    """Text and labels as they are; JSON compactly, in the model's own order of keys."""
    told = said(a_record(output, task={"wishes": wishes}), kind)

    assert (told.text, told.calls, told.finish_reason) == (text, (), "stop")


def test_functions_are_called() -> None:
    """By the policy's own tools, and by those of the caller; ids are short enough to be sent back to OpenAI."""
    call = {"name": "f", "arguments": {"x": 1}}
    (own,) = said(a_record(call), "tools").calls
    both = said(a_record({"text": "Wait.", "calls": [call, call]}, task={"wishes": TOOLS}), "text")

    assert own == Called(id="call_0123456789abcdef01234567_0", name="f", arguments='{"x":1}')
    assert both.text == "Wait."
    assert [each.id[-2:] for each in both.calls] == ["_0", "_1"]
    assert max(len(each.id) for each in both.calls) <= 40


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.TOOL_CALLS, "stop"),
        (FinishReason.UNKNOWN, "stop"),
    ],
)
def test_the_finish_reason_is_the_provider_s(stated: FinishReason, told: str) -> None:
    """Unless that is none that OpenAI knows, or promises calls where the answer has none."""
    assert said(a_record("x", reading={"finish_reason": stated}), "text").finish_reason == told


@pytest.mark.parametrize("stated", [FinishReason.TOOL_CALLS, FinishReason.UNKNOWN])
def test_calls_are_announced(stated: FinishReason) -> None:
    """An answer with calls says so."""
    call = {"name": "f", "arguments": {}}

    assert said(a_record(call, reading={"finish_reason": stated}), "tools").finish_reason == "tool_calls"


def test_usage_is_that_of_the_accepted_call() -> None:
    """It is what clients count their context by; the sum of all calls stands in the router object."""
    assert said(a_record(), "labels").usage == USAGE


def test_tokens_are_told_as_the_provider_wrote_them() -> None:
    """With their alternatives, where they were asked for."""
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}

    assert said(a_record("Hi", reading={"logprobs": (token,)}), "text").tokens == (token,)
    assert said(a_record("Hi"), "text").tokens == ()
