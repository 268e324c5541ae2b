"""The whole service on real parts: an embedded server, the local models behind HTTP, workers, clients."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from router.app import open_store
from router.client import Client
from router.event import Stands
from router.io.embedded import EmbeddedServer
from router.ledger import Balance, Entry
from router.local.tiers import write_tiers
from router.settings import Settings
from tests.gang import POLICIES, Gang, launch
from tests.waiting import wait_until


class Site:
    """A gang with settings of its own, a client of it, and its books."""

    def __init__(self, gang: Gang, client: Client) -> None:
        self.gang, self.client = gang, client
        self.settings = gang.settings

    def entries(self) -> Sequence[Entry]:
        return asyncio.run(self._books())[0]

    def balance(self) -> Balance:
        return asyncio.run(self._books())[1]

    async def _books(self) -> tuple[Sequence[Entry], Balance]:
        async with open_store(self.settings) as store:
            return await store.ledger(), await store.balance()

    def ends(self) -> Counter[str]:
        """How many ends the live events tell of each task."""
        with Client(self.settings.redis_url, prefix=self.settings.prefix) as reader:
            told = [event for event in reader.events(wait_s=0) if isinstance(event, Stands)]
        return Counter(event.task for event in told if event.state.terminal)


@contextmanager
def open_site(
    name: str, folder: Path, *, redis_url: str, tiers: Path, env: dict[str, str] | None = None, **changes: Any
) -> Iterator[Site]:
    """Start workers for the shipped policies, with keys of their own; given once they may get tasks."""
    settings = Settings(redis_url=redis_url, policies=POLICIES, tiers=tiers, prefix=f"{name}:", **changes)
    with Gang(settings, folder / name, **(env or {})) as gang, Client(redis_url, prefix=settings.prefix) as client:
        wait_until(lambda: gang.events("policies.published"), f"workers; see {gang.log}")
        yield Site(gang, client)


class House:
    """Parts that all sites share: a server of their own, and the models with their bill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bill_file = folder / "bill.jsonl"
        self.sites: list[Site] = []
        self._stack = ExitStack()
        self.redis_url = self._stack.enter_context(EmbeddedServer(folder / "redis")).url
        ready = folder / "models.url"
        words = ["--policies", str(POLICIES), "--bill", str(self.bill_file), "--ready-file", str(ready)]
        self._models = launch("router.local", *words, env={}, log=folder / "models.log")
        wait_until(ready.exists, f"the local models; see {folder / 'models.log'}")
        self.api_base = ready.read_text().strip()
        self.tiers = write_tiers(folder / "tiers.yaml", api_base=self.api_base)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._models.terminate()
        try:
            self._models.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._models.kill()
            raise

    def site(self, name: str, *, tiers: Path | None = None, **changes: Any) -> Site:
        """Start workers that ask these models, until the house is left."""
        opened = open_site(name, self.folder, redis_url=self.redis_url, tiers=tiers or self.tiers, **changes)
        self.sites.append(self._stack.enter_context(opened))
        return self.sites[-1]

    def bill(self) -> list[tuple[str, int]]:
        """What the models charged: call and nano-dollars, a line for each request."""
        lines = [json.loads(line) for line in self.bill_file.read_text().splitlines()]
        return [(line["call_id"], line["amount_nusd"]) for line in lines]
