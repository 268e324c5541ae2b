"""A task's moves, live over a real socket: heard by any number of listeners, and gone on with where they left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.decision import Review
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.served import a_client, served
from tests.builders import DOUBTFUL, GOOD, a_policy, a_submission, an_attempt
from tests.frozen import frozen
from tests.waiting import until
from tests.workers.floor import Floor, Gated


@dataclass(frozen=True)
class Told:
    """One event as a client sees it."""

    id: str
    kind: str
    data: dict[str, Any]


class Ear:
    """Reads a stream of events as it comes."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> Told | None:
        """The next event, comments passed over; None at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line and fields:
                return Told(fields["id"], fields["event"], json.loads(fields["data"]))
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        return None

    async def rest(self) -> list[Told]:
        found = []
        while (told := await self.next()) is not None:
            found.append(told)
        return found


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    """Workers beside the service: mini doubts, small is sure; nobody answers before the test says so."""
    floor = Floor(server.url, prefix, None, Gated(lambda call: DOUBTFUL if call.tier == "mini" else GOOD))
    await floor.store.publish([a_policy()])
    yield floor
    await floor.close()


@pytest.fixture
async def client(app: FastAPI, floor: Floor) -> AsyncIterator[httpx.AsyncClient]:
    async with served(app) as url, a_client(url) as client:
        yield client


@asynccontextmanager
async def listening(client: httpx.AsyncClient, task_id: str, *, after: str | None = None) -> AsyncIterator[Ear]:
    headers = {"last-event-id": after} if after is not None else {}
    async with client.stream("GET", f"/v1/tasks/{task_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Ear(answer)


async def test_tells_how_a_task_stands_and_then_its_moves(client: httpx.AsyncClient, floor: Floor) -> None:
    """The climb as it happens, and the end; after it nothing more comes."""
    await floor.submit("t1")
    async with listening(client, "t1") as ear:
        stands = await ear.next()
        assert stands is not None
        assert (stands.kind, stands.data["status"], stands.data["tier"]) == ("task.stands", "ready", "mini")
        floor.llm.open()
        async with floor.shift("mini", "small"):
            moved, succeeded, nothing = await ear.next(), await ear.next(), await ear.next()

    assert moved is not None and succeeded is not None
    assert (moved.kind, moved.data["from"], moved.data["to"]) == ("task.moved", "mini", "small")
    assert moved.data["reason"] == "mini: confidence unsure"
    assert (succeeded.kind, succeeded.data["status"], nothing) == ("task.succeeded", "succeeded", None)


async def test_goes_on_after_the_last_event_that_was_heard(client: httpx.AsyncClient, floor: Floor) -> None:
    """What was missed is told once, in order, and what was heard is not told again."""
    await floor.submit("t1")
    async with listening(client, "t1") as ear:
        stands = await ear.next()
    assert stands is not None
    floor.llm.open()
    async with floor.shift("mini", "small"):
        await client.get("/v1/tasks/t1", params={"wait": 30})

    async with listening(client, "t1", after=stands.id) as ear:
        missed = await ear.rest()
    async with listening(client, "t1", after=missed[0].id) as ear:
        rest = await ear.rest()

    assert [told.kind for told in missed] == ["task.moved", "task.succeeded"]
    assert rest == missed[1:]


async def test_goes_on_at_another_process(client: httpx.AsyncClient, backend: Backend, floor: Floor) -> None:
    """Ids are those of the service: one process ended, and the next one, which saw nothing of it, tells the rest."""
    await floor.submit("t1")
    async with listening(client, "t1") as ear:
        stands = await ear.next()
    assert stands is not None
    floor.llm.open()
    async with floor.shift("mini", "small"):
        await client.get("/v1/tasks/t1", params={"wait": 30})

    async with (
        open_backend(backend.settings, insecure=True) as other,
        served(create_app(other)) as url,
        a_client(url) as later,
        listening(later, "t1", after=stands.id) as ear,
    ):
        missed = await ear.rest()

    assert [told.kind for told in missed] == ["task.moved", "task.succeeded"]


async def test_whoever_was_away_too_long_is_told_how_it_stands(client: httpx.AsyncClient, floor: Floor) -> None:
    """Where what was missed is not known any more, the task's state is told instead."""
    names = [f"t{number}" for number in range(2100)]
    await floor.submit(*names)
    await asyncio.gather(*(floor.store.cancel(name) for name in names))

    async with listening(client, "t1", after="1-1") as long, listening(client, "t1", after="nonsense") as never:
        told = [*await long.rest(), *await never.rest()]

    assert [(one.kind, one.data["status"]) for one in told] == [("task.stands", "cancelled")] * 2


async def test_an_event_that_is_not_known_yet_is_no_place_to_go_on_from(
    client: httpx.AsyncClient, floor: Floor
) -> None:
    """Whoever names one, perhaps of a server that was set up anew, is told how the task stands."""
    await floor.submit("t1")

    async with listening(client, "t1", after="9999999999999-0") as ear:
        stands = await ear.next()
        await floor.store.cancel("t1")
        (ended,) = await ear.rest()

    assert stands is not None
    assert (stands.kind, stands.data["status"], ended.kind) == ("task.stands", "ready", "task.cancelled")


async def test_what_has_ended_is_told_at_once(client: httpx.AsyncClient, floor: Floor) -> None:
    """And the stream ends: nobody waits for what has been."""
    await floor.submit("t1")
    await floor.store.cancel("t1")

    async with listening(client, "t1") as ear:
        (only,) = await ear.rest()

    assert (only.kind, only.data["status"], only.data["reason"]) == (
        "task.stands",
        "cancelled",
        "cancelled by the caller",
    )


async def test_who_comes_back_after_the_end_is_not_kept_waiting(client: httpx.AsyncClient, floor: Floor) -> None:
    """Who has heard all is told how it stands, and the stream ends before it has to say that it is still there."""
    await floor.submit("t1")
    await floor.store.cancel("t1")
    async with listening(client, "t1") as ear:
        (only,) = await ear.rest()

    again = await client.get("/v1/tasks/t1/events", headers={"last-event-id": only.id})

    assert [line for line in again.text.splitlines() if line.startswith(("event", ":"))] == ["event: task.stands"]
    assert '"status":"cancelled"' in again.text


async def test_a_review_is_told_and_waited_for(client: httpx.AsyncClient, floor: Floor) -> None:
    """A task that needs a person has not ended: the stream goes on until they decide."""
    await floor.submit("t1")
    async with listening(client, "t1") as ear:
        await ear.next()
        (claim,) = await floor.store.claim({"mini": 1}, at_most=1, token="a")
        await floor.store.finish(claim, a_policy(), an_attempt(), Review("who knows"))
        waits = await ear.next()
        resolved = await client.post("/v1/review/t1/resolve", json={"decision": "accept", "attempt": 1})
        ends = await ear.rest()

    assert waits is not None
    assert (waits.kind, resolved.json()["status"]) == ("task.review", "succeeded")
    assert [(told.kind, told.data["reason"]) for told in ends] == [("task.succeeded", "accepted by a person")]


async def test_events_quote_nothing(client: httpx.AsyncClient, floor: Floor) -> None:
    """They say what happened, never what was asked or answered."""
    await floor.submit("t1", input={"text": "CANARY"})
    async with listening(client, "t1") as ear:
        floor.llm.open()
        async with floor.shift("mini", "small"):
            told = await ear.rest()

    assert len(told) == 3
    assert "CANARY" not in repr(told) and "merchant" not in repr(told)


async def test_a_thousand_listeners_share_one_reader(
    client: httpx.AsyncClient, app: FastAPI, backend: Backend, floor: Floor
) -> None:
    """Each hears the end of its own task; the process reads the stream once, and not at all when nobody listens."""
    names = [f"t{number}" for number in range(1000)]
    await backend.store.submit([a_submission(name) for name in names])
    before = await _connections(floor)

    async def heard(name: str) -> list[str]:
        """The kinds of its events; on a bare socket, because the client's pool takes its time with a thousand."""
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(f"GET /v1/tasks/{name}/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        assert all(json.loads(line[6:])["id"] == name for line in lines if line.startswith("data: "))
        return [line[7:] for line in lines if line.startswith("event: ")]

    hearing = [asyncio.create_task(heard(name)) for name in names]
    await until(lambda: app.state.newsroom.listening == 1000)
    assert await _connections(floor) - before <= 3
    for start in range(0, 1000, 100):
        await asyncio.gather(*(backend.client.cancel(name) for name in names[start : start + 100]))

    ends = await asyncio.gather(*hearing)

    assert ends == [["task.stands", "task.cancelled"]] * 1000
    await until(lambda: app.state.newsroom.listening == 0)


async def _connections(floor: Floor) -> int:
    """How many clients the server has."""
    client = floor.link._client
    return len(await client.client_list())


async def test_a_stream_goes_on_when_the_store_hangs_for_a_while(tmp_path: Path) -> None:
    """Who listens is told that all is still there, and hears the end when Redis answers again."""
    with EmbeddedServer(tmp_path) as server:
        async with open_backend(Settings(redis_url=server.url), insecure=True) as backend:
            app = create_app(backend, silence_s=2.0)
            async with served(app) as url, a_client(url) as http:
                await backend.store.publish([a_policy()])
                await backend.store.submit([a_submission("t1")])
                async with http.stream("GET", "/v1/tasks/t1/events") as begun:
                    stands = await Ear(begun).next()
                assert stands is not None
                async with http.stream("GET", "/v1/tasks/t1/events", headers={"last-event-id": stands.id}) as answer:
                    lines = answer.aiter_lines()
                    with frozen(server):
                        comment = await anext(lines)
                    await backend.client.cancel("t1")
                    kinds = [line async for line in lines if line.startswith("event: ")]

    assert comment == ": still there"
    assert kinds == ["event: task.cancelled"]
