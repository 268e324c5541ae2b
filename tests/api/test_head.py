"""Heads of requests are bounded: strangers send them, too."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from router import log
from router.api.head import HEAD_MAX, BoundedHead
from tests.api.served import heard

START = b"GET /livez HTTP/1.1\r\nhost: router\r\n"
HEADER = b"x-more: " + b"a" * 8000 + b"\r\n"
TASK = b"POST /v1/tasks HTTP/1.1\r\nhost: router\r\ncontent-type: application/json\r\n"
NOWHERE = TASK.replace(b"tasks", b"nowhere")
CHUNKS = b"transfer-encoding: chunked\r\n\r\n"
BODY = b'{"policy": "none", "input": {}}'
OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
LAST = START + b"connection: close\r\n\r\n"


class Hasty(BoundedHead):
    """Waits for nobody."""

    head_s = 0.05


@pytest.fixture
def reader() -> type[BoundedHead]:
    return BoundedHead


@pytest.fixture
async def port(app: FastAPI, reader: type[BoundedHead]) -> AsyncIterator[int]:
    """The service behind that reader of heads, on a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=reader, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


async def test_ordinary_requests_are_answered_one_after_the_other(port: int) -> None:
    """Also when they come in one piece, after a body, or with headers of some length."""
    body = b"POST /livez HTTP/1.1\r\nhost: router\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    last = START + HEADER * 4 + b"connection: close\r\n\r\n"

    said = await heard(port, START + b"\r\n" + START + b"\r\n" + body, last)

    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"405", b"200"]


@pytest.mark.parametrize("endless", [HEADER * 9, b"x-more: " + b"a" * HEAD_MAX], ids=["headers", "one header"])
async def test_a_head_without_end_is_refused(port: int, endless: bytes) -> None:
    """Nobody, with a key or without, fills the memory with headers."""
    said = await heard(port, (START + endless)[:HEAD_MAX], b"a")

    assert b"431 Request Header Fields Too Large" in said
    assert b"head_too_large" in said


@pytest.mark.parametrize(
    "around", [b"1;" + b"a" * HEAD_MAX * 2, b"1\r\nx\r\n0\r\n" + HEADER * 16], ids=["size", "trailer"]
)
async def test_what_stands_around_a_body_without_end_is_refused(port: int, around: bytes) -> None:
    """As a head is: what follows the last chunk, or a chunk's size, fills no memory."""
    said = await heard(port, TASK + CHUNKS + around)

    assert said.count(b"HTTP/1.1 ") == 1
    assert b"431 Request Header Fields Too Large" in said


async def test_small_chunks_and_a_trailer_are_taken(port: int) -> None:
    """A body in many pieces has more around it than in it, and is none the worse."""
    chunks = b"".join(b"1;note=" + b"a" * 5000 + b"\r\n" + BODY[at : at + 1] + b"\r\n" for at in range(len(BODY)))

    said = await heard(port, TASK + CHUNKS, chunks + b"0\r\nx-sum: 1\r\n\r\n" + LAST)

    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"404", b"200"]
    assert b"unknown_policy" in said


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (b"hello\r\n\r\n", "Invalid method"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "TLS is not spoken here"),
        (START + b"no header\r\n\r\n", "Invalid header token"),
        (TASK + b"content-length: 1\r\n" + CHUNKS, "Transfer-Encoding"),
        (TASK + CHUNKS + b"x\r\n", "chunk size"),
        (b"CONNECT example.com:443 HTTP/1.1\r\nhost: router\r\n\r\n", "proxies"),
    ],
    ids=["a word", "TLS", "a header", "two lengths", "a chunk", "a tunnel"],
)
async def test_what_cannot_be_read_is_a_problem_like_any_other(
    port: int, tmp_path: Path, asked: bytes, why: str
) -> None:
    """With OpenAI's `error`, an id, and a line in the log; then the connection is closed."""
    with (tmp_path / "log").open("w") as stream:
        log.configure("info", console=False, stream=stream)
        head, _, body = (await heard(port, asked)).partition(b"\r\n\r\n")
        log.configure("error")
    told, lines = json.loads(body), [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    answered = [line for line in lines if line["event"] == "http.answered" and line["request"] == told["instance"]]

    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"connection: close" in head
    assert (told["code"], told["error"]["code"], why in told["detail"]) == ("bad_request", "bad_request", True)
    assert f"x-request-id: {told['instance']}".encode() in head
    assert [(line["status"], line["route"]) for line in answered] == [(400, "unknown")]


async def test_what_was_asked_before_is_answered_first(port: int) -> None:
    """What cannot be read, at whatever place of a request, is told in its turn."""
    broken = (b"oops\r\n\r\n", TASK + CHUNKS + b"x\r\n")

    said = [await heard(port, (START + b"\r\n") * 2 + last) for last in broken]

    assert [[part[:3] for part in one.split(b"HTTP/1.1 ")[1:]] for one in said] == [[b"200", b"200", b"400"]] * 2


async def test_an_answer_that_has_begun_is_not_broken_into(port: int) -> None:
    """Where a body goes wrong that is answered while it is read, the connection ends, and says nothing else."""
    batch = b"POST /v1/tasks:batch HTTP/1.1\r\nhost: router\r\ncontent-type: application/jsonl\r\n" + CHUNKS
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
    outgoing.write(batch + b"3\r\n{a\n\r\n")
    begun = await incoming.readuntil(b"line 1, column 2")

    outgoing.write(b"x\r\n")
    rest = await incoming.read()
    outgoing.close()

    assert begun.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1" not in rest and b"bad_request" not in rest


@pytest.mark.parametrize("at", [0, 10, len(BODY)])
async def test_who_offers_another_protocol_is_answered_in_this_one(port: int, at: int) -> None:
    """As Java's client does with every request: its body is read, and so is the next request."""
    head = TASK + OFFER + b"content-length: %d\r\n\r\n" % len(BODY)

    said = await heard(port, head + BODY[:at], BODY[at:] + LAST)

    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"404", b"200"]
    assert b"unknown_policy" in said


@pytest.mark.parametrize("reader", [Hasty])
@pytest.mark.parametrize(
    "begun",
    [b"", START, START + b"\r\n" + START, NOWHERE + CHUNKS + b"1\r\nx\r\n"],
    ids=["nothing", "a half", "one and a half", "half a body"],
)
async def test_who_does_not_say_what_is_asked_is_let_go(port: int, begun: bytes) -> None:
    """A connection that says nothing, or never comes to an end with what it has begun to say, does not stay."""
    said = await heard(port, begun)

    assert said.count(b"HTTP/1.1 ") == (b"\r\n\r\n" in begun)


@pytest.mark.parametrize("reader", [Hasty])
async def test_blank_lines_keep_no_connection(port: int) -> None:
    """They may stand before a request, and are none."""
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
    outgoing.write(START + b"\r\n")
    await incoming.readuntil(b'"ok"}')

    outgoing.write(b"\r\n")
    rest = await incoming.read()
    outgoing.close()

    assert rest == b""
