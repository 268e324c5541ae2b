"""The sweep: a process beside the workers that puts things back and keeps a shift at every worker."""

from __future__ import annotations

import asyncio
import signal
import time

import redis
from redis import Redis
from rq import Worker

from router import log
from router.app import open_store, shift_group
from router.errors import StoreUnavailable
from router.io.redis_keys import Keys
from router.ports import Store, Swept
from router.settings import Settings

from .rq_worker import enqueue_shift, queue_name, shift_queue

SWEEP_MAX = 500
"""Tasks and calls in one sweep: Lua holds Redis for everyone."""
_EVERY_S = 0.25
_TOP_UP_EVERY_S = 1.0


def sweep_forever(settings: Settings) -> None:
    """Sweep until told to stop. Any number of these may run."""
    log.configure(settings.log)
    asyncio.run(_sweep_forever(settings))


async def _sweep_forever(settings: Settings) -> None:
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    rq = Redis.from_url(settings.redis_url)
    topped_up_s = 0.0
    async with open_store(settings) as store:
        while not stopped.is_set():
            more = False
            try:
                more = await sweep_once(store)
                if time.monotonic() - topped_up_s >= _TOP_UP_EVERY_S:
                    await asyncio.to_thread(top_up, rq, settings)
                    topped_up_s = time.monotonic()
            except (StoreUnavailable, redis.ConnectionError, redis.TimeoutError) as why:
                log.logger().warning("sweep.failed", reason=str(why))
            await _pause(stopped, 0 if more else _EVERY_S)


async def sweep_once(store: Store) -> bool:
    """One look at what is due; True where there may be more."""
    swept = await store.sweep(at_most=SWEEP_MAX)
    if swept != Swept():
        log.logger().info(
            "sweep.found",
            reclaimed=swept.reclaimed,
            readied=swept.readied,
            ended=swept.ended,
            unsettled=swept.unsettled,
        )
    return sum((swept.reclaimed, swept.readied, swept.ended, swept.unsettled)) >= SWEEP_MAX


def top_up(rq: Redis, settings: Settings) -> int:
    """Keep one shift, queued or running, for each live worker of the group; returns how many were added."""
    return _top_up(rq, settings, alone=False) + (_top_up(rq, settings, alone=True) if _suspects(rq, settings) else 0)


def _top_up(rq: Redis, settings: Settings, *, alone: bool) -> int:
    queue = shift_queue(queue_name(settings, alone=alone), rq)
    shifts = Keys(settings.prefix).shifts(shift_group(settings, alone=alone))
    rq.zremrangebyscore(shifts, "-inf", int(time.time() * 1000))
    wanted = 1 if alone else Worker.count(queue=queue)
    missing = wanted - rq.zcard(shifts) - queue.count
    for _ in range(missing):
        enqueue_shift(queue, alone=alone)
    return max(0, missing)


def _suspects(rq: Redis, settings: Settings) -> bool:
    keys = Keys(settings.prefix)
    if settings.tiers_served:
        return bool(rq.exists(*(keys.turn(f"!{tier}") for tier in settings.tiers_served)))
    return any(True for _ in rq.scan_iter(match=keys.turn("!*"), count=1000))


async def _pause(stopped: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return
