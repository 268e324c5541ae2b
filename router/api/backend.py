"""What routes work with: one client of the store for all of a process's requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ..app import load_pricing, open_store
from ..async_client import AsyncClient
from ..io.redis_link import AsyncLink, connect_async
from ..io.redis_store import RedisStore
from ..settings import Settings
from ..spending.pricing import Pricing


@dataclass(frozen=True, slots=True)
class Backend:
    """
    `client` submits, reads and waits; `store` knows money; `link` carries out single commands. `pricing` is for lines
    that are not counted yet: read once, as workers read theirs. With `insecure` nobody needs a key, and everybody is
    the tenant `default`.
    """

    settings: Settings
    client: AsyncClient
    store: RedisStore
    link: AsyncLink
    pricing: Pricing
    insecure: bool = False


@asynccontextmanager
async def open_backend(settings: Settings, *, insecure: bool = False) -> AsyncIterator[Backend]:
    """A backend for one event loop."""
    link = AsyncLink(connect_async(settings.redis_url), prefix=settings.prefix)
    try:
        async with open_store(settings) as store, AsyncClient(settings.redis_url, prefix=settings.prefix) as client:
            yield Backend(settings, client, store, link, load_pricing(settings), insecure=insecure)
    finally:
        await link.close()


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


Served = Annotated[Backend, Depends(_backend)]
"""The backend of the application that a route is part of."""
