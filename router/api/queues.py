"""How full the queues are: `/v1/queues`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..apikey import Scope
from ..health.pressure import Pressure
from .backend import Backend, Served
from .caller import GUARDED
from .owned import Overseer
from .problems import answers
from .strict import StrictRoute

routes = APIRouter(prefix="/v1/queues", route_class=StrictRoute, tags=["queues"])


class QueueShown(BaseModel):
    """
    A tier's queue, as a task of yours of normal priority would find it now.

    What is known of other tenants' tasks is told to keys with the scope admin alone.
    """

    tier: str = Field(examples=["mini"])
    ahead: int = Field(description="Tasks that get their turn before it.")
    predicted_wait_s: float = Field(description="0 where nothing is ahead, or nothing can be foretold yet.")
    ready: int | None = Field(description="Tasks of all tenants that wait for their turn.")
    oldest_s: float | None = Field(description="How long ago the oldest of those in front came.")
    left_per_s: float | None = Field(description="Tasks that left the queue a second, over the last minute.")


class Queues(BaseModel):
    """All queues of published policies, and your tasks that have not ended."""

    data: list[QueueShown]
    waiting: int = Field(description="Tasks of your tenant that have not ended.")
    waiting_max: int | None = Field(description="The most of them that your tenant may have.")
    waiting_all: int | None = Field(description="Tasks of all tenants that have not ended.")


@routes.get("", responses=GUARDED | answers(503))
async def list_queues(backend: Served, caller: Overseer) -> Queues:
    """Show how full each tier's queue is, how fast it moves, and how long a task that comes now would wait."""
    tiers = await _tiers(backend)
    found = await asyncio.gather(*(backend.client.pressure(tier, caller.tenant) for tier in tiers))
    all_told = caller.may(Scope.ADMIN)
    return Queues(
        data=[_shown(tier, pressure, all_told=all_told) for tier, pressure in zip(tiers, found, strict=True)],
        waiting=max((pressure.waiting for pressure in found), default=0),
        waiting_max=caller.waiting_max,
        waiting_all=max((pressure.waiting_all for pressure in found), default=0) if all_told else None,
    )


async def _tiers(backend: Backend) -> list[str]:
    """Those of the published policies, in the order of the first path that has them."""
    cards = await asyncio.gather(*(backend.client.known(name) for name in await backend.client.policies()))
    return list(dict.fromkeys(_each(card.tiers or (card.tier,) for card in cards)))


def _each(paths: Iterable[Iterable[str]]) -> Iterable[str]:
    return (tier for path in paths for tier in path)


def _shown(tier: str, pressure: Pressure, *, all_told: bool) -> QueueShown:
    return QueueShown(
        tier=tier,
        ahead=pressure.ahead,
        predicted_wait_s=round(pressure.wait_s, 1),
        ready=pressure.ready if all_told else None,
        oldest_s=round(pressure.oldest_ms / 1000, 1) if all_told else None,
        left_per_s=round(pressure.rate, 3) if all_told else None,
    )
