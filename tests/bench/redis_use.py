"""What a one-attempt task costs Redis: round trips, commands, bytes; and what it holds in the worker."""

from __future__ import annotations

import asyncio
import gc
import os

import redis

from router import log
from router.settings import Settings

from .house import Bench, bench, publish
from .shifts import run_shift, submit, submit_and_run
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
    submit(settings, TASKS)
    queued = _used(server)
    worked = await run_shift(settings, tasks=TASKS, at_once=IN_FLIGHT, llm=Waiting())
    inside = _commands(server) - before
    done = _used(server)
    submits = TASKS / 200 + 1
    print(
        f"round trips a task {(worked.trips + submits) / TASKS:.3f} (target < 2), "
        f"commands sent {(worked.sent + submits) / TASKS:.2f} (target <= 12), "
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


async def _held_bytes(settings: Settings) -> float:
    """What this process grows by while hundreds of real calls through litellm are in flight, per call."""
    before = (await submit_and_run(settings, tasks=50, at_once=50)).resident
    gc.collect()
    return ((await submit_and_run(settings, tasks=HELD, at_once=HELD)).resident - before) / HELD


def _used(server: redis.Redis) -> int:
    return int(server.info("memory")["used_memory"])


def _commands(server: redis.Redis) -> int:
    counted = server.info("commandstats")
    return sum(row["calls"] for name, row in counted.items() if name not in ("cmdstat_blpop", "cmdstat_info"))


def main() -> None:
    with open(os.devnull, "w") as nowhere, bench(latency_s=LATENCY_S) as house:
        log.configure("info", console=False, stream=nowhere)
        asyncio.run(measure(house))


if __name__ == "__main__":
    main()
