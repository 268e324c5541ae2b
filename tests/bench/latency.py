"""
What the way through the service adds to a call: p50 and p99 of submit to result, against a direct litellm call.

Arrivals are evenly spaced, so that as many calls are in flight as wanted without coming in bursts. LiteLLM's Router and
cascadeflow are measured in the same run, the latter where it is installed (`pip install cascadeflow`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from router import log
from router.async_client import AsyncClient
from router.settings import Settings
from tests.gang import Gang, environment, launch
from tests.waiting import until

from .house import Bench, bench
from .provider import RECEIPT

LATENCY_S = {50: 1.0, 200: 2.0, 500: 5.0}
"""Of the provider, by calls in flight: a hundred calls a second at most, which one core can bear."""
ROUNDS = 3
ADDED_MS = 15
_MESSAGES = [{"role": "user", "content": RECEIPT}]

Ask = Callable[[int], Awaitable[object]]
Way = Callable[["Place"], "Any"]


@dataclass(frozen=True)
class Place:
    """Where the provider and the service are."""

    house: Bench
    settings: Settings
    http: str


async def latencies_ms(ask: Ask, *, in_flight: int, latency_s: float) -> list[float]:
    """How long each call took once *in_flight* of them are under way."""
    pause_s = latency_s / in_flight
    took: list[float] = []

    async def one(number: int) -> None:
        started = time.perf_counter()
        await ask(number)
        if number >= in_flight:
            took.append((time.perf_counter() - started) * 1000)

    begun = time.perf_counter()
    calls = []
    for number in range(in_flight * ROUNDS):
        await asyncio.sleep(max(0.0, begun + number * pause_s - time.perf_counter()))
        calls.append(asyncio.create_task(one(number)))
    await asyncio.gather(*calls)
    return took


@asynccontextmanager
async def direct(place: Place) -> AsyncIterator[Ask]:
    """litellm as its documentation calls it."""
    from router.io.litellm_llm import litellm

    async def ask(_: int) -> object:
        return await litellm.acompletion(
            model="openai/gpt-4o-mini",
            messages=_MESSAGES,
            api_base=place.house.provider_url,
            api_key="none",
            max_tokens=1200,
            num_retries=0,
            max_retries=0,
        )

    yield ask


@asynccontextmanager
async def litellm_router(place: Place) -> AsyncIterator[Ask]:
    """LiteLLM's own router over one deployment."""
    from router.io.litellm_llm import litellm

    where = {"model": "openai/gpt-4o-mini", "api_base": place.house.provider_url, "api_key": "none"}
    router = litellm.Router(model_list=[{"model_name": "mini", "litellm_params": where}], num_retries=0)

    async def ask(_: int) -> object:
        return await router.acompletion(model="mini", messages=_MESSAGES, max_tokens=1200)

    yield ask


@asynccontextmanager
async def cascadeflow(place: Place) -> AsyncIterator[Ask]:
    """A cascade of two models, the first of which is good enough."""
    from cascadeflow import CascadeAgent, ModelConfig

    names = (("gpt-4o-mini", 0.0004), ("gpt-4o", 0.006))
    models = [ModelConfig(name=name, cost=cost, provider="openai", api_key="none") for name, cost in names]
    agent = CascadeAgent(models=models)
    for provider in (*agent.providers.values(), *agent.model_providers.values()):
        provider.base_url = place.house.provider_url

    async def ask(_: int) -> object:
        result = await agent.run(RECEIPT, max_tokens=1200)
        assert "Corner Deli" in result.content, "cascadeflow answers its own errors with a text"
        return result

    yield ask


@asynccontextmanager
async def client(place: Place) -> AsyncIterator[Ask]:
    """Our Python client: submit, and wait for the result."""
    async with AsyncClient(place.settings.redis_url, prefix=place.settings.prefix) as router:

        async def ask(number: int) -> object:
            return (await router.run("receipts", {"text": f"{RECEIPT}\n{number}"})).unwrap()

        yield ask


@asynccontextmanager
async def chat(place: Place) -> AsyncIterator[Ask]:
    """A chat completion over HTTP."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(number: int) -> object:
            asked = [{"role": "user", "content": f"{RECEIPT}\n{number}"}]
            body = {"model": "policy/receipts", "messages": asked}
            async with session.post(f"{place.http}/v1/chat/completions", json=body) as answer:
                answer.raise_for_status()
                return await answer.json()

        yield ask


WAYS: dict[str, Way] = {
    "direct litellm": direct,
    "our client": client,
    "our HTTP": chat,
    "LiteLLM's Router": litellm_router,
    "cascadeflow": cascadeflow,
}


@asynccontextmanager
async def open_place(latency_s: float, *, concurrency: int) -> AsyncIterator[Place]:
    """A provider that slow, an embedded server, workers and HTTP, each a process of its own."""
    async with AsyncExitStack() as stack:
        house = stack.enter_context(bench(latency_s=latency_s))
        settings = house.settings_for(concurrency=concurrency)
        gang = stack.enter_context(Gang(settings, house.folder / "gang"))
        ready = house.folder / "http.url"
        words = ("api", "--insecure", "--port", "0", "--ready-file", str(ready))
        service = launch("router.cli", *words, env=environment(settings), log=house.folder / "http.log")
        stack.callback(service.wait)
        stack.callback(service.send_signal, signal.SIGTERM)
        await until(lambda: gang.events("shift.started") and ready.exists() and ready.read_text())
        yield Place(house, settings, ready.read_text())


async def measure(in_flight: int, latency_s: float) -> float:
    """Print one table; returns what our client adds to the median, in ms."""
    found: dict[str, list[float]] = {}
    async with open_place(latency_s, concurrency=2 * in_flight) as place:
        for name, way in WAYS.items():
            try:
                async with way(place) as ask:
                    await ask(-1)
                    found[name] = await latencies_ms(ask, in_flight=in_flight, latency_s=latency_s)
            except ImportError:
                print(f"  {name}: not installed")
    bare = found["direct litellm"]
    print(f"{in_flight} in flight, a provider that takes {latency_s:.0f} s: added to it, and to direct litellm")
    for name, took in found.items():
        p50, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
        more, more_99 = p50 - statistics.median(bare), p99 - statistics.quantiles(bare, n=100)[98]
        own, own_99 = p50 - latency_s * 1000, p99 - latency_s * 1000
        print(f"  {name:<18} p50 +{own:6.1f} ms ({more:+6.1f})   p99 +{own_99:6.1f} ms ({more_99:+6.1f})")
    return statistics.median(found["our client"]) - statistics.median(bare)


def main() -> None:
    with open(os.devnull, "w") as nowhere:
        log.configure("info", console=False, stream=nowhere)
        added = {count: asyncio.run(measure(count, latency_s)) for count, latency_s in LATENCY_S.items()}
    print(f"our client adds {added[50]:.1f} ms to the median at 50 in flight (target {ADDED_MS} ms)")


if __name__ == "__main__":
    sys.exit(main())
