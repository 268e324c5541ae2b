"""Tasks per second of one worker process with calls of one second, against stock RQ with one job per call."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import redis
from rq import Queue, Worker

from router import log
from router.call import Answer, Call, Reply, Token, Usage

from . import rq_jobs
from .house import Bench, bench, publish
from .provider import TEXT
from .shifts import submit_and_run

CALL_S = 1.0
STOCK_JOBS = 4


class Waiting:
    """A stand-in for a model that only waits."""

    async def complete(self, call: Call) -> Answer:
        await asyncio.sleep(CALL_S)
        return _REPLY


def _reply() -> Reply:
    pieces = [TEXT[i : i + 4] for i in range(0, len(TEXT), 4)]
    tokens = tuple(Token(piece, -0.001, len(piece)) for piece in pieces)
    return Reply(text=TEXT, tokens=tokens, usage=Usage(input_tokens=400, output_tokens=60), latency_ms=1000)


_REPLY = _reply()


def stock_per_s(url: str, job: Callable[..., object], *words: object) -> float:
    """Jobs per second of RQ's own Worker, as it comes: a fork a job."""
    connection = redis.Redis.from_url(url)
    queue = Queue(f"stock-{job.__name__}", connection=connection)
    worker = Worker([queue], connection=connection)
    for _ in range(STOCK_JOBS):
        queue.enqueue(job, *words)
    started = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return STOCK_JOBS / (time.perf_counter() - started)


def measure(house: Bench) -> None:
    settings = house.settings_for(concurrency=2000)
    asyncio.run(publish(settings))
    stock = stock_per_s(house.server.url, rq_jobs.call_litellm, house.provider_url)
    stock_waiting = stock_per_s(house.server.url, rq_jobs.only_wait, CALL_S)
    waiting = 6000 / asyncio.run(submit_and_run(settings, tasks=6000, at_once=1500, llm=Waiting())).wall_s
    real = 1000 / asyncio.run(submit_and_run(settings, tasks=1000, at_once=400)).wall_s
    print(f"through litellm: {real:.0f} tasks/s, stock RQ {stock:.2f}/s: {real / stock:.0f}x (target 60x)")
    print(
        f"a model that only waits: {waiting:.0f} tasks/s, stock RQ {stock_waiting:.2f}/s: "
        f"{waiting / stock_waiting:.0f}x (target 400x)"
    )


def main() -> None:
    rq_jobs.preload()
    with open(os.devnull, "w") as nowhere, bench(latency_s=CALL_S) as house:
        log.configure("info", console=False, stream=nowhere)
        measure(house)


if __name__ == "__main__":
    main()
