"""The whole service on real parts: an embedded server, the local models behind HTTP, workers, clients."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from router.app import open_store
from router.client import Client
from router.event import Stands
from router.ledger import Balance, Entry
from router.local.tiers import write_tiers
from router.settings import Settings
from tests.acl import GuardedServer
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
    name: str,
    folder: Path,
    *,
    redis_url: str,
    tiers: Path,
    words: Sequence[str] = (),
    kind: type[Gang] = Gang,
    env: dict[str, str] | None = None,
    **changes: Any,
) -> Iterator[Site]:
    """Start workers for the shipped policies, with keys of their own; given once they may get tasks."""
    chosen = {"policies": POLICIES, "prefix": f"{name}:"} | changes
    settings = Settings(redis_url=redis_url, tiers=tiers, **chosen)
    with (
        kind(settings, folder / name, *words, **(env or {})) as gang,
        Client(redis_url, prefix=settings.prefix) as client,
    ):
        wait_until(lambda: gang.events("policies.published"), f"workers; see {gang.log}")
        yield Site(gang, client)


class Models:
    """The local models as a process, their bill, and a log of every request that came to them."""

    def __init__(self, folder: Path) -> None:
        self.bill_file = folder / "bill.jsonl"
        requests_file = folder / "requests.jsonl"
        self._bill, self._requests = _Lines(self.bill_file), _Lines(requests_file)
        ready = folder / "models.url"
        words = ["--policies", str(POLICIES), "--bill", str(self.bill_file), "--ready-file", str(ready)]
        words += ["--requests", str(requests_file)]
        self._process = launch("router.local", *words, env={}, log=folder / "models.log")
        wait_until(ready.exists, f"the local models; see {folder / 'models.log'}")
        self.api_base = ready.read_text().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def bill(self, account: str = "") -> list[tuple[str, int]]:
        """What an account was charged: call and nano-dollars, a line for each charge."""
        return [(line["call_id"], line["amount_nusd"]) for line in self._bill.of(account)]

    def requests(self, account: str = "") -> list[str]:
        """The call of every request of an account, billed or not, in order."""
        return [line["call_id"] for line in self._requests.of(account)]

    def address(self, account: str) -> str:
        """Where calls go that are put on an account of their own."""
        return f"{self.api_base.removesuffix('/v1')}/{account}/v1"


class House:
    """Parts that all sites share: a server of their own, and the models with their bill, which houses may share."""

    def __init__(self, folder: Path, *, models: Models | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.sites: list[Site] = []
        self._stack = ExitStack()
        self.models = models or self._stack.enter_context(Models(folder))
        self.server = self._stack.enter_context(GuardedServer(folder / "redis"))
        self.redis_url = self.server.url
        self.bill_file = self.models.bill_file
        self.api_base = self.models.api_base
        self.tiers = write_tiers(folder / "tiers.yaml", api_base=self.api_base)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def site(self, name: str, *, tiers: Path | None = None, **changes: Any) -> Site:
        """Start workers that ask these models, until the house is left."""
        opened = open_site(name, self.folder, redis_url=self.redis_url, tiers=tiers or self.tiers, **changes)
        self.sites.append(self._stack.enter_context(opened))
        return self.sites[-1]

    def bill(self) -> list[tuple[str, int]]:
        """What the models charged: call and nano-dollars, a line for each request."""
        return self.models.bill()


class _Lines:
    """The whole lines of a file that grows, by account; each is read once, however often somebody asks."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_bytes = 0
        self._by_account: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def of(self, account: str) -> list[dict[str, Any]]:
        with self._lock, self._file.open("rb") as text:
            text.seek(self._read_bytes)
            for line in text:
                if not line.endswith(b"\n"):
                    break
                said = json.loads(line)
                self._by_account.setdefault(said["account"], []).append(said)
                self._read_bytes += len(line)
            return list(self._by_account.get(account, ()))
