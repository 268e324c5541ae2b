"""The sweep: a process beside the workers that puts things back, keeps a shift at every worker, and counts costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import redis
from redis import Redis
from rq import Queue
from rq.utils import as_text
from rq.worker import WorkerStatus
from rq.worker_registration import get_keys

from router import log
from router.app import open_store
from router.errors import StoreUnavailable
from router.io.redis_keys import Keys
from router.io.redis_link import connect
from router.ports import Store, Swept
from router.settings import Settings

from .accountant import count_forever
from .rq_worker import ShiftJob, enqueue_shift, queue_name, shift_queue
from .stopping import pause, stopped_by_signals

SWEEP_MAX = 500
"""Tasks and calls in one sweep: Lua holds Redis for everyone."""
_AWAY = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.OutOfMemoryError)
_EVERY_S = 0.25
_TOP_UP_EVERY_S = 1.0


def sweep_forever(settings: Settings, tiers: Iterable[str]) -> None:
    """Sweep until told to stop; keep shifts at the workers of *tiers*. Any number of these may run."""
    log.configure(settings.log)
    asyncio.run(_sweep_forever(settings, tuple(tiers)))


async def _sweep_forever(settings: Settings, tiers: tuple[str, ...]) -> None:
    stopped = stopped_by_signals()
    await asyncio.gather(_sweep_until(stopped, settings, tiers), count_forever(settings, stopped))


async def _sweep_until(stopped: asyncio.Event, settings: Settings, tiers: tuple[str, ...]) -> None:
    rq = connect(settings.redis_url)
    topped_up_s = 0.0
    async with open_store(settings) as store:
        while not stopped.is_set():
            more = False
            try:
                more = await sweep_once(store)
                if time.monotonic() - topped_up_s >= _TOP_UP_EVERY_S:
                    await asyncio.to_thread(top_up, rq, settings, tiers)
                    for alarm in await store.alarms():
                        log.logger().warning("alarm", kind=alarm.kind, about=alarm.about, said=alarm.said)
                    topped_up_s = time.monotonic()
            except (StoreUnavailable, *_AWAY) as why:
                log.logger().warning("sweep.failed", reason=str(why))
            await pause(stopped, 0 if more else _EVERY_S)


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


def top_up(rq: Redis, settings: Settings, tiers: Iterable[str]) -> None:
    """Keep one shift, queued or running, for each live worker of the group, and one for the suspects among *tiers*."""
    queue = shift_queue(queue_name(settings, alone=False), rq)
    _keep(queue, _states(queue).count(False), alone=False)
    quarantine = shift_queue(queue_name(settings, alone=True), rq)
    _keep(quarantine, int(_suspects(rq, settings, tiers) and True not in _states(quarantine)), alone=True)


def _keep(queue: Queue, wanted: int, *, alone: bool) -> None:
    """Have *wanted* shifts wait in the queue."""
    waiting = queue.count
    for _ in range(wanted - waiting):
        enqueue_shift(queue, alone=alone)
    if waiting > wanted:
        surplus: Any = queue.connection.rpop(queue.key, waiting - wanted)
        for job_id in surplus or ():
            queue.connection.delete(ShiftJob.key_for(as_text(job_id)))


def _states(queue: Queue) -> list[bool]:
    """For each live worker of a queue, whether it runs a shift; RQ's own count keeps dead workers for minutes."""
    with queue.connection.pipeline(transaction=False) as pipe:
        for key in get_keys(queue):
            pipe.hget(key, "state")
        states = pipe.execute()
    return [state.decode() == WorkerStatus.BUSY for state in states if state is not None]


def _suspects(rq: Redis, settings: Settings, tiers: Iterable[str]) -> bool:
    keys = Keys(settings.prefix)
    return bool(rq.exists(*(keys.turn(f"!{tier}") for tier in tiers)))
