"""A shift: one long RQ job in which an event loop carries hundreds of tasks at once."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import random
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol
from uuid import uuid4

from router import log
from router.app import open_shift_world
from router.engine import Engine
from router.errors import StoreUnavailable
from router.ports import Claim, Rates, Store
from router.settings import Settings

from .rq_worker import ShiftName, StopNoted

CLAIM_MAX = 100
"""Tasks in one claim: Lua holds Redis for everyone, 100 take some 3 ms."""
LONGEST_S = 3600.0
"""A shift hands over to a fresh process after about so long, so that no leak lasts."""
CALLS_MAX = 100_000
IDLE_S = 2.0
"""Without a wake-up a shift looks for work this often."""
STUCK_S = 120.0
"""A process whose loop has not turned for so long ends itself; the sweep puts its tasks back."""
_LOOK_LEAST_S = 0.02
_AWAY_S = 1.0
_STAND_BACK_S = 0.25
"""What others that hear the bell need to take what it rang for."""
_QUIET_LOOKS = 2
"""A quarantine shift ends after so many looks that found no suspect."""


class Bell(Protocol):
    """Tells an idle shift that there may be work."""

    async def rung(self, timeout_s: float) -> bool: ...

    async def pass_on(self) -> None: ...


def work(alone: bool = False) -> None:
    """The job that RQ runs. Keep its name and arguments: queued jobs outlive a deploy."""
    settings = Settings.from_env()
    log.configure(settings.log)
    if not StopNoted.noted:
        asyncio.run(_work(settings, alone))


async def _work(settings: Settings, alone: bool) -> None:
    async with open_shift_world(settings, alone=alone) as world:
        shift = Shift(
            name=ShiftName.name,
            engine=world.engine,
            store=world.store,
            bell=world.bell,
            tiers=world.concurrency,
            rates=world.rates,
            at_once=1 if alone else world.at_once,
            lease_s=world.lease_s,
            alone=alone,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, shift.drain)
        if StopNoted.noted:
            shift.drain()
        await shift.run()


class Shift:
    """
    Claims ready tasks of some tiers and carries them, at most *at_once* at a time.

    Arguments: `tiers` maps a tier to the most calls that all shifts together may have in flight there, `rates` to what
    it takes in a minute; `alone` makes it a quarantine shift, which takes suspects of a crash one by one and ends when
    there are none; its tokens begin with its `name`; without a wake-up it looks for work every `idle_s`.
    """

    def __init__(
        self,
        *,
        name: str = "",
        engine: Engine,
        store: Store,
        bell: Bell,
        tiers: Mapping[str, int],
        rates: Mapping[str, Rates] = MappingProxyType({}),
        at_once: int,
        lease_s: float = 30.0,
        alone: bool = False,
        longest_s: float = LONGEST_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self.id = name or uuid4().hex[:12]
        self._engine = engine
        self._store = store
        self._bell = bell
        self._tiers = tiers
        self._rates = rates
        self._at_once = at_once
        self._lease_s = lease_s
        self._alone = alone
        self._longest_s = longest_s * random.uniform(0.9, 1.1)  # so that shifts begun together do not end together
        self._idle_s = idle_s
        self._token = self._new_token()
        self._carried: dict[asyncio.Task[None], Claim] = {}
        self._stirred = asyncio.Event()
        self._room = asyncio.Event()
        self._draining = False
        self._count = 0
        self.ended = 0

    def drain(self) -> None:
        """Claim no more; let the calls in flight finish and release the rest."""
        if not self._draining:
            log.logger().info("shift.draining", shift=self.id, in_flight=len(self._carried))
        self._draining = True
        self._stirred.set()

    @property
    def draining(self) -> bool:
        return self._draining

    async def run(self) -> None:
        """Work until drained, spent, or (alone) until nothing is suspect. Whatever ends it, calls in flight finish."""
        log.logger().info("shift.started", shift=self.id, tiers=list(self._tiers), alone=self._alone)
        async with asyncio.TaskGroup() as beside:
            helpers = [beside.create_task(work) for work in (self._keep_leases(), self._listen(), _show_life())]
            try:
                await self._claim_until_done()
            finally:
                self._draining = True
                while self._carried:
                    await asyncio.wait(self._carried)
                for helper in helpers:
                    helper.cancel()
        log.logger().info("shift.ended", shift=self.id, tasks=self._count)

    async def _claim_until_done(self) -> None:
        end_s = _now_s() + self._longest_s
        quiet = 0
        while not self._draining and _now_s() < end_s and self._count < CALLS_MAX:
            self._stirred.clear()
            wanted = min(self._free(), CLAIM_MAX)
            claimed = await self._claim(wanted) if wanted else 0
            if claimed and claimed == wanted:
                continue
            quiet = 0 if claimed or self._carried else quiet + 1
            if self._alone and quiet >= _QUIET_LOOKS:
                return
            await self._stir()

    def _free(self) -> int:
        """Room for claims; a full shift waits for a tenth of it, else every end of a task would be a claim of one."""
        free = self._at_once - len(self._carried)
        return free if free >= max(1, self._at_once // 10) else 0

    async def _claim(self, at_most: int) -> int:
        """Claim and carry. A claim that failed is repeated with its token: it may have been granted unheard."""
        try:
            claims = await self._store.claim(
                self._tiers, at_most=at_most, token=self._token, alone=self._alone, rates=self._rates
            )
        except StoreUnavailable as why:
            log.logger().warning("store.unreachable", reason=str(why))
            await asyncio.sleep(_AWAY_S)
            return 0
        self._token = self._new_token()
        for claim in claims:
            carrier = asyncio.create_task(self._carry(claim))
            self._carried[carrier] = claim
            carrier.add_done_callback(self._dropped)
        self._count += len(claims)
        return len(claims)

    async def _carry(self, claim: Claim) -> None:
        """The outermost edge: whatever was not foreseen becomes an event, and the sweep puts the task back."""
        try:
            await self._engine.carry(claim, stopping=lambda: self._draining)
        except StoreUnavailable as why:
            log.logger().warning(
                "store.unreachable", task=claim.task.id, tenant=claim.task.tenant, tier=claim.tier, reason=str(why)
            )
        except Exception:  # noqa: BLE001  # neighbours in this process have calls in flight
            log.logger().exception("task.surprise", task=claim.task.id, tenant=claim.task.tenant, tier=claim.tier)

    def _new_token(self) -> str:
        """Begins with the shift's name: what it holds can be told, should it die."""
        return f"{self.id}-{uuid4().hex}"

    def _dropped(self, carrier: asyncio.Task[None]) -> None:
        del self._carried[carrier]
        self.ended += 1
        self._stirred.set()

    async def _stir(self) -> None:
        """Wait until there may be something to do: a bell, an end of a task, the order to drain."""
        self._room.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s()):
                await self._stirred.wait()
        self._room.clear()

    def _pause_s(self) -> float:
        """Until it looks by itself: when a gate opens that tasks wait at, else after a while."""
        opens_in_ms = self._store.opens_in_ms() if self._free() else None
        return self._idle_s if opens_in_ms is None else min(self._idle_s, max(_LOOK_LEAST_S, opens_in_ms / 1000))

    async def _listen(self) -> None:
        """
        Hear the bell, but only while there is room: a wake-up taken by a full shift is lost for the others.

        It ends with the shift, not by being cancelled alone: below the bell, Python 3.11's `wait_for` may swallow that.
        """
        passed_on = False
        while not self._draining:
            await self._room.wait()
            if not self._draining and self._free() and await self._bell.rung(self._idle_s):
                passed_on = await self._stand_back(passed_on)
                self._stirred.set()
            await asyncio.sleep(0 if self._free() else 0.01)

    async def _stand_back(self, passed_on: bool) -> bool:
        """
        Let others go first where tasks come that this process could not read; returns whether it passed the bell on.

        The next ring after that may be that one, which nobody else heard: it is not passed on again.
        """
        if not self._store.stands_back():
            return False
        if not passed_on:
            await self._bell.pass_on()
        await asyncio.sleep(_STAND_BACK_S)
        return not passed_on

    async def _keep_leases(self) -> None:
        """Renew three times a lease."""
        while True:
            if claims := list(self._carried.values()):
                with contextlib.suppress(StoreUnavailable):
                    await self._store.renew(claims)
            await asyncio.sleep(self._lease_s / 3)


async def _show_life() -> None:
    """Tell the process's watchdog that the loop still turns."""
    try:
        while True:
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
            await asyncio.sleep(STUCK_S / 4)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
