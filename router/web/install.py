"""Puts the pages into an application."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ..api.problems import Refused
from . import assets, costs, dead, door, now, policies, review, tasks
from .evidence import Witness
from .page import failed


def install(app: FastAPI) -> None:
    """Add the dashboard to an application of the service."""
    app.state.witness = Witness(app.state.backend)
    for part in (now, costs, policies, tasks, dead, review, door, assets):
        app.include_router(part.routes)
    _tell_people(app)


def _tell_people(app: FastAPI) -> None:
    """Have who looks in a browser for what is no page get one that says so; programs get a problem as before."""
    told_programs = app.exception_handlers[HTTPException]

    async def lost(request: Request, why: Exception) -> Response:
        if isinstance(why, HTTPException) and why.status_code in (404, 405) and _is_for_people(request):
            said = f"there is no page {request.url.path}"
            return await failed(request, Refused(why.status_code, "unknown_route", said, headers=why.headers))
        answer: Response = await told_programs(request, why)  # type: ignore[misc]  # it may be no coroutine elsewhere
        return answer

    app.add_exception_handler(HTTPException, lost)


def _is_for_people(request: Request) -> bool:
    looks = request.method in ("GET", "HEAD") and not request.url.path.startswith("/v1/")
    return looks and "text/html" in request.headers.get("accept", "")
