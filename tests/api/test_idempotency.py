"""The same text is the same key, however it is sent."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI

from router.api.backend import Backend
from tests.api.served import heard, served
from tests.builders import a_chat, a_policy

KEY = "bestellung-für-zoë-☕"


async def sent(url: str, path: str, body: str, key: bytes) -> bytes:
    """What is answered to a request whose header has these bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: router\r\nconnection: close\r\ncontent-length: {len(body.encode())}\r\n"
    kind = f"content-type: application/{'jsonl' if path.endswith('batch') else 'json'}\r\n"
    named = b"idempotency-key: " + key + b"\r\n" if key else b""
    return await heard(int(url.rpartition(":")[2]), (head + kind).encode() + named + b"\r\n" + body.encode())


async def test_a_key_in_utf8_is_the_one_of_a_batch(app: FastAPI, backend: Backend) -> None:
    """A header's bytes are read as a body's are: the same text stands for the same task."""
    await backend.store.publish([a_policy()])
    task = {"policy": "receipts", "input": {"text": "ACME total 12.50"}}

    async with served(app) as url:
        first = await sent(url, "/v1/tasks", json.dumps(task), KEY.encode())
        again = await sent(url, "/v1/tasks:batch", json.dumps(task | {"key": KEY}) + "\n", b"")

    assert b"202 Accepted" in first
    assert b'"replayed":true' in again.replace(b" ", b"")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
async def test_a_key_in_utf8_is_the_one_of_the_body(app: FastAPI, backend: Backend, path: str) -> None:
    """The header and `router.key` may both name it, on OpenAI's routes too."""
    await backend.store.publish([a_chat()])
    said = {"messages": [{"role": "user", "content": "Hi"}]} if "chat" in path else {"input": "Hi"}
    body = {"model": "policy/chat", "router": {"key": KEY, "wait_s": 0.1}} | said

    async with served(app) as url:
        same = await sent(url, path, json.dumps(body), KEY.encode())
        other = await sent(url, path, json.dumps(body), b"another")

    assert b"task_pending" in same
    assert b"differ" in other


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/chat/completions", "/v1/responses"])
async def test_other_bytes_are_refused(app: FastAPI, path: str) -> None:
    """Latin-1 would be another key than the same text elsewhere: nobody finds that out by a task that is done twice."""
    async with served(app) as url:
        said = await sent(url, path, "{}", "für".encode("latin-1"))

    assert b"422 Unprocessable" in said
    assert b"Idempotency-Key: is not UTF-8; send ASCII" in said


@pytest.mark.parametrize("key", [b"two words", "é".encode() * 101, b"a" * 201])
async def test_a_header_is_held_to_the_rule_for_keys(app: FastAPI, key: bytes) -> None:
    """In bytes, as a key in a body is."""
    async with served(app) as url:
        said = await sent(url, "/v1/tasks", "{}", key)

    assert b"422 Unprocessable" in said
    assert b"Idempotency-Key: the key must be 1 to 200 bytes of printable text without blanks" in said
