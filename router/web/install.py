"""Puts the pages into an application."""

from __future__ import annotations

from fastapi import FastAPI

from . import assets, costs, dead, door, now, policies, review, tasks
from .evidence import Witness


def install(app: FastAPI) -> None:
    """Add the dashboard to an application of the service."""
    app.state.witness = Witness(app.state.backend)
    for part in (now, costs, policies, tasks, dead, review, door, assets):
        app.include_router(part.routes)
