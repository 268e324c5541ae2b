"""A stream or a wait does not outlive its caller's key, whichever way that ended; others' go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import redis
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from router.api.backend import Backend
from router.api.caller import KNOWN_S, Door
from router.api.problems import Refused
from router.api.stay import Staying, Stays
from router.apikey import Scope, Token
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded
from tests.api.served import a_client, served
from tests.builders import a_policy, a_submission
from tests.waiting import until

LOOK_S = 0.01
EXPIRES_MS = 4_000


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    """A service that has a task of two tenants each, and looks at keys often."""
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        made.app.state.door = Door(made.backend, clock_s=made.clock, look_s=LOOK_S)
        await made.backend.store.publish([a_policy(), a_policy(policy="free", output={"text": {}}, checks=[])])
        await made.backend.store.submit([a_submission(f"of-{tenant}", tenant=tenant) for tenant in ("acme", "bolt")])
        yield made


def asked(guarded: Guarded, token: Token, verb: str, path: str, **more: Any) -> Coroutine[Any, Any, httpx.Response]:
    return guarded.http.request(verb, path, headers={"authorization": f"Bearer {token.text}"}, **more)


def listening(guarded: Guarded) -> int:
    return int(guarded.app.state.newsroom.listening)


@asynccontextmanager
async def answered(*asked: Coroutine[Any, Any, httpx.Response]) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """Requests, each in a task of its own as a server has them; those that are not answered are left at the end."""
    tasks = [asyncio.create_task(one) for one in asked]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def streamed(guarded: Guarded, token: Token, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream over a real socket, as they come."""
    headers = {"authorization": f"Bearer {token.text}"}
    async with served(guarded.app) as url, a_client(url) as client, client.stream("GET", path, headers=headers) as said:
        assert said.status_code == 200
        yield said.aiter_lines()


async def waiting_for(backend: Backend, count: int) -> None:
    """Return once so many of this process's requests wait for a task."""
    await until(lambda: len(backend.client._woken) >= count)


async def waiting(backend: Backend) -> int:
    """How many tasks of acme's have not ended."""
    return (await backend.client.pressure("mini", "acme")).waiting


async def until_waiting(backend: Backend, count: int) -> None:
    async with asyncio.timeout(30):
        while await waiting(backend) < count:
            await asyncio.sleep(0)


async def test_what_goes_on_ends_when_its_key_is_revoked(guarded: Guarded) -> None:
    """A stream ends, and who waits for an answer is refused; the tasks go on, and so do others' streams."""
    mine, others = await guarded.key("acme", Scope.READ, Scope.SUBMIT), await guarded.key("bolt", Scope.READ)
    chat = {"model": "policy/free", "messages": [{"role": "user", "content": "hello"}]}
    async with (
        streamed(guarded, mine, "/v1/tasks/of-acme/events") as lines,
        answered(
            asked(guarded, mine, "GET", "/v1/tasks/of-acme?wait=60"),
            asked(guarded, mine, "POST", "/v1/chat/completions", json=chat),
            asked(guarded, others, "GET", "/v1/tasks/of-bolt/events"),
        ) as (wait, completion, theirs),
    ):
        assert "event: task.stands" in [await anext(lines), await anext(lines)]
        await until(lambda: listening(guarded) == 2)
        await waiting_for(guarded.backend, 2)
        await guarded.backend.link.run(guarded.commands.revoke(mine.id))
        guarded.clock.s += KNOWN_S

        assert not [line async for line in lines if line.startswith("event:")]
        assert [(await one).status_code for one in (wait, completion)] == [401, 401]
        assert (await wait).json()["code"] == "unauthorized"
        assert (theirs.done(), listening(guarded)) == (False, 1)
    states = [task.state for task in await guarded.backend.client.summaries(["of-acme", "of-bolt"])]
    assert states == ["ready", "ready"]


async def test_of_a_batch_nothing_more_is_taken_in(guarded: Guarded) -> None:
    """What was answered until its key was revoked stays; lines that come later are nobody's."""
    token = await guarded.key("acme", Scope.SUBMIT)
    line = json.dumps({"policy": "receipts", "input": {"text": "ACME"}}).encode() + b"\n"
    sent, goes_on = asyncio.Event(), asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield line
        sent.set()
        await goes_on.wait()
        yield line

    headers = {"authorization": f"Bearer {token.text}", "content-type": "application/jsonl"}
    async with answered(guarded.http.post("/v1/tasks:batch", content=lines(), headers=headers)) as (batch,):
        await sent.wait()
        await until_waiting(guarded.backend, 2)
        await guarded.backend.link.run(guarded.commands.revoke(token.id))
        guarded.clock.s += KNOWN_S
        said = (await batch).text
        goes_on.set()

    assert (said.count('"id"'), len(said.splitlines())) == (1, 1)
    assert await waiting(guarded.backend) == 2


async def test_what_goes_on_ends_when_its_key_expires(guarded: Guarded) -> None:
    """By the clock of the store, and its holder is told so."""
    token = await guarded.key("acme", Scope.READ, expires_ms=EXPIRES_MS)
    async with answered(asked(guarded, token, "GET", "/v1/tasks/of-acme?wait=60")) as (wait,):
        await waiting_for(guarded.backend, 1)
        guarded.clock.s += EXPIRES_MS / 1000

        assert (await wait).status_code == 401
        assert "expired" in (await wait).json()["detail"]


@pytest.mark.parametrize(
    ("field", "value", "status"), [("format", "99", 503), ("scopes", "read replay", 503), ("created", "soon", 500)]
)
async def test_a_key_that_cannot_be_read_keeps_nobody_else(
    guarded: Guarded, raw: redis.Redis, field: str, value: str, status: int
) -> None:
    """What it opened ends; that of another key that is revoked afterwards ends as well."""
    odd, mine = await guarded.key("bolt", Scope.READ), await guarded.key("acme", Scope.READ)
    async with answered(
        asked(guarded, odd, "GET", "/v1/tasks/of-bolt?wait=60"),
        asked(guarded, mine, "GET", "/v1/tasks/of-acme?wait=60"),
    ) as (theirs, wait):
        await waiting_for(guarded.backend, 2)
        raw.hset(f"{guarded.commands.keys.prefix}key:{odd.id}", field, value)
        guarded.clock.s += KNOWN_S
        assert (await theirs).status_code == status
        assert not wait.done()

        await guarded.backend.link.run(guarded.commands.revoke(mine.id))
        guarded.clock.s += KNOWN_S
        assert (await wait).status_code == 401


async def test_who_does_not_hear_why_is_let_go() -> None:
    """A client that reads nothing any more does not keep its request."""
    stays = Stays(refusing, look_s=LOOK_S)

    async def stream(scope: AsgiScope, _receive: Receive, send: Send) -> None:
        stays.begin(scope, "key")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"line", "more_body": True})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(Staying(stream, say_s=0.01)({"type": "http"}, nothing, send))
    assert not stays._here


async def refusing(_key_id: str) -> Refused:
    return Refused(401, "unauthorized", "this key was revoked")


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def test_who_has_been_answered_is_forgotten(guarded: Guarded) -> None:
    """A key that ends afterwards ends nothing, and nothing is looked at any more."""
    token = await guarded.key("acme", Scope.READ)
    stays = guarded.app.state.door._stays

    answers = [await asked(guarded, token, "GET", "/v1/tasks/of-acme") for _ in range(3)]
    await guarded.backend.link.run(guarded.commands.revoke(token.id))
    guarded.clock.s += KNOWN_S

    assert [answer.status_code for answer in answers] == [200] * 3
    await until(lambda: stays._looking is None)
    assert not stays._here
