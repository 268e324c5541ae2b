"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from .backend import Served
from .problems import Refused, answers
from .strict import StrictRoute

routes = APIRouter(route_class=StrictRoute, tags=["health"])


class Health(BaseModel):
    """It works."""

    status: str = "ok"


@routes.head("/livez", include_in_schema=False)
@routes.get("/livez")
async def livez() -> Health:
    """Say that the process answers. Needs no key."""
    return Health()


@routes.head("/readyz", include_in_schema=False)
@routes.get("/readyz", responses=answers(503))
async def readyz(backend: Served) -> Health:
    """Say whether Redis can be reached and policies are published. Needs no key."""
    if not await backend.client.policies():
        raise Refused(503, "no_policies", "no policy is published; start a worker with its folder")
    return Health()
