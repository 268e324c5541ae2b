"""The application: its routes, in the order of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from . import health, problems
from .backend import Backend
from .edge import Edge

_ABOUT = (
    "Tiered routing and escalation for language-model work: the mini model first, larger ones where checks say so. "
    "Errors are RFC 9457 problems that carry OpenAI's `error` member."
)


def create_app(backend: Backend) -> FastAPI:
    """Make the application of an open backend."""
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
    for routes in (health.routes,):
        app.include_router(routes)
    problems.install(app)
    app.add_middleware(Edge)
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
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document
