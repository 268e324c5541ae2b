"""Workers of two versions on one store: what a rolling upgrade looks like."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from router.formats import FORMAT
from router.io.embedded import EmbeddedServer
from router.io.redis_store import RedisStore
from router.record import Record
from router.settings import Settings
from router.task import TaskState
from router.wishes import Wishes
from tests.builders import a_chat, a_policy, a_submission
from tests.conftest import a_redis_store
from tests.gang import environment, launch
from tests.waiting import until

PLAIN, CHAT = a_policy(), a_chat()
COUNT = 20


@dataclass
class Fleet:
    """A store, and the workers that were started on it."""

    store: RedisStore
    raw: redis.Redis
    url: str
    prefix: str
    folder: Path

    @asynccontextmanager
    async def worker(self, name: str, *, reads: int) -> AsyncIterator[subprocess.Popen[str]]:
        env = environment(Settings(redis_url=self.url, prefix=self.prefix))
        words = (name, self.url, self.prefix, str(reads))
        process = launch("tests.workers.hand", *words, env=env, log=self.folder / f"{name}.log")
        try:
            await until(lambda: self.said(name, "shift.started"), timeout_s=120)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def said(self, name: str, event: str) -> list[dict[str, Any]]:
        log = self.folder / f"{name}.log"
        lines = [line for line in log.read_text().splitlines() if line.startswith("{")] if log.exists() else []
        return [told for line in lines if (told := json.loads(line))["event"] == event]

    async def submit(self, kind: str, **changes: Any) -> list[str]:
        ids = [f"{kind}{number:02}" for number in range(COUNT)]
        await self.store.submit([a_submission(task_id, **changes) for task_id in ids])
        return ids

    async def ended(self, ids: Sequence[str]) -> list[Record]:
        """The records of these tasks, once all have ended; the sweep goes on meanwhile."""
        async with asyncio.timeout(120):
            while True:
                await self.store.sweep(at_most=500)
                records = [await self.store.read(task_id) for task_id in ids]
                if all(record.state.terminal for record in records):
                    return records

    def field(self, task_id: str, name: str) -> str:
        return (self.raw.hget(f"{self.prefix}t:{task_id}", name) or b"").decode()

    def enders(self, ids: Sequence[str]) -> set[str]:
        """The names of the workers that finished these tasks: leases begin with them."""
        return {self.field(task_id, "y").partition("-")[0] for task_id in ids}


@pytest.fixture
async def fleet(server: EmbeddedServer, raw: redis.Redis, prefix: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    store = a_redis_store(server.url, prefix, None)
    yield Fleet(store, raw, server.url, prefix, tmp_path)
    await store.close()


async def test_workers_of_two_versions_lose_and_spoil_nothing(fleet: Fleet) -> None:
    """
    A worker of the version before does what it can read and leaves the rest untouched, without crashes, attempts or
    haste; one of the new version does all of that rest.
    """
    await fleet.store.publish([PLAIN, CHAT])
    async with AsyncExitStack() as started:
        await started.enter_async_context(fleet.worker("older", reads=FORMAT - 1))
        wished = await fleet.submit("wished", policy=PLAIN.digest, wishes=Wishes(max_output_tokens=100))
        talks = await fleet.submit("talks", policy=CHAT.digest, input={"messages": [{"role": "user", "content": "hi"}]})
        plain = await fleet.submit("plain", policy=PLAIN.digest)
        before = await fleet.ended(plain)
        left = [await fleet.store.read(task_id) for task_id in (*wished, *talks)]
        assert not any(record.trail or record.state.terminal for record in left)

        await started.enter_async_context(fleet.worker("newer", reads=FORMAT))
        more = await fleet.submit("more", policy=PLAIN.digest)
        records = before + await fleet.ended([*wished, *talks, *more])

    assert {record.state for record in records} == {TaskState.SUCCEEDED}
    assert {len(record.trail) for record in records} == {1}
    assert (fleet.enders(plain), fleet.enders([*wished, *talks])) == ({"older"}, {"newer"})
    assert fleet.enders(more) <= {"older", "newer"}
    assert {fleet.field(record.task.id, name) for record in records for name in "xz"} == {""}
    assert [fleet.said(name, "task.surprise") for name in ("older", "newer")] == [[], []]
    assert {told["version"] for told in fleet.said("older", "task.left")} == {PLAIN.digest, CHAT.digest}
    assert len(fleet.said("older", "task.left")) == 2
    (done,) = fleet.said("older", "hand.done")
    times = [int(fleet.field(task_id, "b") or 0) for task_id in (*wished, *talks)]
    assert max(times) <= 12
    assert done["claims"] <= 10 * len(records)
