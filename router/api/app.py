"""The application: its routes, in the order of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from ..io.haste import SILENCE_S
from . import (
    batch,
    costs,
    dead,
    events,
    health,
    metrics,
    pace,
    policies,
    problems,
    queues,
    review,
    strays,
    tasks,
    webhooks,
)
from .backend import Backend
from .caller import Door
from .edge import Edge
from .gathering import Gathering
from .news import Newsroom
from .openai import chat, models, responses
from .pressure import Admissions
from .stay import Staying
from .tally import Tally

_ABOUT = (
    "Tiered routing and escalation for language-model work: the mini model first, larger ones where checks say so. "
    "Errors are RFC 9457 problems that carry OpenAI's `error` member."
)


def create_app(backend: Backend, *, silence_s: float = SILENCE_S) -> FastAPI:
    """Make the application of an open backend; a server that says nothing for *silence_s* is away."""
    app = FastAPI(
        title="router",
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
    )
    app.state.backend = backend
    app.state.door = Door(backend)
    app.state.admissions = Admissions(backend)
    app.state.gathering = Gathering(backend, silence_s=silence_s)
    app.state.tally = Tally()
    app.state.newsroom = Newsroom(backend.settings)
    for part in (
        tasks,
        batch,
        events,
        chat,
        responses,
        models,
        queues,
        costs,
        policies,
        dead,
        review,
        webhooks,
        health,
        metrics,
    ):
        app.include_router(part.routes)
    strays.install(app)
    app.add_middleware(Staying)
    app.add_middleware(Edge, tally=app.state.tally, silence_s=silence_s)
    app.add_middleware(pace.Paced)
    _document(app)
    return app


def _operation(route: APIRoute) -> str:
    """Name an operation as its function: generated clients have methods of these names."""
    return route.name


def _document(app: FastAPI) -> None:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            problems.document(plain())
            pace.document(plain())
            batch.document(plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document
