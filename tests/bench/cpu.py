"""CPU of a shift per one-attempt task, against a bare `litellm.acompletion` of the same call, in the same process."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import time
from uuid import uuid4

import aiohttp

from router import log
from router.app import load_book
from router.compose import compose
from router.decision import Ask
from router.settings import Settings
from router.task import Task

from .house import Bench, bench, publish
from .provider import RECEIPT
from .shifts import submit_and_run

IN_FLIGHT = 50
ROUNDS = 7
TASKS = 600


async def bare_cpu_s(settings: Settings, calls: int) -> float:
    """CPU seconds per call of litellm alone, with the session and settings that the product uses."""
    from router.io import litellm_llm  # first: it sets litellm up as the product has it
    from router.io.litellm_request import arguments

    litellm = litellm_llm.litellm
    book = load_book(settings)
    policy = book.policies["receipts"].on(book.tiers)
    task = Task(id="t", policy="p", input={"text": RECEIPT}, created_ms=0, deadline_ms=10**15)
    call = compose(policy, task, (), Ask("mini", "first"), book.tiers["mini"], call_id=uuid4().hex, timeout_s=30)
    words = arguments(call)
    litellm.in_memory_llm_clients_cache.flush_cache()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2 * IN_FLIGHT))
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with gate:
            await litellm.acompletion(**words, api_key="none", shared_session=session)

    started = time.process_time()
    await asyncio.gather(*(one() for _ in range(calls)))
    spent = time.process_time() - started
    await session.close()
    litellm.in_memory_llm_clients_cache.flush_cache()
    return spent / calls


async def measure(house: Bench) -> tuple[float, float, float]:
    """Medians in ms of the shift and of bare litellm, and the median ratio of the paired rounds."""
    settings = house.settings_for(concurrency=IN_FLIGHT)
    await publish(settings)
    shifts, bares = [], []
    await bare_cpu_s(settings, 200)
    await submit_and_run(settings, tasks=200, at_once=IN_FLIGHT)
    gc.collect()
    gc.freeze()  # as workers do before they fork
    for _ in range(ROUNDS):
        bares.append(await bare_cpu_s(settings, TASKS))
        shifts.append((await submit_and_run(settings, tasks=TASKS, at_once=IN_FLIGHT)).cpu_s / TASKS)
    ratio = statistics.median(s / b for s, b in zip(shifts, bares, strict=True))
    return statistics.median(shifts) * 1e3, statistics.median(bares) * 1e3, ratio


def main() -> None:
    with open(os.devnull, "w") as nowhere, bench() as house:
        log.configure("info", console=False, stream=nowhere)
        shift_ms, bare_ms, ratio = asyncio.run(measure(house))
    print(f"shift {shift_ms:.2f} ms CPU a task, bare litellm {bare_ms:.2f} ms a call: {ratio:.2f}x (target 1.25x)")


if __name__ == "__main__":
    sys.exit(main())
