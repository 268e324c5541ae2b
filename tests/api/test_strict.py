"""Bodies are bounded, and strict JSON, whichever route takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from router.api import problems, strays
from router.api.strict import BODY_MAX, MARKS_MAX, StrictRoute

JSON = {"content-type": "application/json"}


class Body(BaseModel):
    words: list[Any]


@asynccontextmanager
async def counting(route_class: type[StrictRoute]) -> AsyncIterator[httpx.AsyncClient]:
    """An application with one route, which counts what it was sent."""
    routes = APIRouter(route_class=route_class)

    @routes.post("/count")
    async def count(body: Body) -> int:
        return len(body.words)

    app = FastAPI()
    app.include_router(routes)
    strays.install(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router") as client:
        yield client


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """As every route of ours has it."""
    async with counting(StrictRoute) as client:
        yield client


async def test_takes_json(http: httpx.AsyncClient) -> None:
    """A sound body arrives as it was sent."""
    answer = await http.post("/count", json={"words": ["a", "b"]})

    assert (answer.status_code, answer.json()) == (200, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"words": [NaN]}', "NaN"),
        (b'{"words": [], "words": []}', "duplicate"),
        (b'{"words": [1e999]}', "1e999"),
        (b'{"words": ["\\ud800"]}', "surrogate"),
        (b'{"words": ["\xff"]}', "not UTF-8"),
        (b'{"words": [' + b"[" * 70 + b"]" * 70 + b"]}", "64"),
        (b'{"words": [1', "ends"),
        (b"", "missing"),
        (b"null", "must be an object"),
        (b"[]", "must be an object"),
    ],
)
async def test_refuses_what_is_not_strict_json(http: httpx.AsyncClient, body: bytes, said: str) -> None:
    """What other parsers let pass is refused with the reason, and as a problem."""
    answer = await http.post("/count", content=body, headers=JSON)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_refuses_other_content_types(http: httpx.AsyncClient, kind: str) -> None:
    """A body that does not say that it is JSON is not taken for it."""
    answer = await http.post("/count", content=b'{"words": []}', headers={"content-type": kind})

    assert (answer.status_code, answer.json()["code"]) == (415, "content_type")


async def test_refuses_compressed_bodies(http: httpx.AsyncClient) -> None:
    """A few bytes cannot become gigabytes here."""
    answer = await http.post("/count", content=b"x", headers=JSON | {"content-encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding")


async def test_refuses_a_body_that_says_it_is_too_large(http: httpx.AsyncClient) -> None:
    """It is refused before a byte of it is read."""
    answer = await http.post("/count", content=b"", headers=JSON | {"content-length": str(BODY_MAX + 1)})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_refuses_a_body_that_turns_out_too_large(http: httpx.AsyncClient) -> None:
    """A body without a length is counted as it comes, and left when it is too much."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * BODY_MAX:
            sent += 2**20
            yield b" " * 2**20

    answer = await http.post("/count", content=endless(), headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert sent <= BODY_MAX + 2**21


async def test_a_body_that_does_not_come_is_given_up() -> None:
    """There is an end to waiting: the client is told so."""

    class Hasty(StrictRoute):
        body_s = 0.05

    async def stuck() -> AsyncIterator[bytes]:
        yield b'{"words"'
        await asyncio.Event().wait()

    async with counting(Hasty) as http:
        answer = await http.post("/count", content=stuck(), headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (408, "body_slow")


async def test_large_bodies_are_as_strict(http: httpx.AsyncClient) -> None:
    """A body that is parsed beside the event loop meets the same rules."""
    large = b'{"words": ["' + b"x" * 300_000 + b'", NaN]}'
    sound = large.replace(b"NaN", b"1")

    assert (await http.post("/count", content=large, headers=JSON)).status_code == 422
    assert (await http.post("/count", content=sound, headers=JSON)).json() == 2


@pytest.mark.parametrize("value", ["{}", "[]", '""', "1"])
async def test_values_are_counted_before_they_are_held(http: httpx.AsyncClient, value: str) -> None:
    """A body may be large, but not of millions of values, which would take a hundred times its size."""
    body = f'{{"words": [{",".join([value] * MARKS_MAX)}]}}'.encode()

    answer = await http.post("/count", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert f"more than {MARKS_MAX:,} values" in answer.json()["detail"]


async def test_commas_within_a_text_are_no_values(http: httpx.AsyncClient) -> None:
    """A long text counts once, whatever it holds."""
    answer = await http.post("/count", json={"words": [',[{\\"' * MARKS_MAX]})

    assert (answer.status_code, answer.json()) == (200, 1)
