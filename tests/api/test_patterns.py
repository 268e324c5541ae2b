"""Texts that have to match a pattern: who gets one wrong is told in words what is expected, with an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from router.api.openai.conversation import ImageAddress
from router.api.patterns import EXPECTED

LENGTH = "expected a number above 0 and s, m, h, d or w, such as 24h"
TOLD_ELSEWHERE = {ImageAddress.model_json_schema()["properties"]["url"]["pattern"]}
"""Patterns whose fields have advice of their own."""


def patterns(part: Any) -> Iterator[str]:
    """Every pattern that stands anywhere in a document."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from patterns(inner)


def test_every_pattern_of_the_service_has_words(app: FastAPI) -> None:
    """Each that the service's document has, and no other."""
    assert set(patterns(app.openapi())) == EXPECTED.keys() | TOLD_ELSEWHERE


@pytest.mark.parametrize("pattern", EXPECTED)
def test_the_example_matches(pattern: str) -> None:
    """Who follows the example is understood."""
    assert re.search(pattern, EXPECTED[pattern].rpartition("such as ")[2])


@pytest.mark.parametrize("text", ["x", "0h", "5", "00s", "1.5h"])
@pytest.mark.parametrize(
    ("path", "name"), [("/v1/costs", "since"), ("/v1/costs?since=7d", "bucket"), ("/v1/dead", "since")]
)
async def test_a_length_of_time_is_told_as_the_commands_tell_it(
    http: httpx.AsyncClient, path: str, name: str, text: str
) -> None:
    """With what came, and an example; no regular expression."""
    answer = await http.get(httpx.URL(path).copy_merge_params({name: text}))

    assert (answer.status_code, answer.json()["error"]["param"]) == (422, name)
    assert answer.json()["detail"] == f"query.{name}: is {text!r}, {LENGTH}"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/review/t1/resolve", {"decision": "ask", "tier": "Big One"}, "body.tier: is 'Big One', expected a lower-"),
        (
            "/v1/review/t1/resolve",
            {"decision": "reject", "reason": "no", "by": "a\nb"},
            "body.by: is 'a\\nb', expected",
        ),
        (
            "/v1/chat/completions",
            {"model": "tier/mini", "messages": [{"role": "user", "content": "x"}], "router": {"policy": "A" * 500}},
            f"body.router.policy: is '{'A' * 77}...', expected a lower-case letter",
        ),
        (
            "/v1/chat/completions",
            {
                "model": "policy/receipts",
                "messages": [{"role": "user", "content": "x"}],
                "tools": [{"type": "function", "function": {"name": "get weather"}}],
            },
            "function.name: is 'get weather', expected 1 to 64 of a-z, A-Z, 0-9, _ and -, such as get_weather",
        ),
    ],
)
async def test_a_name_in_a_body_is_told_so_too(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], told: str
) -> None:
    """With its place; what came is told back, but not by the page."""
    answer = await http.post(path, json=body)

    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert "pattern" not in answer.json()["detail"]
