"""A worker's process: one shift that reads stored values up to some format, with a model that always knows."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from router import log
from router.app import open_shift_world
from router.ports import Claim, Store
from router.settings import Settings
from router.testing import FunctionLLM
from tests.builders import GOOD
from tests.gang import POLICIES
from workers.shift import Shift


class Counted:
    """A store that counts how often it is asked for tasks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.claims = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *words: Any, **named: Any) -> Sequence[Claim]:
        self.claims += 1
        return await self._store.claim(*words, **named)


async def main(name: str, redis_url: str, prefix: str, reads: int) -> None:
    log.configure("info")
    settings = Settings(redis_url=redis_url, prefix=prefix, policies=POLICIES)
    async with open_shift_world(settings, alone=False, llm=FunctionLLM(lambda call: GOOD), reads=reads) as world:
        store: Any = Counted(world.store)
        shift = Shift(
            name=name, engine=world.engine, store=store, bell=world.bell, tiers=world.concurrency, at_once=8, idle_s=0.5
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, shift.drain)
        await shift.run()
    print(json.dumps({"event": "hand.done", "claims": store.claims, "tasks": shift.ended}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
