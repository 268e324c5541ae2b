"""Every error is an RFC 9457 problem that OpenAI's SDKs understand too."""

from __future__ import annotations

import json
from http import HTTPStatus
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


async def test_unknown_paths_and_methods_are_problems(http: httpx.AsyncClient) -> None:
    """What the framework refuses has the same form, and 405 says what the route takes."""
    nowhere, wrong = await http.get("/v1/nowhere"), await http.post("/livez")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_route")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET")
    assert nowhere.headers["content-type"] == wrong.headers["content-type"] == problems.MEDIA_TYPE


async def test_the_document_knows_problems(app: FastAPI) -> None:
    """Every problem that a route documents refers to a schema that the document has."""
    document = app.openapi()

    assert {"Problem", "OpenAIError", "Mistake"} <= set(document["components"]["schemas"])
    assert "ref" in str(document["paths"]["/readyz"]["get"]["responses"]["503"])
