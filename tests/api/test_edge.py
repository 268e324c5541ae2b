"""Every request has an id and a line in the log, and no surprise gets out."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from router import log
from router.api.edge import Edge


@pytest.fixture
def broken() -> FastAPI:
    """An application with a route that nobody foresaw to fail."""
    app = FastAPI()
    app.add_middleware(Edge)

    @app.get("/secret/{word}")
    async def secret(word: str) -> str:
        raise KeyError(word)

    return app


async def asked(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router") as client:
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
