"""Pages: templates, the headers that keep a browser from doing more than a page needs, and errors for people."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from .. import __version__
from ..api.edge import TOLD_BY
from ..api.problems import Refused, not_valid, refusal
from ..api.strict import StrictRequest
from ..apikey import Scope
from ..budget import tightest
from ..errors import RouterError
from ..health.overview import staff
from .assets import address
from .shown import FILTERS, between, finalize, places_of, ratio
from .visitor import THEMES, Visitor, forget_key, keep_mark, looked_up, stranger

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Nothing from elsewhere, nothing inline, no frames: what a task holds cannot run, whatever it is."""

MENU: Final = (
    ("/", "Now", tuple(Scope)),
    ("/costs", "Costs", (Scope.READ, Scope.ADMIN)),
    ("/policies", "Policies", (Scope.READ, Scope.ADMIN)),
    ("/tasks", "Tasks", (Scope.READ, Scope.ADMIN)),
    ("/dead", "Dead letters", (Scope.READ, Scope.ADMIN)),
    ("/review", "Review", (Scope.READ, Scope.REVIEW)),
)
"""Pages by their address, with the scopes of which one opens each."""

SIGN_IN: Final = "/signin"
_TOLD_IN_FULL: Final = (403, 404, 405, 409, 413, 415, 422)
"""Mistakes of a visitor's, whose key is looked up for them; not where that is what could not be done."""
_AWAY: Final = (
    "The service cannot reach its Redis at the moment. Nothing is lost: what was taken in is kept there. "
    "This page can be loaded again in some seconds."
)
_AWAY_SENT: Final = (
    "The service cannot reach its Redis at the moment. Nothing that was taken in is lost, but what you just sent may "
    "not have been done: look again in some seconds, and send it again where it was not."
)


def render(request: Request, visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page for a visitor."""
    known = {
        "visitor": visitor,
        "caller": visitor.caller,
        "path": request.url.path,
        "here": _here(request),
        "Scope": Scope,
        "version": __version__,
    }
    page = HTMLResponse(environment().get_template(template).render(known | values), status, HEADERS)
    keep_mark(request, page, visitor)
    return page


def redirect(path: str, **query: Any) -> RedirectResponse:
    """Have the browser look at another page of ours, after something was done."""
    told = {name: value for name, value in query.items() if value not in (None, "")}
    return RedirectResponse(f"{path}?{urlencode(told)}" if told else path, 303, HEADERS)


@cache
def environment() -> Environment:
    """Where templates are made; each value is escaped, and what would steer a screen is spelled out."""
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(
        asset=address,
        between=between,
        places_of=places_of,
        ratio=ratio,
        staff=staff,
        tightest=tightest,
        MENU=MENU,
        THEMES=THEMES,
        zip=zip,
    )
    return made


class PageRoute(APIRoute):
    """A route whose errors are pages, too, and that answers HEAD as GET. It is no part of the OpenAPI document."""

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **(settings | {"include_in_schema": False, "response_model": None}))
        methods = self.methods or set()
        self.methods = methods | ({"HEAD"} if "GET" in methods else set())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            request.scope[TOLD_BY] = _surprise
            answer = await _answer(request, handle)
            if request.method == "HEAD":
                answer.body = b""
            return answer

        return answered


async def _answer(request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        return await handle(StrictRequest(request.scope, request.receive))
    except RequestValidationError as why:
        return await failed(request, not_valid(why))
    except Refused as why:
        return await failed(request, why)
    except HTTPException as why:
        return await failed(request, Refused(why.status_code, "bad_request", str(why.detail)))
    except RouterError as why:
        return await failed(request, refusal(why))


async def failed(request: Request, why: Refused) -> Response:
    """What went wrong, for people; a stranger is shown the door instead."""
    if why.status_code == 401 and _only_looks(request):
        again = redirect(SIGN_IN, next=_here(request) if request.url.path != "/" else None)
        forget_key(request, again)
        return again
    visitor = await looked_up(request) if why.status_code in _TOLD_IN_FULL else stranger(request)
    page = _problem(request, visitor, why.status_code, _said(request, why))
    for name, value in (why.headers or {}).items():
        page.headers[name] = value
    return page


def _surprise(request: Request, why: Refused) -> Response:
    """What nobody foresaw, for people; nothing is looked up for that."""
    return _problem(request, stranger(request), why.status_code, f"{why.detail}: {request.scope['request_id']}")


def _problem(request: Request, visitor: Visitor, status: int, said: str) -> Response:
    """A page that says what went wrong; where that is not the visitor's doing, it can be loaded again."""
    return render(
        request,
        visitor,
        "problem.html",
        status=status,
        title=HTTPStatus(status).phrase,
        said=said,
        ours=status >= 500,
        again=_here(request) if _only_looks(request) else None,
    )


def _said(request: Request, why: Refused) -> str:
    """What is told to programs, but where it is about what only they send."""
    if why.code != "store_unavailable":
        return str(why.detail)
    return _AWAY if _only_looks(request) else _AWAY_SENT


def _only_looks(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


def _here(request: Request) -> str:
    """The page that is looked at, with what is asked of it."""
    query = request.url.query
    return quote(request.url.path) + (f"?{query}" if query else "")
