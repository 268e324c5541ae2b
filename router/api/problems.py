"""What goes wrong, as RFC 9457 problems that carry OpenAI's `error` member too, so that its SDKs understand them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from .. import log
from ..errors import (
    Backlogged,
    EndpointDisabled,
    FormatTooNew,
    NotDead,
    NotInReview,
    ResultPending,
    RouterError,
    RulingInvalid,
    StoreUnavailable,
    TaskConflict,
    TaskGone,
    TaskInvalid,
    UnknownDelivery,
    UnknownPolicy,
    UnknownTask,
)
from ..problem import closest
from .patterns import mismatch

MEDIA_TYPE = "application/problem+json"
REPLAYED = {"idempotency-replayed": "true"}
"""The header of every answer under a key that had been used before, with the same body."""


class OpenAIError(BaseModel):
    """The same in OpenAI's words."""

    message: str
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = None
    code: str | None = Field(default=None, examples=["task_invalid"])


class Mistake(BaseModel):
    """One thing that is wrong with a request, and where."""

    at: str = Field(examples=["body.input.text"])
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is for programs, `detail` for people: it says what to do."""

    type: str = Field(examples=["urn:router:problem:task_invalid"])
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = Field(default=None, description="The request's id, as in the log.")
    errors: list[Mistake] = Field(default_factory=list)
    error: OpenAIError


class Refused(HTTPException):
    """
    A request is answered with a problem. `code` tells programs what it is, `param` names the field that is to blame.

    `more` are members of the problem beside those of RFC 9457, such as the task that it is about.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mistake] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code
        self.param = param
        self.errors = list(errors)
        self.more = dict(more or {})


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the problems that a route may answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def document(openapi: dict[str, Any]) -> None:
    """Add to an OpenAPI document what `answers` refers to."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    openapi.setdefault("components", {}).setdefault("schemas", {}).update(schema.pop("$defs"), Problem=schema)


def refusal(why: RouterError) -> Refused:
    """Say an error of ours in HTTP's words."""
    if isinstance(why, StoreUnavailable):  # its words are for who runs the service: they tell where Redis is
        log.logger().warning("store.unreachable", reason=str(why))
        return Refused(503, "store_unavailable", _AWAY, headers={"retry-after": "2"})
    for kind, (status, code, headers) in _OURS.items():
        if isinstance(why, kind):
            param = why.parameter if isinstance(why, TaskInvalid) else None
            return Refused(status, code, str(why), param=param, headers=headers)
    return Refused(500, "internal", "something is wrong with the service; its log says what")


_OURS: dict[type[RouterError], tuple[int, str, dict[str, str]]] = {
    UnknownPolicy: (404, "unknown_policy", {}),
    UnknownTask: (404, "unknown_task", {}),
    TaskConflict: (422, "idempotency_conflict", {}),
    TaskGone: (410, "task_gone", REPLAYED),
    TaskInvalid: (422, "task_invalid", {}),
    NotDead: (409, "not_dead", {}),
    NotInReview: (409, "not_in_review", {}),
    RulingInvalid: (422, "ruling_invalid", {}),
    UnknownDelivery: (404, "unknown_delivery", {}),
    EndpointDisabled: (409, "endpoint_disabled", {}),
    ResultPending: (504, "task_pending", {}),
    Backlogged: (429, "backlogged", {"retry-after": "10"}),
    FormatTooNew: (503, "format_too_new", {"retry-after": "10"}),
}
_AWAY = (
    "the store of tasks cannot be used at the moment; send this again in some seconds, "
    "with the same Idempotency-Key where a task may have been taken in"
)


def problem(request: Request, why: Refused) -> JSONResponse:
    """The answer to a request that is refused."""
    return JSONResponse(told(request, why), why.status_code, why.headers, media_type=MEDIA_TYPE)


def told(request: Request, why: Refused) -> dict[str, Any]:
    """The same as JSON, for streams that have begun already."""
    said = Problem(
        type=f"urn:router:problem:{why.code}",
        title=HTTPStatus(why.status_code).phrase,
        status=why.status_code,
        detail=why.detail,
        code=why.code,
        instance=request.scope.get("request_id"),
        errors=why.errors,
        error=OpenAIError(message=why.detail, type=_openai_type(why.status_code), param=why.param, code=why.code),
    )
    body = said.model_dump(exclude_defaults=True) | why.more
    body["error"] = said.error.model_dump()  # OpenAI's SDKs look for all four
    return body


def _openai_type(status: int) -> str:
    named = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    return named.get(status, "server_error" if status >= 500 else "invalid_request_error")


def not_valid(why: RequestValidationError) -> Refused:
    """Say what is wrong with a request, all of it."""
    mistakes = list(_mistakes(why.errors()))
    first = mistakes[0]
    param = first.at.partition(".")[2] or None
    return Refused(422, "invalid", "; ".join(f"{m.at}: {m.message}" for m in mistakes), param=param, errors=mistakes)


_TOLD_MAX = 20
_OBJECT_TYPES = ("model_type", "model_attributes_type", "dataclass_type", "dict_type", "mapping_type")


def _mistakes(found: Sequence[Any]) -> Iterator[Mistake]:
    for error in found[:_TOLD_MAX]:
        at = ".".join(
            _short(str(part), 80) for part in error["loc"] if error["type"] != "json_invalid" or part == "body"
        )
        yield Mistake(at=at, message=_short(_said(error), 2000))


def _short(text: str, most: int) -> str:
    """Names and values of a caller's are told back, but not by the megabyte."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _said(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "json_invalid":
            return f"not JSON: {error['ctx']['error']}"
        case "missing":
            return "is missing"
        case kind if kind in _OBJECT_TYPES:
            return "must be an object"
        case "extra_forbidden":
            return _unknown(str(error["loc"][-1]), error.get("ctx", {}).get("known", ()))
        case "string_pattern_mismatch" if "pattern" in error["ctx"]:
            return mismatch(error["ctx"]["pattern"], error["input"])
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
            return said[:1].lower() + said[1:]


def _unknown(name: str, known: Sequence[str]) -> str:
    near = closest(name, known)
    return "is not known here" + (f"; did you mean {near!r}?" if near else "; leave it out")
