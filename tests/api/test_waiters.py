"""A thousand callers who wait at one process for their answers: all get them, each its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import redis
from fastapi import FastAPI

from router.call import Answer, Call
from router.io.embedded import EmbeddedServer
from tests.api.served import served
from tests.builders import a_policy, a_reply
from tests.waiting import until
from tests.workers.floor import Floor, Gated

WAITERS = 1000
TOLD_S = 55


def echoed(call: Call) -> Answer:
    """Say what was asked: whoever gets another's answer shows."""
    asked = call.messages[-1]["content"]
    return a_reply({"merchant": asked, "total": 1.0}) if call.response_schema else a_reply(asked, sure=None)


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, Gated(echoed))
    await floor.store.publish([a_policy(), a_policy(policy="free", output={"text": {}}, checks=[])])
    yield floor
    await floor.close()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[aiohttp.ClientSession]:
    """A client on as many connections as it has requests; httpx is slow with a thousand."""
    async with served(app) as url:
        limits = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(url, connector=limits, timeout=aiohttp.ClientTimeout(90)) as session:
            yield session


async def submitted_and_waited(http: aiohttp.ClientSession, name: str) -> Any:
    body = {"policy": "receipts", "input": {"text": name}}
    async with http.post("/v1/tasks", params={"wait": TOLD_S}, json=body) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["output"]["merchant"]


async def polled(http: aiohttp.ClientSession, name: str) -> Any:
    async with http.post("/v1/tasks", json={"policy": "receipts", "input": {"text": name}}) as answer:
        task = (await answer.json())["id"]
    async with http.get(f"/v1/tasks/{task}", params={"wait": TOLD_S}) as answer:
        return (await answer.json())["output"]["merchant"]


async def chatted(http: aiohttp.ClientSession, name: str) -> Any:
    body = {"model": "policy/free", "messages": [{"role": "user", "content": name}]}
    async with http.post("/v1/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["choices"][0]["message"]["content"]


async def streamed(http: aiohttp.ClientSession, name: str) -> Any:
    body = {"model": "policy/free", "messages": [{"role": "user", "content": name}], "stream": True}
    async with http.post("/v1/chat/completions", json=body) as answer:
        text = await answer.text()
    return name if f'"{name}"' in text and text.rstrip().endswith("[DONE]") else text


@pytest.mark.parametrize("way", [submitted_and_waited, polled, chatted, streamed])
async def test_a_thousand_waiters_get_their_answers(
    http: aiohttp.ClientSession, app: FastAPI, floor: Floor, raw: redis.Redis, way: Any
) -> None:
    """While a thousand wait, the process answers others; then all are told, by few connections to Redis."""
    names = [f"caller-{number}" for number in range(WAITERS)]
    async with floor.shift("mini", at_once=2 * WAITERS, concurrency=2 * WAITERS):
        waiting = [asyncio.create_task(way(http, name)) for name in names]
        await until(lambda: len(floor.llm.calls) == WAITERS, timeout_s=60)
        connections = raw.info("clients")["connected_clients"]
        async with http.get("/livez") as answer:
            assert answer.status == 200
        assert not any(task.done() for task in waiting)

        floor.llm.open()

        assert await asyncio.gather(*waiting) == names
    assert connections < WAITERS / 10


async def test_waiters_that_leave_are_forgotten(http: aiohttp.ClientSession, app: FastAPI, floor: Floor) -> None:
    """Those who hang up before their answer leave nothing behind: the next thousand are served as well."""
    async with floor.shift("mini", at_once=2 * WAITERS, concurrency=2 * WAITERS):
        leaving = [asyncio.create_task(submitted_and_waited(http, f"gone-{n}")) for n in range(200)]
        await until(lambda: len(floor.llm.calls) == 200, timeout_s=60)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        floor.llm.open()

        names = [f"stays-{n}" for n in range(200)]
        assert await asyncio.gather(*(submitted_and_waited(http, name) for name in names)) == names
