"""Every error is an RFC 9457 problem that OpenAI's SDKs understand too."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from router.api import problems
from router.api.problems import Mistake, Refused, problem, refusal
from router.errors import (
    Backlogged,
    FormatTooNew,
    StoreUnavailable,
    TaskConflict,
    TaskGone,
    TaskInvalid,
    UnknownPolicy,
    UnknownTask,
)


def said(why: Refused) -> dict[str, Any]:
    return dict(json.loads(bytes(problem(Request({"type": "http", "request_id": "req_1"}), why).body)))


def test_a_problem_has_both_forms() -> None:
    """The members of RFC 9457 and OpenAI's `error` say the same."""
    why = Refused(
        422, "invalid", "no", param="input", errors=[Mistake(at="body.input", message="no")], more={"task": "t"}
    )

    assert said(why) == {
        "type": "urn:router:problem:invalid",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "no",
        "code": "invalid",
        "instance": "req_1",
        "errors": [{"at": "body.input", "message": "no"}],
        "error": {"message": "no", "type": "invalid_request_error", "param": "input", "code": "invalid"},
        "task": "t",
    }


@pytest.mark.parametrize(
    ("why", "status", "code", "kind"),
    [
        (UnknownPolicy("none"), 404, "unknown_policy", "not_found_error"),
        (UnknownTask("none"), 404, "unknown_task", "not_found_error"),
        (TaskInvalid("wrong"), 422, "task_invalid", "invalid_request_error"),
        (TaskConflict("other"), 422, "idempotency_conflict", "invalid_request_error"),
        (TaskGone("over"), 410, "task_gone", "invalid_request_error"),
        (Backlogged("full"), 429, "backlogged", "rate_limit_error"),
        (FormatTooNew("upgrade"), 503, "format_too_new", "server_error"),
    ],
)
def test_our_errors_have_their_status(why: Exception, status: int, code: str, kind: str) -> None:
    """Who must act can be told from the status, what happened from the code; the sentence is ours."""
    told = said(refusal(why))  # type: ignore[arg-type]

    assert (told["status"], told["code"], told["detail"], told["error"]["type"]) == (status, code, str(why), kind)


def test_where_redis_is_is_not_told() -> None:
    """An outage is told with what to do; the address, its user and the server's words are for the log alone."""
    told = said(refusal(StoreUnavailable("Redis at redis.internal:6379 cannot be reached: NOPERM router-api")))

    assert (told["status"], told["code"], told["error"]["type"]) == (503, "store_unavailable", "server_error")
    assert "send this again" in told["detail"]
    assert not [word for word in ("redis.internal", "NOPERM", "router-api", "6379") if word in str(told)]


def test_who_should_come_back_is_told_when() -> None:
    """Passing troubles carry Retry-After."""
    assert refusal(Backlogged("full")).headers == {"retry-after": "10"}
    assert refusal(FormatTooNew("upgrade")).headers == {"retry-after": "10"}
    assert refusal(StoreUnavailable("away")).headers == {"retry-after": "2"}


async def test_what_callers_wrote_is_not_told_back_by_the_megabyte(http: httpx.AsyncClient) -> None:
    """A name or value that is wrong is quoted by its beginning."""
    name = await http.post("/v1/tasks", json={"policy": "p", "input": {}, "x" * 1_000_000: 1})
    role = await http.post(
        "/v1/chat/completions", json={"model": "policy/chat", "messages": [{"role": "x" * 1_000_000}]}
    )

    assert [answer.status_code for answer in (name, role)] == [422, 422]
    assert max(len(answer.content) for answer in (name, role)) < 10_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "body: must be an object"),
        ({"policy": "p", "input": []}, "body.input: must be an object"),
        ({"policy": "p", "input": {}, "metadata": 3}, "body.metadata: must be an object"),
        ({"policy": "p", "input": {}, "wishes": {"tools": [1]}}, "body.wishes.tools.0: must be an object"),
        (
            {"policy": "p", "input": {}, "webhook": 5},
            "body.webhook: must be an object",
        ),
        (
            {"policy": "p", "input": {}, "webhook": {"ulr": "x"}},
            "body.webhook.url: is missing; body.webhook.ulr: is",
        ),
        ({"policy": "p", "input": {}, "webhook": {"url": "x" * 9999}}, "body.webhook.url: string should have at most"),
        ({"policy": "p", "input": {}, "deadline": 3}, "body.deadline: is not known here; did you mean 'deadline_s'?"),
        ({"policy": "p", "input": {}, "wishes": {"teir": "x"}}, "body.wishes.teir: is not known here; leave it out"),
    ],
)
async def test_mistakes_are_told_without_our_internals(http: httpx.AsyncClient, body: Any, said: str) -> None:
    """No name of a class of ours stands in what callers are told, and a field that is nearly right is named."""
    answer = await http.post("/v1/tasks", json=body)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(said)
    assert not re.search("Asked|WebhookWish|constrained|wrap|dictionary|instance of", answer.text)


async def test_lines_are_told_without_our_internals(http: httpx.AsyncClient) -> None:
    """As bodies are."""
    lines = b'5\n{"policy": "p", "input": {}, "deadline": 3}\n'
    answer = await http.post("/v1/tasks:batch", content=lines, headers={"content-type": "application/jsonl"})

    assert [json.loads(line)["problem"]["detail"] for line in answer.text.splitlines()] == [
        "line: must be an object",
        "line.deadline: is not known here; did you mean 'deadline_s'?",
    ]


def test_every_code_is_documented() -> None:
    """The table of the README has each code that the service answers with, under its status, and no other."""
    api = Path(problems.__file__).parent
    source = "\n".join(path.read_text() for path in api.rglob("*.py"))
    answered = set(re.findall(r'\(\s*([45]\d\d),\s*"([a-z_]+)"', source))
    answered |= {("422", code) for code in re.findall(r'_refused\(\s*"([a-z_]+)"', source)}
    section = (api / "README.md").read_text().partition("## When something is wrong")[2]
    rows = re.findall(r"^\| (\d{3})[^|]*\| (.*?)\|$", section, re.MULTILINE)

    assert len(answered) > 30
    assert {(status, code) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)} == answered


async def test_the_document_knows_problems(app: FastAPI) -> None:
    """Every problem that a route documents refers to a schema that the document has."""
    document = app.openapi()

    assert {"Problem", "OpenAIError", "Mistake"} <= set(document["components"]["schemas"])
    assert "ref" in str(document["paths"]["/readyz"]["get"]["responses"]["503"])
