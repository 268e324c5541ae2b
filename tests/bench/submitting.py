"""Tasks submitted per second, one by one and many at once, against stock RQ's `enqueue` of an empty job."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import aiohttp
import orjson
import redis
from rq import Queue

from router import log
from router.client import Client
from router.settings import Settings
from tests.gang import environment, launch
from tests.waiting import wait_until

from . import rq_jobs
from .house import Bench, bench, publish
from .provider import RECEIPT

SINGLE = 1000
MANY = 10_000
IN_FLIGHT = 50


def stock_per_s(house: Bench) -> float:
    """Jobs per second of `Queue.enqueue`."""
    queue = Queue("stock", connection=redis.Redis.from_url(house.server.url))
    return _per_s(SINGLE, lambda: [queue.enqueue(rq_jobs.only_wait, 0) for _ in range(SINGLE)])


def client_per_s(settings: Settings) -> tuple[float, float]:
    """Tasks per second of one thread of our client: one by one, and many at once."""
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        single = _per_s(SINGLE, lambda: [client.submit("receipts", _input(i)) for i in range(SINGLE)])
        many = _per_s(MANY, lambda: client.submit_many("receipts", [_input(i) for i in range(MANY)]))
    return single, many


async def http_per_s(address: str) -> tuple[float, float]:
    """Tasks per second of one HTTP process: one by one by fifty callers, and as JSONL."""
    bodies = [orjson.dumps({"policy": "receipts", "input": _input(i)}) for i in range(MANY)]
    async with aiohttp.ClientSession(base_url=address) as session:
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one(body: bytes) -> None:
            async with gate, session.post("/v1/tasks", data=body, headers=_JSON) as answer:
                answer.raise_for_status()

        single = await _per_s_async(SINGLE, lambda: asyncio.gather(*(one(body) for body in bodies[:SINGLE])))

        async def batch() -> None:
            async with session.post("/v1/tasks:batch", data=b"\n".join(bodies), headers=_JSONL) as answer:
                lines = (await answer.read()).splitlines()
            assert answer.ok and len(lines) == MANY, "every line is answered"

        return single, await _per_s_async(MANY, batch)


_JSON = {"content-type": "application/json"}
_JSONL = {"content-type": "application/jsonl"}


def _input(number: int) -> dict[str, str]:
    return {"text": f"{RECEIPT}\n{number}"}


def _per_s(count: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


async def _per_s_async(count: int, work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return count / (time.perf_counter() - started)


def measure(house: Bench) -> None:
    settings = house.settings_for(concurrency=1)
    asyncio.run(publish(settings))
    ready = house.folder / "http.url"
    with ExitStack() as stack:
        words = ("api", "--insecure", "--port", "0", "--ready-file", str(ready))
        service = launch("router.cli", *words, env=environment(settings), log=house.folder / "http.log")
        stack.callback(service.wait)
        stack.callback(service.send_signal, signal.SIGTERM)
        wait_until(lambda: ready.exists() and ready.read_text(), "the HTTP service")
        stock = stock_per_s(house)
        found = {"client": client_per_s(settings), "HTTP": asyncio.run(http_per_s(ready.read_text()))}
    print(f"stock RQ's enqueue: {stock:,.0f} jobs/s")
    for name, (single, many) in found.items():
        print(
            f"{name}: one by one {single:,.0f}/s ({single / stock:.1f}x), at once {many:,.0f}/s ({many / stock:.1f}x)"
        )


def main() -> None:
    with open(os.devnull, "w") as nowhere, bench() as house:
        log.configure("info", console=False, stream=nowhere)
        measure(house)


if __name__ == "__main__":
    main()
