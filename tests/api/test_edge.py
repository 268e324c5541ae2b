"""Every request has an id and a line in the log, and no surprise gets out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from router import log
from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.api.edge import Edge
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Command
from router.settings import Settings
from router.web.install import install
from tests.builders import a_policy
from tests.frozen import frozen


@pytest.fixture
def broken() -> FastAPI:
    """An application with a route that nobody foresaw to fail."""
    app = FastAPI()
    app.add_middleware(Edge)

    @app.get("/secret/{word}")
    async def secret(word: str) -> str:
        raise KeyError(word)

    return app


def in_process(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router", timeout=60)


async def asked(app: FastAPI, path: str) -> httpx.Response:
    async with in_process(app) as client:
        return await client.get(path)


async def test_a_surprise_is_a_problem(broken: FastAPI) -> None:
    """The caller learns the request's id, and nothing of what went wrong inside."""
    answer = await asked(broken, "/secret/canary")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["instance"] == answer.headers["x-request-id"]
    assert "canary" not in answer.text


async def test_the_log_tells_the_route_not_the_path(broken: FastAPI, tmp_path: Path) -> None:
    """Paths hold ids and whatever a caller writes into them: the log has the route's own name."""
    with (tmp_path / "log").open("w") as stream:
        log.configure("info", console=False, stream=stream)
        answer = await asked(broken, "/secret/canary?canary=1")
        log.configure("error")

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (told,) = (line for line in lines if line["event"] == "http.answered")
    assert (told["route"], told["status"], told["request"]) == (
        "/secret/{word}",
        500,
        answer.headers["x-request-id"],
    )
    assert "canary" not in str(lines)
    assert "KeyError" in lines[0]["exception"] and "in secret" in lines[0]["exception"]


async def test_ids_are_each_requests_own(http: httpx.AsyncClient) -> None:
    """No two requests share an id."""
    ids = {(await http.get("/livez")).headers["x-request-id"] for _ in range(20)}

    assert len(ids) == 20


READ = ["/", "/tasks", "/readyz", "/v1/tasks", "/v1/tasks/t1?wait=30", "/v1/tasks/t1/events", "/v1/queues", "/v1/costs"]


async def answering(backend: Backend) -> None:
    """Return once the store answers each client of the backend."""
    await asyncio.gather(backend.client.policies(), backend.store.balance(), backend.link.run(Command(("TIME",), list)))


async def test_who_asks_while_the_store_hangs_is_told_so_soon(tmp_path: Path) -> None:
    """A store that says nothing is away after the seconds of its silence, for people and programs, one by one too."""
    with EmbeddedServer(tmp_path) as server:
        async with open_backend(Settings(redis_url=server.url), insecure=True) as backend:
            patient, hasty = create_app(backend), create_app(backend, silence_s=0.5)
            install(patient)
            install(hasty)
            await backend.store.publish([a_policy()])
            before = [(await asked(patient, path)).status_code for path in READ]
            with frozen(server):
                together = await asyncio.gather(*(asked(hasty, path) for path in READ))
                alone = [await asked(hasty, path) for path in READ]
            await answering(backend)
            after = [(await asked(patient, path)).status_code for path in READ]
            while [(await asked(hasty, path)).status_code for path in READ] != before:
                await asyncio.sleep(0)  # where this machine is busy the store takes its time

    assert before == after == [200, 200, 200, 200, 404, 404, 200, 200]
    assert {answer.status_code for answer in [*together, *alone]} == {503}
    assert all(answer.json()["code"] == "store_unavailable" for answer in alone[2:])
    assert all(answer.headers["retry-after"] == "2" for answer in alone)


async def test_who_hands_in_a_task_while_the_store_hangs_is_not_left_in_doubt(tmp_path: Path) -> None:
    """What was not sent is refused, and never done; what was sent is waited for, and so is its end."""
    body = {"policy": "receipts", "input": {"text": "x"}}
    with EmbeddedServer(tmp_path) as server:
        async with open_backend(Settings(redis_url=server.url), insecure=True) as backend:
            patient, hasty = create_app(backend), create_app(backend, silence_s=0.5)
            await backend.store.publish([a_policy()])
            async with in_process(patient) as http, in_process(hasty) as hurried:
                first = (await http.post("/v1/tasks", json=body)).json()["id"]
                with frozen(server):
                    refused = [await hurried.get("/v1/tasks"), await hurried.post("/v1/tasks", json=body)]
                await answering(backend)
                listed = (await http.get("/v1/tasks")).json()["data"]

    assert [answer.status_code for answer in refused] == [503, 503]
    assert [task["id"] for task in listed] == [first]
