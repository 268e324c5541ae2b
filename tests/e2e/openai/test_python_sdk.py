"""OpenAI's SDK for Python, 2.x and 3.x: a caller that changes two lines gets checked and escalated answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.openai.conftest import HERE, Service, talked

CERTAINLY = "Certainly, at once."


@pytest.fixture(scope="session", params=["2", "3"])
def heard(request: pytest.FixtureRequest, service: Service) -> dict[str, Any]:
    """What a program with that version of the SDK hears of the service."""
    env = os.environ | service.env
    if request.param == "3":
        newer: Path = request.getfixturevalue("newer_sdk")
        env |= {"PYTHONPATH": str(newer)}
    told = talked([sys.executable, str(HERE / "talk.py")], env)
    assert told["version"].split(".")[0] == request.param
    return told


def test_two_changed_lines_get_a_checked_answer(heard: dict[str, Any]) -> None:
    """The cheap model is unsure, so the answer is the next one's; usage is that of the accepted call alone."""
    assert heard["chat"] == {
        "said": CERTAINLY,
        "model": "policy/chat",
        "finish_reason": "stop",
        "total_tokens": 1200,
        "tier": "small",
        "moves": ["escalate", "accept"],
        "spent": 2400,
    }


def test_a_tier_can_be_pinned(heard: dict[str, Any]) -> None:
    """It alone is asked, and headers tell the way and the cost."""
    assert heard["pinned"] == [CERTAINLY, "small", "1", "0.001650000"]


def test_a_stream_carries_the_accepted_answer_only(heard: dict[str, Any]) -> None:
    """Not a word of what the cheap model said before; usage comes last."""
    assert heard["streamed"] == {"said": CERTAINLY, "finish_reason": "stop", "total_tokens": 1200}


def test_a_form_that_is_asked_for_is_checked(heard: dict[str, Any]) -> None:
    """An answer that does not meet the caller's schema is not accepted: the next tier's does."""
    price = {"currency": "EUR", "total": 12.5}

    assert heard["parsed"][0] == heard["response_parsed"] == price
    assert heard["misfit"] == [502, "task_dead"]


def test_tools_are_called_and_checked(heard: dict[str, Any]) -> None:
    """Arguments meet the tool's parameters; calls and results go back and forth."""
    assert heard["called"] == ["tool_calls", [{"city": "Oslo"}, {"city": "Rome"}], "It is sunny."]
    assert heard["tools_streamed"] == [True, '{"city":"Oslo"}', "It is sunny."]
    assert heard["response_called"] == ['{"city":"Oslo"}', "It is sunny."]


def test_policies_with_a_prompt_take_a_message_or_fields(heard: dict[str, Any]) -> None:
    """The label comes bare, as text."""
    assert heard["labelled"] == "refund"
    assert heard["fields"] == ["refund", "router.input"]


def test_images_reach_the_model(heard: dict[str, Any]) -> None:
    """As a part of the conversation."""
    assert heard["seen"] == "A photo."


def test_several_choices_are_each_judged(heard: dict[str, Any]) -> None:
    """All that were accepted are there, with the log-probabilities of their tokens."""
    assert heard["chosen"] == [[0, 1, 2], True]


def test_what_no_tier_could_do_is_an_error(heard: dict[str, Any]) -> None:
    """An error that the SDK raises, plain and in a stream, never an empty or a wrong completion."""
    assert heard["refused"][:3] == ["InternalServerError", 502, "task_dead"]
    assert heard["refused_in_a_stream"] == [[], "APIError", "task_dead"]
    assert heard["response_refused"] == [
        *(502, "task_dead"),
        *("response.created", "response.in_progress", "response.failed", "APIError", "task_dead"),
    ]


def test_mistakes_name_their_parameter(heard: dict[str, Any]) -> None:
    """As `error.param`, in exceptions that callers know."""
    assert heard["wrong"] == [
        ["NotFoundError", "model"],
        ["UnprocessableEntityError", "temperature"],
        ["UnprocessableEntityError", "temprature"],
        ["UnprocessableEntityError", "store"],
    ]


def test_the_same_key_is_the_same_answer(heard: dict[str, Any]) -> None:
    """It is not bought again; another body under the key is refused."""
    assert heard["again"] == [True, 422, "idempotency_conflict"]


def test_responses_are_kept_until_they_are_deleted(heard: dict[str, Any]) -> None:
    """Retrieved as they were answered, erased on demand, or at once with store: false."""
    assert heard["responded"] == ["completed", CERTAINLY, True, None, "response_not_found"]
    assert heard["forgotten"] == [CERTAINLY, "response_not_found"]
    assert heard["cancelled"] is True


def test_responses_stream_typed_events(heard: dict[str, Any]) -> None:
    """Numbered without a gap, so that a stream can be taken up again after any of them."""
    told = heard["responded_in_a_stream"]

    assert (told["said"], told["numbered"]) == (CERTAINLY, True)
    assert told["kinds"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert told["resumed"] == ["response.output_item.done", "response.completed"]


def test_a_background_response_tells_of_its_end(heard: dict[str, Any]) -> None:
    """By a signed webhook that the SDK unwraps; then the answer is there."""
    assert heard["in_the_background"] == ["queued", "response.completed", True, True, CERTAINLY]


def test_a_background_response_is_queued_first(heard: dict[str, Any]) -> None:
    """Its stream says so before it says that it is worked on, and goes on by its numbers when it is asked for again."""
    begun = [["response.created", "queued"], ["response.queued", "queued"], ["response.in_progress", "in_progress"]]
    assert heard["streamed_in_the_background"] == [begun, True]


def test_models_are_policies_and_tiers(heard: dict[str, Any]) -> None:
    """Listed, and shown one by one."""
    assert heard["listed"] == [True, "policy/chat"]


def test_the_asynchronous_client_does_the_same(heard: dict[str, Any]) -> None:
    """Many at once, streams, and responses."""
    assert heard["without_waiting"] == [20, CERTAINLY, CERTAINLY, "response.completed"]


def test_an_error_is_not_bought_again(heard: dict[str, Any]) -> None:
    """SDKs send again by themselves what failed with 5xx: here they are told not to."""
    assert heard["refused"][3] == "0"
