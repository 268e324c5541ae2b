"""What happens now: `/`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from ..api.backend import Backend, Served
from ..api.caller import Caller
from ..api.costs import counted, visible_budgets
from ..api.dead import list_dead
from ..api.gathering import Gathering
from ..api.queues import Queues, list_queues
from ..api.review import list_reviews
from ..apikey import Scope
from ..errors import StoreUnavailable
from ..health.overview import Overview, overview
from ..submission import Card
from .page import PageRoute, render
from .review import LISTED
from .visitor import Guest, Visitor

routes = APIRouter(route_class=PageRoute)

DAY_S = 86_400
LETTERS_MAX = 1000
"""Dead letters of all tenants among which those of one are counted: each of them has to be looked at."""


@routes.get("/")
async def now_page(request: Request, visitor: Guest, backend: Served) -> Response:
    """How tasks flow through the tiers, what waits, who works, what is left to spend, and what needs somebody."""
    caller = visitor.caller
    assert caller is not None
    told = await _overview(request, visitor, caller, backend)
    return render(
        request,
        visitor,
        "now.html",
        told=told,
        queues=await _queues(visitor, caller, backend),
        in_review=await _in_review(visitor, caller, backend),
        own_dead=await own_dead(visitor, caller, backend, told.service.dead) if told.service is not None else None,
        listed_max=LISTED,
        reads=visitor.may(Scope.READ, Scope.ADMIN),
        now_ms=await backend.client.now_ms(),
    )


async def _overview(request: Request, visitor: Visitor, caller: Caller, backend: Backend) -> Overview:
    cards = await published(backend)
    if not visitor.may(Scope.READ, Scope.ADMIN):
        changes, budgets = [], []
    else:
        changes = [*(await counted(backend, caller, since_s=DAY_S)).changes]
        budgets = [*await visible_budgets(backend, caller)]
    if not visitor.sees_all:
        return overview(changes, cards, budgets)
    gathering: Gathering = request.app.state.gathering
    facts, balance = await asyncio.gather(gathering.facts(), backend.store.balance())
    if facts is None:
        raise StoreUnavailable("Redis could not be read; check ROUTER_REDIS_URL and that it runs")
    return overview(changes, facts.cards, budgets, service=facts.service, balance=balance, tiers=facts.tiers)


async def _queues(visitor: Visitor, caller: Caller, backend: Backend) -> Queues | None:
    """What a task of the visitor's would find; for who is told nothing of other tenants' tasks."""
    return await list_queues(backend, caller) if visitor.may(Scope.READ) and not visitor.sees_all else None


async def _in_review(visitor: Visitor, caller: Caller, backend: Backend) -> int | None:
    """How many tasks `/review` lists for the visitor; None for who may not open it."""
    if not visitor.may(Scope.READ, Scope.REVIEW):
        return None
    return len((await list_reviews(backend, caller, limit=LISTED)).data)


async def own_dead(visitor: Visitor, caller: Caller, backend: Backend, of_all: int) -> int | None:
    """How many dead letters `/dead` lists for the visitor; None for who may not open it, or among too many *of_all*."""
    if of_all > LETTERS_MAX or not visitor.may(Scope.READ, Scope.ADMIN):
        return None
    return len((await list_dead(backend, caller, redriven=False, limit=LETTERS_MAX)).data)


async def published(backend: Backend) -> Mapping[str, Card]:
    """The current versions of all policies, by name."""
    names = await backend.client.policies()
    return dict(zip(names, await asyncio.gather(*map(backend.client.known, names)), strict=True))
