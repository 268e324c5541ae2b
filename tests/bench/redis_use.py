"""What a one-attempt task costs Redis: round trips, commands, bytes; and what it holds in the worker."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
from pathlib import Path
from typing import Any

import redis

from router import log
from router.app import open_shift_world
from router.client import Client
from router.settings import Settings
from workers.shift import Shift

from .house import Bench, bench, publish
from .provider import RECEIPT
from .throughput import Waiting

TASKS = 2000
IN_FLIGHT = 200
HELD = 500
LATENCY_S = 3.0


async def measure(house: Bench) -> None:
    settings = house.settings_for(concurrency=IN_FLIGHT)
    await publish(settings)
    server = redis.Redis.from_url(house.server.url)
    empty = _used(server)
    before = _commands(server)
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        client.submit_many("receipts", [{"text": f"{RECEIPT}\n{i}"} for i in range(TASKS)])
    queued = _used(server)
    trips, sent = await _work(settings, TASKS, IN_FLIGHT)
    inside = _commands(server) - before
    done = _used(server)
    submits = TASKS / 200 + 1
    print(
        f"round trips a task {(trips + submits) / TASKS:.3f} (target < 2), "
        f"commands sent {(sent + submits) / TASKS:.2f} (target <= 12), "
        f"commands executed, scripts' own included, {inside / TASKS:.1f}"
    )
    print(
        f"bytes in Redis: {(queued - empty) / TASKS:.0f} a queued task, {(done - empty) / TASKS:.0f} a finished one "
        "with its trail, ledger and call (a finished RQ job: 6,200)"
    )
    held = await _held_bytes(settings)
    print(
        f"memory of a task in flight: {held / 1024:.0f} kB with {HELD} through litellm (stock RQ with litellm: 185 MB)"
    )


async def _work(settings: Settings, tasks: int, at_once: int) -> tuple[int, int]:
    async with open_shift_world(settings, alone=False, llm=Waiting()) as world:
        shift = _shift(world, at_once)
        running = asyncio.create_task(shift.run())
        while shift.ended < tasks and not running.done():
            await asyncio.sleep(0.02)
        counted = world.link.trips, world.link.sent
        shift.drain()
        await running
    return counted


async def _held_bytes(settings: Settings) -> float:
    """What this process grows by while hundreds of real calls through litellm are in flight, per call."""
    await _carry(settings, 50)
    gc.collect()
    before = _resident()
    return (await _carry(settings, HELD) - before) / HELD


async def _carry(settings: Settings, tasks: int) -> int:
    """Carry tasks through litellm; returns the resident bytes while all of them are in flight."""
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        client.submit_many("receipts", [{"text": f"{RECEIPT}\n{i}"} for i in range(tasks)])
    async with open_shift_world(settings, alone=False) as world:
        shift = _shift(world, tasks)
        running = asyncio.create_task(shift.run())
        most = 0
        while shift.ended < tasks and not running.done():
            most = max(most, _resident())
            await asyncio.sleep(0.05)
        shift.drain()
        await running
    return most


def _shift(world: Any, at_once: int) -> Shift:
    return Shift(
        engine=world.engine,
        store=world.store,
        bell=world.bell,
        tiers=world.concurrency,
        at_once=at_once,
        lease_s=world.lease_s,
    )


def _used(server: redis.Redis) -> int:
    return int(server.info("memory")["used_memory"])


def _commands(server: redis.Redis) -> int:
    counted = server.info("commandstats")
    return sum(row["calls"] for name, row in counted.items() if name not in ("cmdstat_blpop", "cmdstat_info"))


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    with open(os.devnull, "w") as nowhere, bench(latency_s=LATENCY_S) as house:
        log.configure("info", console=False, stream=nowhere)
        asyncio.run(measure(house))


if __name__ == "__main__":
    main()
