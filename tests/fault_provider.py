"""An OpenAI-compatible server that answers as badly as you ask it to, chosen by the first part of the URL's path.

    with FaultProvider() as provider:
        api_base = provider.url("reset")            # http://127.0.0.1:PORT/reset/v1
        ...
        provider.count(call_id), provider.last.body

`FaultProvider(answer=...)` also serves the mode `given`: the function gets the request's JSON and returns a text, or a
whole body as a dict. It is written on plain asyncio streams, shares no line with the product, and runs in a thread.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from time import time
from typing import Any, Self

Json = Any
Given = Callable[[Json], str | dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived: one HTTP request, the number of its connection, and its JSON."""

    mode: str
    path: str
    headers: dict[str, str]
    body: Json
    connection: int

    @property
    def call_id(self) -> str:
        return self.headers.get("x-client-request-id", "")

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back; a body that is no bytes is sent as JSON."""

    body: Json
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def head(self, length: int) -> bytes:
        headers = {"Content-Type": self.content_type, "Content-Length": str(length), "x-request-id": "req_fault"}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in (headers | self.headers).items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


# bodies


def usage(**changes: Json) -> Json:
    """1,000 tokens in, 200 out, unless told otherwise."""
    details = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}
    return {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200, **details, **changes}


def completion(content: Json = '{"a": 1}', *, finish: str | None = "stop", **message: Json) -> dict[str, Json]:
    """A chat completion as OpenAI sends it; keywords change its message."""
    said = {"role": "assistant", "content": content, "refusal": None, "annotations": [], **message}
    return {
        "id": "chatcmpl-fault",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
        "usage": usage(),
        "service_tier": "default",
    }


def without(name: str) -> dict[str, Json]:
    return {key: value for key, value in completion().items() if key != name}


def with_usage(**changes: Json) -> dict[str, Json]:
    return completion() | {"usage": usage(**changes)}


def with_message(**changes: Json) -> dict[str, Json]:
    return completion(None, **changes)


def with_choice(**changes: Json) -> dict[str, Json]:
    body = completion()
    return body | {"choices": [body["choices"][0] | changes]}


def with_logprobs(*tokens: Json) -> dict[str, Json]:
    return with_choice(logprobs={"content": list(tokens), "refusal": None})


def tool_call(name: str | None, arguments: str | None) -> dict[str, Json]:
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return completion(None, finish="tool_calls", tool_calls=[call])


def error(
    status: int, code: str | None = None, *, message: str = "fault", headers: dict[str, str] | None = None
) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Response(body, status=status, headers=headers or {})


def html(status: int) -> Response:
    return Response(b"<html><body><h1>502 Bad Gateway</h1></body></html>", status=status, content_type="text/html")


def redirect(status: int) -> Response:
    return Response(b"", status=status, headers={"Location": "/ok/v1/chat/completions"})


def echoed(request: Request) -> str:
    """Give the prompt back inside an error, with words that make string-matching clients guess wrong."""
    return f"Invalid value: {request.prompt!r} (rate limit, maximum context length, timeout)"


# faults that are still HTTP

_MEGABYTE = 1024 * 1024
_LIMIT_TEXT = "Could not finish the message because max_tokens or model output limit was reached."
_TOKENS = (
    {"token": "ja", "logprob": -0.25, "bytes": [106, 97], "top_logprobs": []},
    {"token": "\ufffd", "logprob": -0.5, "bytes": [226, 130], "top_logprobs": []},
    {"token": "é", "logprob": -1.0, "bytes": None, "top_logprobs": []},
)


@cache
def _bomb() -> bytes:
    """Forty megabytes of text as forty kilobytes: five times what a client should be ready to hold."""
    return gzip.compress(json.dumps(completion("x" * (40 * _MEGABYTE))).encode())


ANSWERS: dict[str, Callable[[Request], Response]] = {
    # good ones
    "ok": lambda _: Response(completion()),
    "echo": lambda request: Response(completion(request.prompt)),
    "tools": lambda _: Response(tool_call("f", '{"x": 1}')),
    "tools-broken": lambda _: Response(tool_call("f", '{"x": ')),
    "refusal": lambda _: Response(with_message(refusal="I can not help with that.")),
    "length": lambda _: Response(completion('{"a": "cut', finish="length")),
    "filtered": lambda _: Response(completion("", finish="content_filter")),
    "finish-strange": lambda request: Response(completion("x", finish=request.prompt)),
    "finish-null": lambda _: Response(completion("x", finish=None)),
    "null-content": lambda _: Response(with_message()),
    "cached": lambda _: Response(with_usage(prompt_tokens_details={"cached_tokens": 768})),
    "reasoning": lambda _: Response(with_usage(completion_tokens_details={"reasoning_tokens": 150})),
    "logprobs": lambda _: Response(with_logprobs(*_TOKENS)),
    "logprobs-nan": lambda _: Response(with_logprobs(_TOKENS[0] | {"logprob": float("nan")})),
    "two-choices": lambda _: Response(completion() | {"choices": completion()["choices"] + completion("2")["choices"]}),
    "text-plain": lambda _: Response(completion(), content_type="text/plain"),
    # usage that can not be believed
    "no-usage": lambda _: Response(without("usage")),
    "null-usage": lambda _: Response(completion() | {"usage": None}),
    "negative-usage": lambda _: Response(with_usage(prompt_tokens=-5)),
    "string-usage": lambda _: Response(with_usage(prompt_tokens="12", completion_tokens="x")),
    "digits-usage": lambda _: Response(with_usage(prompt_tokens="12", completion_tokens="3")),
    "endless-usage": lambda _: Response(with_usage(prompt_tokens=10**15)),
    # 200, but no answer
    "no-choices": lambda _: Response(without("choices")),
    "null-choices": lambda _: Response(completion() | {"choices": None}),
    "empty-choices": lambda _: Response(completion() | {"choices": []}),
    "no-message": lambda _: Response(completion() | {"choices": [{"index": 0, "finish_reason": "stop"}]}),
    "content-number": lambda _: Response(completion(5)),
    "content-list": lambda request: Response(completion([{"type": "text", "text": request.prompt}])),
    "tools-nameless": lambda _: Response(tool_call(None, None)),
    "surrogate": lambda _: Response(completion("a\ud800b")),
    "surrogate-token": lambda _: Response(with_logprobs(_TOKENS[0] | {"token": "\ud800"})),
    "error-in-200": lambda request: Response({"error": {"message": echoed(request), "code": 429}}),
    "sse-200": lambda _: Response(b'data: {"choices": []}\n\ndata: [DONE]\n\n', content_type="text/event-stream"),
    "html-200": lambda _: html(200),
    "cut-json": lambda _: Response(json.dumps(completion()).encode()[:150]),
    "empty-body": lambda _: Response(b""),
    "json-list": lambda _: Response([1, 2]),
    "json-null": lambda _: Response(None),
    "json-text": lambda _: Response("hello"),
    "bad-utf8": lambda _: Response(json.dumps(completion("HERE")).encode().replace(b"HERE", b"a\xff\xfe")),
    "deep-json": lambda _: Response(b"[" * 200_000),
    # too much of it
    "huge": lambda _: Response(completion("x" * (50 * _MEGABYTE))),
    "huge-error": lambda _: Response(b"x" * (50 * _MEGABYTE), status=500),
    "gzip-bomb": lambda _: Response(_bomb(), headers={"Content-Encoding": "gzip"}),
    # redirects
    "redirect-307": lambda _: redirect(307),
    "redirect-302": lambda _: redirect(302),
    # errors
    "400": lambda _: error(400),
    "400-echo": lambda request: error(400, "invalid_value", message=echoed(request)),
    "400-code-echo": lambda request: error(400, request.prompt),
    "400-context": lambda _: error(400, "context_length_exceeded"),
    "400-policy": lambda _: error(400, "content_policy_violation"),
    "400-prompt": lambda _: error(400, "invalid_prompt"),
    "400-output-limit": lambda _: error(400, "invalid_request", message=_LIMIT_TEXT),
    "401": lambda _: error(401, "invalid_api_key"),
    "403": lambda _: html(403),
    "404": lambda _: error(404, "model_not_found"),
    "408": lambda _: error(408),
    "409": lambda _: error(409),
    "413": lambda _: error(413),
    "422": lambda _: error(422),
    "429": lambda _: error(429, "rate_limit_exceeded"),
    "429-seconds": lambda _: error(429, headers={"Retry-After": "7"}),
    "429-ms": lambda _: error(429, headers={"Retry-After": "1", "retry-after-ms": "1500"}),
    "429-date": lambda _: error(429, headers={"Retry-After": formatdate(time() + 30, usegmt=True)}),
    "429-past": lambda _: error(429, headers={"Retry-After": "Fri, 20 Nov 2020 00:00:00 GMT"}),
    "429-nonsense": lambda _: error(429, headers={"Retry-After": "soon", "retry-after-ms": "nan"}),
    "429-quota": lambda _: error(429, "insufficient_quota"),
    "429-capacity": lambda _: error(429, "resource_unavailable"),
    "500": lambda _: error(500),
    "500-echo": lambda request: error(500, message=echoed(request)),
    "502-html": lambda _: html(502),
    "503-seconds": lambda _: error(503, headers={"Retry-After": "3"}),
    "504": lambda _: error(504),
    "529-empty": lambda _: Response(b"", status=529, content_type="text/plain"),
}


# faults below HTTP


async def _reset(writer: asyncio.StreamWriter) -> None:
    _abort(writer)


async def _reset_in_body(writer: asyncio.StreamWriter) -> None:
    await _send_start(writer, promised=1000)
    await asyncio.sleep(0.05)
    _abort(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _close_in_body(writer: asyncio.StreamWriter) -> None:
    await _send_start(writer, promised=1000)
    writer.close()


async def _garbage(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    await writer.drain()
    writer.close()


async def _never(writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def _drip(writer: asyncio.StreamWriter) -> None:
    """Send a good answer at 20 bytes a second: every single read is quick, the whole takes half a minute."""
    body = Response(completion()).encoded()
    writer.write(Response(None).head(len(body)))
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless(writer: asyncio.StreamWriter) -> None:
    """Stream chunks with no length given, until the client hangs up."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def _send_start(writer: asyncio.StreamWriter, *, promised: int) -> None:
    writer.write(Response(None).head(promised) + b'{"id": "x", ')
    await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


BREAKAGES: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
    "reset": _reset,
    "reset-in-body": _reset_in_body,
    "close": _close,
    "close-in-body": _close_in_body,
    "garbage": _garbage,
    "never": _never,
    "drip": _drip,
    "endless": _endless,
}

MODES = (*ANSWERS, *BREAKAGES)


# the server


class FaultProvider:
    """Serve every mode on a free loopback port, from a thread of its own, and keep what arrived."""

    def __init__(self, answer: Given | None = None, *, delay_s: float = 0.0) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answers = ANSWERS | ({"given": _given(answer)} if answer else {})
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def url(self, mode: str = "given") -> str:
        return f"http://127.0.0.1:{self._port}/{mode}/v1"

    def count(self, call_id: str) -> int:
        """Say how many HTTP requests came with that call's id."""
        return sum(request.call_id == call_id for request in self.requests)

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def clear(self) -> None:
        self.requests.clear()
        self.connections = 0

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await _cancel_others()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while not writer.is_closing():
                await self._exchange(await _read(reader, connection), writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client or the test has gone
        finally:
            writer.close()

    async def _exchange(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        await asyncio.sleep(self._delay_s)
        if request.mode in BREAKAGES:
            await BREAKAGES[request.mode](writer)
            return
        response = self._answers.get(request.mode, _unknown)(request)
        body = response.encoded()
        writer.write(response.head(len(body)) + body)
        await writer.drain()


def _unknown(_: Request) -> Response:
    return error(404, "unknown_mode")


def _given(answer: Given) -> Callable[[Request], Response]:
    def respond(request: Request) -> Response:
        said = answer(request.body)
        return Response(completion(said) if isinstance(said, str) else said)

    return respond


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path = first.split(" ")[1]
    mode = path.strip("/").split("/")[0]
    return Request(mode, path, headers, json.loads(body) if body else None, connection)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
