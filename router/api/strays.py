"""Every error of the application answered with a problem; what is told of paths and methods that no route takes."""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from ..errors import RouterError
from .problems import Refused, not_valid, problem, refusal

_OPENAI_ALONE = re.compile(
    r"/v1/(responses/(input_tokens|compact|[^/]+/input_items)|chat/completions/.+"
    r"|(assistants|audio|batches|completions|containers|conversations|embeddings|evals|files|fine_tuning|images"
    r"|moderations|organization|realtime|threads|uploads|vector_stores|videos)(/.*)?)"
)
"""What OpenAI's API has besides: a path that a route of ours takes by chance is none of ours for all that."""
_VERBS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def install(app: FastAPI) -> None:
    """Have every error of the application answered with a problem."""

    async def refused(request: Request, why: Exception) -> JSONResponse:
        assert isinstance(why, Refused)
        return problem(request, why)

    async def ours(request: Request, why: Exception) -> JSONResponse:
        assert isinstance(why, RouterError)
        return problem(request, refusal(why))

    async def plain(request: Request, why: Exception) -> JSONResponse:
        assert isinstance(why, HTTPException)
        return problem(request, _of_the_framework(request, why))

    async def invalid(request: Request, why: Exception) -> JSONResponse:
        assert isinstance(why, RequestValidationError)
        return problem(request, not_valid(why))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RouterError, ours)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(RequestValidationError, invalid)


def _of_the_framework(request: Request, why: HTTPException) -> Refused:
    match why.status_code:
        case 404 | 405 if _OPENAI_ALONE.fullmatch(request.url.path):
            said = f"{request.url.path} is not offered here; of OpenAI's API chat completions, responses and models are"
            return Refused(404, "unknown_route", said)
        case 404:
            near = _near(request)
            advice = f"did you mean {near!r}?" if near else "/openapi.json lists what is"
            return Refused(404, "unknown_route", f"there is no {request.url.path!r} here; {advice}")
        case 405:
            allowed = ", ".join(_methods(request)) or "none"
            return Refused(
                405,
                "method_not_allowed",
                f"{request.url.path} does not take {request.method}; it takes {allowed}",
                headers={"allow": allowed},
            )
        case status:
            return Refused(status, "bad_request", str(why.detail), headers=why.headers)


def _near(request: Request) -> str | None:
    """The path that was meant where only slashes or `/v1` are wrong, as by a `base_url` with none of it or two."""
    path = "/" + "/".join(filter(None, request.url.path.split("/")))
    meant = (path, f"/v1{path}", path.removeprefix("/v1"))
    return next((near for near in meant if near != request.url.path and _is_route(request, near)), None)


def _is_route(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.router.routes)


def _methods(request: Request) -> list[str]:
    """The methods that a path takes, whichever of its routes takes them."""
    routes = request.app.router.routes
    return [verb for verb in _VERBS if any(_takes(route, verb, request.scope) for route in routes)]


def _takes(route: BaseRoute, verb: str, scope: Scope) -> bool:
    return route.matches({**scope, "method": verb})[0] is Match.FULL
