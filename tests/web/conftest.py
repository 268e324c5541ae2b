"""Fixtures of the dashboard: a service with tasks in every state."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from router.io.embedded import EmbeddedServer
from tests.web.street import EVERY, Browser, Street, a_street


@pytest.fixture
async def street(server: EmbeddedServer, prefix: str) -> AsyncIterator[Street]:
    async with a_street(server.url, prefix) as built:
        yield built


@pytest.fixture
async def browser(street: Street) -> AsyncIterator[Browser]:
    """A browser of somebody who may do everything."""
    async with street.visit(*EVERY) as opened:
        yield opened
