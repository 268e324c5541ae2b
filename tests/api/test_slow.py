"""Clients that are slow, or never come to an end, hold nobody up, and of strangers nothing is awaited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import a_guarded
from tests.api.served import a_client, served
from tests.builders import a_policy
from tests.waiting import until
from tests.workers.floor import Floor, Gated

MANY = 200
BODY = json.dumps({"policy": "receipts", "input": {"text": "x"}}).encode()
HEAD = "POST {path} HTTP/1.1\r\nhost: router\r\ncontent-type: {kind}\r\n{more}content-length: {length}\r\n\r\n"


class Line:
    """A connection on which a test says every byte itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, url: str) -> Line:
        place = urlsplit(url)
        return cls(*await asyncio.open_connection(place.hostname, place.port))

    def say(self, text: bytes) -> None:
        self.writer.write(text)

    async def status(self) -> int:
        return int((await self.reader.readline()).split()[1])

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, Gated())
    await floor.store.publish([a_policy()])
    yield floor
    await floor.close()


@pytest.fixture
async def url(app: FastAPI, floor: Floor) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


@asynccontextmanager
async def lines(url: str, count: int) -> AsyncIterator[list[Line]]:
    opened = await asyncio.gather(*(Line.to(url) for _ in range(count)))
    try:
        yield opened
    finally:
        for line in opened:
            line.close()


def head(path: str = "/v1/tasks", *, kind: str = "application/json", more: str = "", length: int = len(BODY)) -> bytes:
    return HEAD.format(path=path, kind=kind, more=more, length=length).encode()


async def others_are_served(url: str) -> None:
    """Whoever asks as one should is answered."""
    async with a_client(url) as http:
        answers = await asyncio.gather(*(http.get("/v1/tasks") for _ in range(20)))
        answers.append(await http.post("/v1/tasks", content=BODY, headers={"content-type": "application/json"}))
    assert [answer.status_code for answer in answers] == [*[200] * 20, 202]


SLOW = {
    "heads": head()[:-20],
    "bodies": head() + BODY[:5],
    "batches": head("/v1/tasks:batch", kind="application/jsonl", length=10**6) + b'{"policy": ',
    "chats": head("/v1/chat/completions") + b'{"model": ',
    "first bytes": b"P",
    "chunks": head().replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked") + b"5\r\n{",
}


@pytest.mark.parametrize("name", SLOW)
async def test_drips_hold_nobody(url: str, name: str) -> None:
    """While many requests have begun and do not go on, others are answered."""
    async with lines(url, MANY) as slow:
        for line in slow:
            line.say(SLOW[name])

        await others_are_served(url)

        assert not any(line.reader.at_eof() for line in slow)


async def test_a_dripping_body_is_taken(url: str) -> None:
    """A slow body is no wrong one."""
    async with lines(url, 1) as (slow,):
        slow.say(head())
        for byte in BODY:
            slow.say(bytes([byte]))
            await slow.writer.drain()

        assert await slow.status() == 202


async def test_of_strangers_no_body_is_read(server: EmbeddedServer, prefix: str) -> None:
    """Who has no key is told so before a body came: its size, its type and its end do not matter."""
    async with AsyncExitStack() as stack:
        guarded = await stack.enter_async_context(a_guarded(Settings(redis_url=server.url, prefix=prefix)))
        poor = await guarded.key("acme", Scope.READ)
        url = await stack.enter_async_context(served(guarded.app))
        for path in ("/v1/tasks", "/v1/tasks:batch", "/v1/chat/completions", "/v1/responses"):
            for more, status in (("", 401), (f"authorization: Bearer {poor.text}\r\n", 403)):
                async with lines(url, 1) as (stranger,):
                    stranger.say(head(path, kind="text/plain", more=more, length=10**9))

                    assert await stranger.status() == status, path


async def test_readers_that_do_not_read_hold_nobody(app: FastAPI, floor: Floor) -> None:
    """Streams that are open and never read hold up neither others nor the tasks that they are about."""
    async with served(app) as url, a_client(url) as http, lines(url, MANY) as deaf:
        task = (await http.post("/v1/tasks", content=BODY, headers={"content-type": "application/json"})).json()["id"]
        for line in deaf:
            line.say(f"GET /v1/tasks/{task}/events HTTP/1.1\r\nhost: router\r\n\r\n".encode())
        await until(lambda: app.state.newsroom.listening == MANY)

        await others_are_served(url)
        floor.llm.open()
        async with floor.shift("mini", "small", "large"):
            shown = await http.get(f"/v1/tasks/{task}", params={"wait": 30})

        assert shown.json()["status"] == "succeeded"


async def test_who_hangs_up_is_forgotten(app: FastAPI, floor: Floor) -> None:
    """A stream whose reader is gone is not told any more."""
    async with served(app) as url, a_client(url) as http:
        task = (await http.post("/v1/tasks", content=BODY, headers={"content-type": "application/json"})).json()["id"]
        async with lines(url, 20) as leaving:
            for line in leaving:
                line.say(f"GET /v1/tasks/{task}/events HTTP/1.1\r\nhost: router\r\n\r\n".encode())
            await until(lambda: app.state.newsroom.listening == 20)

        await until(lambda: app.state.newsroom.listening == 0)
        assert (await http.get(f"/v1/tasks/{task}")).status_code == 200


HOSTILE_HEADS = {
    "long line": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 50_000 + b"\r\n",
    "no http": b"SSH-2.0-x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "smuggled": b"POST /v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET",
    "two lengths": b"POST /v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "negative length": b"POST /v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
    "zero byte": b"GET /livez\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE_HEADS)
async def test_heads_that_are_no_http_end_their_connection(url: str, name: str) -> None:
    """They are answered with an error or not at all, and everybody else goes on."""
    async with lines(url, 1) as (line,):
        line.say(HOSTILE_HEADS[name])
        line.writer.write_eof()
        said = await line.reader.read()

        assert not said or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200"))
        assert b"500" not in said[:20]
    await others_are_served(url)
