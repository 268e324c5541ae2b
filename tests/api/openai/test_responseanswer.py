"""Responses out of tasks: read back by OpenAI's own types, at whatever point a task is."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.api.openai.responseanswer import Responding, response_id, task_id
from router.call import FinishReason, ResponseSchema
from router.output import FunctionTool, Kind
from router.record import Record
from router.task import TaskState
from router.wishes import Named, Parameters, Wishes
from tests.api.openai.desk import a_record

EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
TOOL = FunctionTool(name="f", description="Does it.", parameters={"type": "object"}, strict=None)


def responding(record: Record | None = None, kind: Kind = "labels") -> Responding:
    return Responding(record or a_record(), policy="intents", kind=kind, source="last_user_message")


def whole(record: Record | None = None, kind: Kind = "labels") -> Response:
    return Response.model_validate(responding(record, kind).whole(), strict=True)


def events(record: Record | None = None, kind: Kind = "labels") -> list[dict[str, Any]]:
    """What a stream says after it began; each event has the form of OpenAI's."""
    told = list(responding(record, kind).events())
    for number, event in enumerate(told):
        EVENTS.validate_python(event | {"sequence_number": number}, strict=True)
    return told


def test_an_id_is_the_task_s() -> None:
    """So that a response can be found again, by either interface."""
    assert task_id(response_id("0a1b")) == "0a1b"
    assert task_id("chatcmpl-0a1b") is None


def test_a_response_is_openai_s() -> None:
    """With its text, usage and details, and the way the task went beside it."""
    read = whole()

    assert (read.status, read.output_text, read.model) == ("completed", "refund", "policy/intents")
    assert read.usage is not None
    assert (read.usage.input_tokens, read.usage.input_tokens_details.cached_tokens) == (1000, 200)
    assert (read.usage.output_tokens, read.usage.output_tokens_details.reasoning_tokens) == (100, 40)
    assert read.model_extra is not None
    assert (read.model_extra["router"]["tier"], read.model_extra["router"]["cost_usd"]) == ("mini", "0.000270000")


def test_what_was_asked_is_told_back() -> None:
    """Format, tools, choice and parameters stand in the response, as OpenAI's do."""
    wishes = Wishes(
        tier="mini",
        response_schema=ResponseSchema(name="answer", body={"type": "object"}, strict=True),
        tools=(TOOL,),
        tool_choice=Named(name="f"),
        max_output_tokens=50,
        parameters=Parameters(temperature=0.5, reasoning_effort="low", verbosity="high"),
    )
    given = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}
    record = a_record({"text": "{}", "calls": []}, task={"wishes": wishes, "input": given, "metadata": {"order": "1"}})
    read = whole(record, "text").model_dump(exclude_none=True, by_alias=True)

    assert (read["model"], read["instructions"], read["metadata"]) == ("tier/mini", "Be brief.", {"order": "1"})
    assert read["text"]["format"] == {
        "type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True,
    }  # fmt: skip
    assert (read["text"]["verbosity"], read["reasoning"]["effort"]) == ("high", "low")
    assert [tool["name"] for tool in read["tools"]] == ["f"]
    assert read["tool_choice"] == {"type": "function", "name": "f"}
    assert (read["temperature"], read["max_output_tokens"]) == (0.5, 50)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TaskState.READY, "in_progress"),
        (TaskState.RUNNING, "in_progress"),
        (TaskState.DELAYED, "in_progress"),
        (TaskState.REVIEW, "in_progress"),
        (TaskState.CANCELLED, "cancelled"),
        (TaskState.REJECTED, "failed"),
        (TaskState.DEAD, "failed"),
        (TaskState.EXPIRED, "failed"),
    ],
)
def test_a_task_without_an_accepted_output_says_nothing(state: TaskState, status: str) -> None:
    """Whatever its attempts said: it is not told before it is accepted, nor ever if it is not."""
    read = whole(a_record("refund", state=state, ended_ms=None))

    assert (read.status, read.output, read.usage) == (status, [], None)
    assert (read.error is not None) == (status == "failed")


def test_a_task_that_nobody_took_yet_is_queued() -> None:
    """As a response in the background is."""
    assert whole(a_record(state=TaskState.READY, trail=(), ended_ms=None)).status == "queued"


@pytest.mark.parametrize(
    ("background", "begun"),
    [
        (False, [("response.created", "in_progress"), ("response.in_progress", "in_progress")]),
        (
            True,
            [
                ("response.created", "queued"),
                ("response.queued", "queued"),
                ("response.in_progress", "in_progress"),
            ],
        ),
    ],
)
def test_a_stream_begins_as_openai_s(background: bool, begun: list[tuple[str, str]]) -> None:
    """One in the background is queued first; each event says which it is, and is the same when asked for again."""
    told = list(responding(a_record(task={"background": background})).beginning())
    for number, event in enumerate(told):
        EVENTS.validate_python(event | {"sequence_number": number}, strict=True)

    assert [(event["type"], event["response"]["status"]) for event in told] == begun
    assert {event["response"]["background"] for event in told} == {background}


def test_why_there_is_no_answer_is_told() -> None:
    """In a code that OpenAI's types know, and in our own words."""
    failed = responding(a_record(state=TaskState.DEAD, reason="no tier is left")).whole()

    assert failed["error"] == {
        "code": "server_error",
        "message": "the task got no answer that passed its checks: no tier is left",
    }
    assert failed["router"]["status"] == "dead"


def test_an_answer_that_was_cut_is_incomplete() -> None:
    """An accepted answer that ended at the limit of tokens says so, as OpenAI's does."""
    read = whole(a_record("Hel", reading={"finish_reason": FinishReason.LENGTH}), "text")

    assert read.status == "incomplete"
    assert read.incomplete_details is not None
    assert read.incomplete_details.reason == "max_output_tokens"
    assert events(a_record("Hel", reading={"finish_reason": FinishReason.LENGTH}), "text")[-1]["type"] == (
        "response.incomplete"
    )


def test_a_text_comes_in_events() -> None:
    """Item, part, a few words at a time, all of them, and the whole response."""
    told = events(a_record("Your parcel left us on Monday and should be with you by Thursday."), "text")
    deltas = [event["delta"] for event in told if event["type"] == "response.output_text.delta"]

    assert "".join(deltas) == "Your parcel left us on Monday and should be with you by Thursday."
    assert len(deltas) > 1
    assert [event["type"] for event in told if event["type"] != "response.output_text.delta"] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert (
        told[-1]["response"]
        == responding(a_record("Your parcel left us on Monday and should be with you by Thursday."), "text").whole()
    )


def test_words_and_calls_come_one_after_the_other() -> None:
    """A message and the functions it wants called are items of their own."""
    turn = {"text": "Wait.", "calls": [{"name": "f", "arguments": {"x": 1}}]}
    record = a_record(turn, task={"wishes": Wishes(tools=(TOOL,))})
    told = events(record, "text")
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]

    assert [item["type"] for item in done] == ["message", "function_call"]
    assert (done[1]["name"], done[1]["arguments"]) == ("f", '{"x":1}')
    assert "".join(e["delta"] for e in told if e["type"].endswith("arguments.delta")) == '{"x":1}'


def test_a_failure_is_an_event_that_sdks_raise() -> None:
    """After the failed response itself comes an error, so that nobody takes silence for an answer."""
    failed, error = events(a_record(state=TaskState.EXPIRED, reason="it is late"))

    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert (error["type"], error["error"]["code"]) == ("error", "task_expired")
    assert "it is late" in error["message"]


def test_a_person_s_word_is_waited_for_elsewhere() -> None:
    """A stream ends where a task goes to review, but the response has not failed: it may be answered yet."""
    (error,) = events(a_record(state=TaskState.REVIEW, reason="unsure", ended_ms=None))

    assert (error["type"], error["error"]["code"]) == ("error", "task_in_review")
