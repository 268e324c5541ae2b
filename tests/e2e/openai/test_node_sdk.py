"""OpenAI's SDK for Node: another language, the same checked answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.openai.conftest import HERE, Service, talked

CERTAINLY = "Certainly, at once."


@pytest.fixture(scope="module")
def heard(service: Service, node_sdk: Path) -> dict[str, Any]:
    return talked(["node", str(HERE / "talk.mjs"), str(node_sdk)], os.environ | service.env)


def test_chat_completions(heard: dict[str, Any]) -> None:
    """Whole, in a stream, in a form, with tools."""
    assert heard["chat"] == [CERTAINLY, 1200, "small"]
    assert heard["streamed"] == [CERTAINLY, 1200]
    assert heard["formed"] == {"currency": "EUR", "total": 12.5}
    assert heard["called"] == ["tool_calls", "weather", '{"city":"Oslo"}']


def test_errors(heard: dict[str, Any]) -> None:
    """Thrown as the SDK's own kinds, plain and in a stream, with our codes."""
    assert heard["refused"] == ["InternalServerError", 502, "task_dead"]
    assert heard["refusedInAStream"] == ["APIError", "task_dead"]
    assert heard["wrong"] == ["UnprocessableEntityError", "temperature"]


def test_responses(heard: dict[str, Any]) -> None:
    """At once, later, in typed events, and in the background."""
    assert heard["responded"] == [CERTAINLY, CERTAINLY, "completed"]
    assert heard["respondedInAStream"] == [CERTAINLY, "response.created", "response.completed"]
    assert heard["background"] == ["queued", "completed", CERTAINLY]


def test_models(heard: dict[str, Any]) -> None:
    """Policies are among them."""
    assert heard["listed"] is True
