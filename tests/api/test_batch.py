"""Many tasks in one request, over a real socket: lines are taken in as they arrive, and each is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis
from fastapi import FastAPI, Request

from router.api.backend import Backend
from router.api.batch import LINE_MAX, LINES_MAX, Streamed, _Batch
from router.api.caller import ANYBODY
from router.api.idleness import Idleness
from router.api.pressure import Admissions
from router.producing import Order, prepare
from router.task import TaskState
from tests.api.served import a_client, elsewhere, forget, served
from tests.builders import a_policy, a_submission
from tests.waiting import until

JSONL = {"content-type": "application/jsonl"}
WHOLE = {"policy": "receipts", "input": {"text": "ACME total 12.50"}}


@pytest.fixture
async def client(app: FastAPI, backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    await backend.store.publish([a_policy(), a_policy(policy="others")])
    async with served(app) as url, a_client(url) as client:
        yield client


def line(**changes: Any) -> bytes:
    return json.dumps(WHOLE | changes).encode()


async def send(client: httpx.AsyncClient, *lines: bytes, **headers: str) -> list[dict[str, Any]]:
    answer = await client.post("/v1/tasks:batch", content=b"\n".join(lines) + b"\n", headers=JSONL | headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(text) for text in answer.text.splitlines()]


async def test_takes_each_line_in(client: httpx.AsyncClient, backend: Backend) -> None:
    """In order, each with its own policy, key and wishes; all stand in the store."""
    said = await send(client, line(), line(policy="others", priority="high"), line(key="order-1", metadata={"n": 3}))

    assert [(one["line"], one["status"]) for one in said] == [(1, "ready"), (2, "ready"), (3, "ready")]
    records = [await backend.client.read(one["id"]) for one in said]
    assert [record.task.metadata for record in records] == [{}, {}, {"n": 3}]
    assert [await backend.client.policy_name(record.task.policy) for record in records] == [
        "receipts",
        "others",
        "receipts",
    ]


async def test_bad_lines_do_not_stop_the_others(client: httpx.AsyncClient) -> None:
    """Each has a problem of its own, in its place; blank lines are passed over, and counted."""
    said = await send(
        client,
        line(),
        b"{",
        b"",
        line(policy="reciepts"),
        line(input={}),
        b'{"policy": "receipts", "input": {"text": "x"}, "inputs": 1}',
        b'{"a": 1, "a": 2}',
        b"\xff\xfe",
        b"[" * 200,
        line(key="a b"),
        line(),
    )

    assert [(one["line"], one.get("status"), one.get("problem", {}).get("code")) for one in said] == [
        (1, "ready", None),
        (2, None, "invalid"),
        (4, None, "unknown_policy"),
        (5, None, "task_invalid"),
        (6, None, "invalid"),
        (7, None, "invalid"),
        (8, None, "invalid"),
        (9, None, "invalid"),
        (10, None, "task_invalid"),
        (11, "ready", None),
    ]
    for one in said:
        if problem := one.get("problem"):
            assert problem["error"]["message"] == problem["detail"]


async def test_keys_of_lines_are_idempotent(client: httpx.AsyncClient, backend: Backend) -> None:
    """Within a batch, and when all of it is sent again; another body is told in its line."""
    first = await send(client, line(key="a"), line(key="b"), line(key="a"), line(key="b", priority="low"))
    assert first[0]["id"] == first[2]["id"] != first[1]["id"]
    assert (first[2]["replayed"], first[3]["problem"]["code"]) == (True, "idempotency_conflict")

    await backend.client.cancel(first[0]["id"])
    again = await send(client, line(key="a"), line(key="b"))

    assert [(one["id"], one["status"], one["replayed"]) for one in again] == [
        (first[0]["id"], "cancelled", True),
        (first[1]["id"], "ready", True),
    ]


async def test_takes_thousands_in_from_a_client_that_reads_nothing_meanwhile(
    client: httpx.AsyncClient, backend: Backend
) -> None:
    """A client that sends all before it reads gets all its answers, in order."""
    said = await send(client, *(line(key=f"order-{number}") for number in range(5000)))

    assert [one["line"] for one in said] == list(range(1, 5001))
    assert len({one["id"] for one in said}) == 5000
    assert (await backend.client.pressure("mini", "default")).ready == 5000


async def test_answers_while_lines_still_come(client: httpx.AsyncClient) -> None:
    """A client that sends a line and waits for its answer before the next gets it."""
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    ids: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            text = line(key=f"order-{number}")
            yield text[:10]
            yield text[10:] + b"\n"
            ids.append((await asyncio.wait_for(heard.get(), 20))["id"])

    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = (
        "POST /v1/tasks:batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/jsonl\r\ntransfer-encoding: chunked\r\n"
    )
    writer.write(f"{head}\r\n".encode())

    async def listen() -> None:
        while text := await reader.readline():
            if text.startswith(b'{"line"'):
                heard.put_nowait(json.loads(text))

    listening = asyncio.create_task(listen())
    async for chunk in body():
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    listening.cancel()
    writer.close()

    assert len(set(ids)) == 3


async def test_what_was_answered_is_taken_in_when_the_connection_breaks(
    client: httpx.AsyncClient, backend: Backend
) -> None:
    """Half a line that was sent is nobody's task; those before it are."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = (
        "POST /v1/tasks:batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/jsonl\r\ncontent-length: 100000\r\n\r\n"
    )
    writer.write(head.encode() + line(key="a") + b"\n" + line(key="b")[:-5])
    told: dict[str, Any] = {}
    while not told:
        text = await asyncio.wait_for(reader.readline(), 20)
        told = json.loads(text) if text.startswith(b'{"line"') else {}
    writer.transport.abort()

    assert (await backend.client.read(told["id"])).state is TaskState.READY
    again = await send(client, line(key="a"), line(key="b"))
    assert [one.get("replayed", False) for one in again] == [True, False]


async def test_the_last_line_needs_no_end(client: httpx.AsyncClient) -> None:
    """A body that does not end with a line break is whole all the same; an empty one has no answers."""
    whole = await client.post("/v1/tasks:batch", content=line(), headers=JSONL)
    empty = await client.post("/v1/tasks:batch", content=b"\n\n", headers=JSONL)

    assert (len(whole.text.splitlines()), empty.text) == (1, "")


async def test_a_line_is_bounded(client: httpx.AsyncClient) -> None:
    """What is too long is told, and the lines after it are taken in."""
    said = await send(client, line(), b" " * (LINE_MAX + 1), line(), b"x" * (LINE_MAX + 70_000))

    assert [one.get("problem", {}).get("code") for one in said] == [None, "line_too_long", None, "line_too_long"]


async def test_a_batch_is_bounded(client: httpx.AsyncClient) -> None:
    """After so many lines, blank ones too, the next one is told to go into another batch."""
    said = await send(client, line(), b"\n" * (LINES_MAX - 3), line(), line(), line())

    assert [(one["line"], one.get("problem", {}).get("code")) for one in said] == [
        (1, None),
        (LINES_MAX, None),
        (LINES_MAX + 1, "batch_too_long"),
    ]


async def test_answers_that_nobody_reads_are_bounded(app: FastAPI, backend: Backend) -> None:
    """
    However much is sent and refused: the batch ends with the line from which on it is to be sent again, and what else
    was sent is read, for whoever sends all before they read.
    """
    chunks = [b"{oops\n" * 100] * 100

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(), "more_body": bool(chunks)}

    request = Request({"type": "http", "headers": [], "app": app, "request_id": "r"}, receive)
    batch = _Batch(request, backend, ANYBODY, Admissions(backend), unread_max=100_000)
    lines = batch.answers()
    said = [await anext(lines)]
    await until(lambda: not chunks)
    said += [line async for line in lines]

    told = [json.loads(line) for line in said]
    assert [one["line"] for one in told] == list(range(1, len(told) + 1))
    assert {one["problem"]["code"] for one in told[:-1]} == {"invalid"}
    assert (told[-1]["problem"]["code"], len(told) < 1000) == ("batch_too_long", True)


def a_request(app: FastAPI, *bodies: bytes) -> Request:
    """Of a client that sends so much, and then neither the rest nor an end."""
    left = list(reversed(bodies))

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(), "more_body": True}

    return Request({"type": "http", "headers": [], "app": app, "request_id": "r"}, receive)


async def test_who_neither_sends_nor_reads_is_let_go(app: FastAPI, backend: Backend) -> None:
    """Nothing of its batch is left: neither answers nor who reads and takes in."""
    before = asyncio.all_tasks()
    batch = _Batch(a_request(app, b"{oops\n" * 100), backend, ANYBODY, Admissions(backend))
    answer = Streamed(batch.answers(), Idleness(seconds=0.01))

    async def send(message: Any) -> None:
        if message["type"] != "http.response.start":
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await answer({}, batch._request.receive, send)

    assert asyncio.all_tasks() == before


async def test_what_is_left_of_a_batch_that_ended_early_is_waited_for_a_while(app: FastAPI, backend: Backend) -> None:
    """Whoever sends no more and reads later has their answers, and nobody waits for the rest."""
    before = asyncio.all_tasks()
    request = a_request(app, *[b"{oops\n" * 100] * 20)
    lines = _Batch(request, backend, ANYBODY, Admissions(backend), unread_max=100_000, idle_s=0.01).answers()
    said = [await anext(lines)]

    await until(lambda: asyncio.all_tasks() == before)

    said += [line async for line in lines]
    assert json.loads(said[-1])["problem"]["code"] == "batch_too_long"
    assert [json.loads(line)["line"] for line in said] == list(range(1, len(said) + 1))


@pytest.mark.parametrize(
    "headers", [{"content-type": "application/json"}, {"content-encoding": "gzip"}, {"content-type": "text/plain"}]
)
async def test_takes_lines_of_json_alone(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Any other content is refused before a line of it is read."""
    answer = await client.post("/v1/tasks:batch", content=line(), headers=JSONL | headers)

    assert (answer.status_code, answer.json()["title"]) == (415, "Unsupported Media Type")


async def test_lines_are_refused_under_pressure_and_known_keys_are_not(
    client: httpx.AsyncClient, backend: Backend, raw: redis.Redis, prefix: str
) -> None:
    """A line that would wait for longer than its deadline has a problem, one whose key is known its task."""
    policy = a_policy()
    order = Order(key="a")
    known = prepare(await backend.client.card("receipts"), WHOLE["input"], order, reply_to=None)
    await backend.store.submit([known, a_submission(policy=policy.digest)])
    raw.set(f"{prefix}busy:mini", await backend.client.now_ms() - 1_000_000)

    said = await send(client, line(key="a"), line(), line(key="b"))

    assert said[0]["id"] == known.task_id
    assert [one.get("problem", {}).get("code") for one in said] == [
        None,
        "deadline_unreachable",
        "deadline_unreachable",
    ]


async def test_known_keys_of_lines_outlive_the_policy_of_their_time(
    client: httpx.AsyncClient, backend: Backend, raw: redis.Redis, prefix: str
) -> None:
    """A batch that is sent again is answered as it was, whatever is published now; new lines are refused."""
    first = await send(client, line(key="a"), line(key="b", policy="others"))
    narrow = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}, "required": ["text"]}
    await backend.store.publish([a_policy(input={"schema": narrow})])
    raw.delete(f"{prefix}current:others")
    async with elsewhere(backend) as later:
        again = await send(later, line(key="a"), line(key="b", policy="others"), line(), line(key="c", policy="others"))

    assert [(one.get("id"), one.get("replayed")) for one in again[:2]] == [(one["id"], True) for one in first]
    assert [one["problem"]["code"] for one in again[2:]] == ["task_invalid", "unknown_policy"]


async def test_a_line_whose_task_is_gone_says_so(client: httpx.AsyncClient, backend: Backend) -> None:
    """It is not told to be ready, for nobody will do it."""
    first = await send(client, line(key="a"))
    await forget(backend, first[0]["id"])

    again = await send(client, line(key="a"), line(key="b"))

    assert (again[0]["problem"]["status"], again[0]["problem"]["code"]) == (410, "task_gone")
    assert again[1]["status"] == "ready"
