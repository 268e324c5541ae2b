"""The service as a process, without workers: what it does before anybody has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from router.app import open_store
from router.client import Client
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.builders import a_policy
from tests.gang import environment, launch
from tests.waiting import wait_until


@dataclass(frozen=True)
class Desk:
    """A client over HTTP, which everybody may be, and one that sees the tasks behind it."""

    http: httpx.Client
    tasks: Client
    settings: Settings


@pytest.fixture(scope="package")
def desk(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A policy `intents` with a prompt is published, and nobody works."""
    folder = tmp_path_factory.mktemp("desk")
    settings = Settings(redis_url=server.url, prefix=f"{uuid4().hex[:8]}:")
    asyncio.run(_publish(settings))
    ready, log = folder / "url", folder / "log"
    words = ("api", "--port", "0", "--insecure", "--ready-file", str(ready))
    process = launch("router.cli", *words, env=environment(settings), log=log)
    try:
        yield _open(settings, ready, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _open(settings: Settings, ready: Path, log: Path) -> Desk:
    wait_until(lambda: ready.exists() and ready.read_text(), f"the service; see {log}")
    return Desk(
        httpx.Client(base_url=ready.read_text().strip(), timeout=30),
        Client(settings.redis_url, prefix=settings.prefix),
        settings,
    )


async def _publish(settings: Settings) -> None:
    async with open_store(settings) as store:
        await store.publish([a_policy(policy="intents", output={"labels": ["refund", "other"]}, checks=[])])
