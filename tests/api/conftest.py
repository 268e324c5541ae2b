"""Fixtures of the HTTP service: the real application on a real store, asked in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.io.embedded import EmbeddedServer
from router.settings import Settings


@pytest.fixture
async def backend(server: EmbeddedServer, prefix: str) -> AsyncIterator[Backend]:
    """A backend that lets everybody in as the tenant `default`."""
    async with open_backend(Settings(redis_url=server.url, prefix=prefix), insecure=True) as opened:
        yield opened


@pytest.fixture
def app(backend: Backend) -> FastAPI:
    return create_app(backend)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router") as client:
        yield client
