"""Run a shift over a pile of tasks, and say what it took."""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from router.app import open_shift_world
from router.client import Client
from router.ports import LLM
from router.settings import Settings
from workers.shift import Shift

from .provider import RECEIPT


@dataclass(frozen=True)
class Run:
    """What one run took: CPU and wall seconds, round trips and commands to Redis, most resident bytes on the way."""

    cpu_s: float
    wall_s: float
    trips: int
    sent: int
    resident: int


def submit(settings: Settings, tasks: int) -> None:
    """Hand over as many receipts, each different."""
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        client.submit_many("receipts", [{"text": f"{RECEIPT}\n{i}"} for i in range(tasks)])


async def submit_and_run(settings: Settings, *, tasks: int, at_once: int, llm: LLM | None = None) -> Run:
    submit(settings, tasks)
    return await run_shift(settings, tasks=tasks, at_once=at_once, llm=llm)


async def run_shift(settings: Settings, *, tasks: int, at_once: int, llm: LLM | None = None) -> Run:
    """Carry the *tasks* that were submitted, at most *at_once* at a time; measured from the first claim."""
    async with open_shift_world(settings, alone=False, llm=llm) as world:
        shift = Shift(
            engine=world.engine,
            store=world.store,
            bell=world.bell,
            tiers=world.concurrency,
            at_once=at_once,
            lease_s=world.lease_s,
        )
        cpu_s, wall_s, most = time.process_time(), time.perf_counter(), 0
        running = asyncio.create_task(shift.run())
        while shift.ended < tasks and not running.done():
            await asyncio.sleep(0.01)
            most = max(most, _resident())
        took = Run(
            cpu_s=time.process_time() - cpu_s,
            wall_s=time.perf_counter() - wall_s,
            trips=world.link.trips,
            sent=world.link.sent,
            resident=most,
        )
        shift.drain()
        await running
    return took


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
