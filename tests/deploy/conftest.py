"""One real service for all checks of deploy/: local models, workers, HTTP, budgets, and tasks that went through it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from router.app import open_store
from router.budget import Budget
from router.settings import Settings
from tests.e2e.house import House, Site
from tests.gang import environment, launch
from tests.waiting import wait_until

BUDGETS = [Budget(scope="global", usd=Decimal(1), per="day"), Budget(scope="policy:intents", usd=Decimal(1), per="day")]
TEXTS = ["I want my money back", "Cancel my order", "Thank you!", "Where is my parcel?", "hm"]


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs: its site, and where its HTTP is."""

    site: Site
    address: str

    @property
    def settings(self) -> Settings:
        return self.site.settings

    def work(self) -> None:
        """Send some tasks, and wait until they have ended."""
        inputs = [{"text": text} for text in TEXTS]
        for handle in self.site.client.submit_many("intents", inputs):
            handle.wait(timeout_s=60)

    def exposition(self) -> str:
        """What `/metrics` says, as Prometheus' text."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=20) as told:
            return str(told.read().decode())


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        house = stack.enter_context(House(tmp_path_factory.mktemp("deployed")))
        tiers = house.folder / "leaving.yaml"
        tiers.write_text(re.sub(r"mini: \{", 'mini: {sunset: "2027-01-14", ', house.tiers.read_text()))
        site = house.site("deployed", tiers=tiers)
        asyncio.run(_publish(site.settings))
        running = Running(site, stack.enter_context(_Http(site.settings, house.folder)).address)
        running.work()
        running.exposition()
        yield running


async def _publish(settings: Settings) -> None:
    async with open_store(settings) as store:
        await store.publish_budgets(BUDGETS)


class _Http:
    """`router api` without keys on a free port; stopped when left."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        ready = folder / "api.url"
        words = ["api", "--insecure", "--port", "0", "--ready-file", str(ready)]
        env = environment(settings)
        self._process = launch("router.cli", *words, env=env, log=folder / "api.log")
        wait_until(lambda: ready.exists() and ready.read_text(), f"the HTTP service; see {folder / 'api.log'}")
        self.address = ready.read_text()

    def __enter__(self) -> _Http:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
