"""Whatever is sent, to whatever route: never an error of ours, and always a problem that says what is wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.api.app import create_app
from router.api.backend import open_backend
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.town import Operation, operations
from tests.builders import GOOD, a_policy, a_reply
from tests.workers.floor import Floor, Gated

TRIES = int(os.environ.get("FUZZ", "0"))
"""Bodies that each test tries, chosen anew each time, say 20,000 over night; else the same few."""
EXAMPLES = settings(
    max_examples=TRIES or 60, derandomize=not TRIES, deadline=None, suppress_health_check=list(HealthCheck)
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {}}}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": False}}
VALID: dict[str, list[dict[str, Any]]] = {
    "/v1/tasks": [
        {"policy": "receipts", "input": {"text": "x"}},
        {
            "policy": "free",
            "input": {"text": "x"},
            "deadline_s": 5,
            "priority": "high",
            "metadata": {"a": [1, {"b": None}]},
            "webhook": {"url": "https://example.com/x", "payload": "thin"},
            "wishes": {"tier": "mini", "json_object": True, "parameters": {"temperature": 0.5, "stop": ["x"]}},
        },
    ],
    "/v1/chat/completions": [
        {"model": "policy/free", "messages": [{"role": "user", "content": "x"}]},
        {
            "model": "policy/free",
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "x"}]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]},
                {"role": "assistant", "content": None, "tool_calls": []},
            ],
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": FORMAT,
            "temperature": 0.5,
            "stop": ["a"],
            "n": 2,
            "seed": 7,
            "logprobs": True,
            "top_logprobs": 2,
            "max_completion_tokens": 10,
            "logit_bias": {"1": -1},
            "stream_options": {"include_usage": True},
            "metadata": {"a": "b"},
            "router": {"policy": "free", "deadline_s": 5},
        },
    ],
    "/v1/responses": [
        {"model": "policy/free", "input": "x"},
        {
            "model": "policy/free",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}],
            "instructions": "x",
            "text": {"format": {"type": "json_object"}, "verbosity": "low"},
            "reasoning": {"effort": "none"},
            "background": True,
            "max_output_tokens": 10,
            "include": ["message.output_text.logprobs"],
        },
    ],
    "/v1/review/{task_id}/resolve": [{"decision": "accept", "attempt": 1}, {"decision": "ask", "tier": "mini"}],
}
"""Bodies that the service takes, where it takes any."""
FREE_OF_BODIES = {"/v1/tasks:batch"}
"""Routes that take lines, which have a test of their own."""
NASTY: dict[str, tuple[bytes, dict[str, str]]] = {
    "empty": (b"", {}),
    "cut": (b'{"policy": "rec', {}),
    "no object": (b"[]", {}),
    "null": (b"null", {}),
    "text": (b'"x"', {}),
    "deep": (b"[" * 100_000, {}),
    "deep objects": (b'{"a":' * 50_000, {}),
    "deep input": (b'{"policy": "receipts", "input": {"text": ' + b"[" * 70 + b"]" * 70 + b"}}", {}),
    "nan": (b'{"policy": NaN}', {}),
    "infinity": (b'{"policy": -Infinity}', {}),
    "large exponent": (b'{"deadline_s": 1e999}', {}),
    "many digits": (b'{"deadline_s": ' + b"9" * 10_000 + b"}", {}),
    "twice": (b'{"policy": "a", "policy": "b"}', {}),
    "bom": (b"\xef\xbb\xbf{}", {}),
    "utf-16": ('{"policy": "x"}'.encode("utf-16"), {}),
    "no utf-8": (b'{"policy": "\xff\xfe"}', {}),
    "surrogate": (b'{"policy": "\\ud800", "input": {"\\udfff": "\\ud800"}}', {}),
    "zero byte": (b'{"policy": "a\\u0000b", "input": {}}', {}),
    "raw control": (b'{"policy": "a\x00b"}', {}),
    "comment": (b"{/**/}", {}),
    "two values": (b"{}{}", {}),
    "gzip": (gzip.compress(b"{}"), {"content-encoding": "gzip"}),
    "gzip unsaid": (gzip.compress(b"{}"), {}),
    "unknown coding": (b"{}", {"content-encoding": "br, x"}),
    "form": (b"policy=receipts", {"content-type": "application/x-www-form-urlencoded"}),
    "multipart": (b"--x\r\n\r\nx\r\n--x--", {"content-type": "multipart/form-data; boundary=x"}),
    "xml": (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", {"content-type": "application/xml"}),
    "no type": (b"{}", {"content-type": ""}),
    "strange type": (b"{}", {"content-type": "application/json; charset=utf-7; " + "x" * 1000}),
    "wrong length": (b"{}", {"content-length": "banana"}),
    "prototype": (b'{"__proto__": {"x": 1}, "constructor": 1}', {}),
    "image": (b'{"model": "policy/free", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', {}),
}
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "*", "../../x", "%00", "\x00", "\r\nx: y", "null", "-1", "9" * 400, "é" * 300, "$ref", "\u202e", "{}"]
    ),
)
NUMBERS = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([10**30, -1, 0, 2**63])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


class Service:
    """The application with workers beside it, run only while a test asks."""

    def __init__(self, runner: asyncio.Runner, http: httpx.AsyncClient, known: list[Operation]) -> None:
        self._runner, self._http, self.known = runner, http, known

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.request(verb, path, **more))

    def taking(self) -> list[Operation]:
        """Those that take a body of JSON."""
        return [known for known in self.known if known.path in VALID and known.verb == "POST"]


@asynccontextmanager
async def a_service(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, list[Operation]]]:
    floor = Floor(url, "fuzz:", None, Gated(lambda call: GOOD if call.response_schema else a_reply("{}", sure=None)))
    floor.llm.open()
    free = a_policy(policy="free", output={"text": {}}, checks=[], limits={"deadline_s": 5})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(floor.close)
        await floor.store.publish([a_policy(), free])
        backend = await stack.enter_async_context(open_backend(Settings(redis_url=url, prefix="fuzz:"), insecure=True))
        app = create_app(backend)
        await stack.enter_async_context(floor.shift("mini", "small", "large"))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://router", timeout=60)
        )
        yield http, operations(app)


@pytest.fixture(scope="module")
def service(server: EmbeddedServer) -> Iterator[Service]:
    with asyncio.Runner() as runner:
        opened = a_service(server.url)
        http, known = runner.run(opened.__aenter__())
        yield Service(runner, http, known)
        runner.run(opened.__aexit__(None, None, None))


def sound(answer: httpx.Response, about: object = "") -> None:
    """No error of ours; and what is refused is refused in the words of both RFC 9457 and OpenAI."""
    assert answer.status_code < 500, (about, answer.text)
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json", (about, answer.text[:500])
    said = answer.json()
    assert said["status"] == answer.status_code
    assert said["type"].startswith("urn:router:problem:")
    assert set(said["error"]) == {"message", "type", "param", "code"}
    assert said["detail"] == said["error"]["message"]
    assert said["detail"].strip()
    assert len(answer.content) < 20_000, (about, len(answer.content))


def test_every_route_that_takes_a_body_is_known(service: Service) -> None:
    """A new route with a body has to show here what it takes."""
    taking = {known.path for known in service.known if "requestBody" in known.about}

    assert taking == {*VALID, *FREE_OF_BODIES}


def test_the_bodies_are_taken(service: Service) -> None:
    """What is spoiled below is fine before: else all that is tested is how it is refused."""
    for path in ("/v1/tasks", "/v1/chat/completions", "/v1/responses"):
        answer = service.ask("POST", path, json=VALID[path][0])
        assert answer.status_code in (200, 202), (path, answer.text)


@given(value=VALUES)
@EXAMPLES
def test_any_json_is_refused_in_words(service: Service, value: Any) -> None:
    """A body that is any JSON at all."""
    for known in service.taking():
        sound(service.ask("POST", _filled(known), content=json.dumps(value), headers=_JSON), (known, value))


@given(data=st.data())
@EXAMPLES
def test_nearly_right_bodies_are_answered(service: Service, data: st.DataObject) -> None:
    """A good body of which one part was replaced, taken out, or added to."""
    for known in service.taking():
        body = deepcopy(data.draw(st.sampled_from(VALID[known.path])))
        _spoil(data, body)
        sound(service.ask("POST", _filled(known), content=json.dumps(body), headers=_JSON), (known, body))


@pytest.mark.parametrize("name", NASTY)
def test_nasty_bodies_are_refused(service: Service, name: str) -> None:
    """Bytes that are no JSON, or JSON that libraries take and nobody means; none is taken for a task."""
    content, headers = NASTY[name]
    for known in service.known:
        if known.verb in ("POST", "PUT", "PATCH"):
            answer = service.ask(known.verb, _filled(known), content=content, headers=_JSON | headers)
            sound(answer, known)
            if known.path in VALID:
                assert answer.status_code in (400, 404, 413, 415, 422), (known, answer.text)


@given(text=TEXTS, value=TEXTS, header=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
@EXAMPLES
def test_paths_queries_and_headers_are_taken_as_they_come(service: Service, text: str, value: str, header: str) -> None:
    """Ids, cursors, filters and headers that nobody gave out."""
    assume(text.strip("./") and text.isprintable())
    for known in service.known:
        named = [parameter["name"] for parameter in known.about.get("parameters", []) if parameter["in"] == "query"]
        path = known.path.format(**dict.fromkeys(known.parameters, _quoted(text)))
        headers = {"idempotency-key": header, "last-event-id": header, "authorization": f"Bearer {header}"}
        body = {"json": VALID[known.path][0]} if known.path in VALID else {}
        params = {name: value for name in named if name not in ("wait", "stream")}
        sound(service.ask(known.verb, path, params=params, headers=headers, **body), (known, text, value, header))


@given(lines=st.lists(st.one_of(VALUES.map(json.dumps), TEXTS, st.just(json.dumps(VALID["/v1/tasks"][0]))), max_size=6))
@EXAMPLES
def test_each_line_of_a_batch_is_answered(service: Service, lines: list[str]) -> None:
    """One answer for each line that is not blank, in order, whatever stands there; good ones are taken in."""
    text = "\n".join(line.replace("\n", " ").replace("\r", " ") for line in lines)
    answer = service.ask(
        "POST", "/v1/tasks:batch", content=text.encode(), headers={"content-type": "application/x-ndjson"}
    )

    sound(answer)
    said = [json.loads(line) for line in answer.text.split("\n") if line]
    assert [line["line"] for line in said] == [n for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    for line in said:
        assert ("id" in line) != ("problem" in line)
        assert "id" in line or (line["problem"]["status"] < 500 and "error" in line["problem"])


_JSON = {"content-type": "application/json"}


def _filled(operation: Operation) -> str:
    return operation.path.format(**dict.fromkeys(operation.parameters, "0" * 32))


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _spoil(data: st.DataObject, body: Any) -> None:
    """Change one thing somewhere in a body."""
    places = list(_places(body))
    holder, key = data.draw(st.sampled_from(places))
    match data.draw(st.sampled_from(["replace", "replace", "take out", "add"])):
        case "replace":
            holder[key] = data.draw(VALUES)
        case "take out":
            del holder[key]
        case _ if isinstance(holder, dict):
            holder[data.draw(TEXTS)] = data.draw(VALUES)
        case _:
            holder.append(data.draw(VALUES))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in list(inner):
        yield value, key
        yield from _places(member)
