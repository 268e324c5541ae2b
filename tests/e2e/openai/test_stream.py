"""What goes over the wire of a stream, byte by byte: comments first, then accepted output alone."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.e2e.openai.conftest import Service


def lines(service: Service, path: str, **body: Any) -> list[str]:
    asked = {"model": "policy/chat", "stream": True, **body}
    with httpx.stream("POST", f"{service.url}/v1/{path}", json=asked, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [line for line in answer.iter_lines() if line]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "A hard question."}]}),
        ("responses", {"input": "A hard question."}),
    ],
)
def test_the_way_is_told_in_comments(service: Service, path: str, asked: dict[str, Any]) -> None:
    """Which tier is asked and why, before any word; of the answer that was not good enough, no word at all."""
    told = lines(service, path, **asked)
    way = [json.loads(line.removeprefix(": router ")) for line in told if line.startswith(": router ")]
    data = [line for line in told if line.startswith("data: ")]
    words = next(i for i, line in enumerate(told) if "Certainly" in line)

    assert [step.get("tier") for step in way if "from" in step] == ["small"]
    assert max(i for i, line in enumerate(told) if line.startswith(":")) < words
    assert not [line for line in told if "Perhaps" in line]
    assert all(json.loads(line.removeprefix("data: ")) for line in data if line != "data: [DONE]")


def test_a_failure_ends_the_stream_with_its_reason(service: Service) -> None:
    """After comments, one event with a problem and OpenAI's error, and nothing else."""
    told = lines(service, "chat/completions", messages=[{"role": "user", "content": "nonsense"}])
    (data,) = [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: ")]

    assert (data["status"], data["code"], data["error"]["code"]) == (502, "task_dead", "task_dead")
    assert data["router"]["status"] == "dead"
    assert told[-2] == "event: error"
