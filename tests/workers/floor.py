"""A shop floor: a store in a real server, models that answer when the test says so, and shifts that work there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from router.asking import World
from router.call import Answer, Call
from router.engine import Engine
from router.errors import StoreUnavailable
from router.io.commands.producer import ProducerCommands
from router.io.commands.shift import ShiftCommands
from router.io.redis_bell import RedisBell
from router.io.redis_keys import Keys
from router.io.redis_link import AsyncLink, connect_async
from router.io.redis_store import RedisStore
from router.policy import Policy
from router.ports import Store
from router.task import TaskState
from router.tier import Tier
from tests.builders import GOOD, PRICES, TIERS, a_policy, a_submission
from tests.conftest import Clock
from tests.waiting import until
from workers.shift import Bell, Shift


class Gated:
    """Models whose answers wait until the test lets them go."""

    def __init__(self, answer: Callable[[Call], Answer] = lambda call: GOOD) -> None:
        self._answer = answer
        self._waiting: list[asyncio.Future[None]] = []
        self._open = False
        self.calls: list[Call] = []
        self.in_flight = 0
        self.in_flight_most = 0

    async def complete(self, call: Call) -> Answer:
        self.calls.append(call)
        self.in_flight += 1
        self.in_flight_most = max(self.in_flight, self.in_flight_most)
        if not self._open:
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[-1]
        self.in_flight -= 1
        return self._answer(call)

    async def asked(self, count: int) -> None:
        """Return once so many calls were made in all."""
        await until(lambda: len(self.calls) >= count)

    def answer_one(self) -> None:
        self._waiting.pop(0).set_result(None)

    def open(self) -> None:
        """Answer everything, from now on at once."""
        self._open = True
        while self._waiting:
            self.answer_one()


class Floor:
    """One store, one set of models, any number of shifts. Without a clock of the test's, the server's counts."""

    def __init__(self, url: str, prefix: str, clock: Clock | None, llm: Gated) -> None:
        self.url, self.keys, self.clock, self.llm = url, Keys(prefix), clock, llm
        self.link = AsyncLink(connect_async(url), prefix=prefix)
        self.store = RedisStore(
            self.link,
            producing=ProducerCommands(prefix=prefix, clock_ms=clock),
            shifting=ShiftCommands(prefix=prefix, clock_ms=clock),
            clock_ms=clock,
        )

    async def submit(self, *task_ids: str, policy: Policy | None = None, **changes: Any) -> None:
        policy = policy or a_policy()
        await self.store.publish([policy])
        await self.store.submit([a_submission(t, policy=policy.digest, **changes) for t in task_ids])

    async def states(self, task_ids: Sequence[str]) -> Counter[TaskState]:
        return Counter([(await self.store.read(t)).state for t in task_ids])

    async def crash(self) -> None:
        """Let the leases run out that anybody holds: their tasks are suspects."""
        assert self.clock is not None
        for _ in range(2):
            self.clock.advance(31)
            await self.store.sweep(at_most=1000)

    @asynccontextmanager
    async def shift(
        self,
        *tiers: str,
        concurrency: int = 1000,
        at_once: int = 100,
        store: Store | None = None,
        bell: Bell | None = None,
        known: Mapping[str, Tier] = TIERS,
        **settings: Any,
    ) -> AsyncIterator[Shift]:
        """A shift at work; at the end it is drained, with all answers given."""
        own = store or self.store
        names = tiers or ("mini",)
        queues = [f"!{name}" if settings.get("alone") else name for name in names]
        hung = RedisBell(self.url, keys=self.keys, queues=queues)
        shift = Shift(
            engine=Engine(World(tiers=known, prices=PRICES, llm=self.llm, store=own, clock_ms=self.store.now_ms)),
            store=own,
            bell=bell or hung,
            tiers=dict.fromkeys(names, concurrency),
            at_once=at_once,
            **settings,
        )
        shift_ended = asyncio.create_task(shift.run())
        try:
            yield shift
            shift.drain()
            self.llm.open()
            await asyncio.wait_for(shift_ended, 30)
        finally:
            shift_ended.cancel()
            await asyncio.gather(shift_ended, return_exceptions=True)
            await hung.close()

    async def close(self) -> None:
        await self.store.close()


class Away:
    """A store some of whose methods cannot be reached while the test says so."""

    def __init__(self, store: Store, *methods: str) -> None:
        self._store = store
        self._methods = methods
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return self._unreachable if name in self._methods else getattr(self._store, name)

    def back(self) -> None:
        self._methods = ()

    async def _unreachable(self, *_: object, **__: object) -> None:
        self.refused += 1
        raise StoreUnavailable("the test took the server away")
