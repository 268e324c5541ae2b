"""A request becomes tasks, and somebody waits for them or leaves."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from fastapi import Request

from router.api.backend import Backend
from router.api.events import HEARTBEAT_S
from router.api.openai.asked import RouterAsk
from router.api.openai.desk import WAIT_S, Asked, Patience, as_of, patience
from router.io.embedded import EmbeddedServer
from router.producing import Order
from router.record import Record
from tests.api.openai.conftest import Desk
from tests.api.openai.desk import a_record
from tests.api.served import elsewhere, forget
from tests.builders import a_chat, a_policy
from tests.waiting import wait_until
from tests.workers.floor import Floor, Gated

PATIENCE = httpx.Timeout(30, read=0.3)
"""So long the caller waits, who then leaves."""

Ask = Callable[..., dict[str, Any]]


def chat(**changes: Any) -> dict[str, Any]:
    return {"model": "policy/intents", "messages": [{"role": "user", "content": f"Money {uuid4()}"}]} | changes


def response(**changes: Any) -> dict[str, Any]:
    return {"model": "policy/intents", "input": f"Money {uuid4()}"} | changes


WAYS = [("/v1/chat/completions", chat), ("/v1/responses", response)]


def asked(desk: Desk, body: dict[str, Any]) -> list[Record]:
    """The tasks that a request became."""
    found = [desk.tasks.read(task.id) for task in desk.tasks.tasks(limit=1000).tasks]
    return [record for record in found if record.task.input.get("text") == text_of(body)]


def statuses(desk: Desk, body: dict[str, Any]) -> list[str]:
    """How they stand."""
    return [record.state.value for record in asked(desk, body)]


def text_of(body: dict[str, Any]) -> str:
    return str(body["input"] if "input" in body else body["messages"][0]["content"])


def leave(desk: Desk, path: str, body: dict[str, Any], **headers: str) -> None:
    """Ask, and close the connection before there is an answer."""
    with (
        pytest.raises(httpx.ReadTimeout),
        desk.http.stream("POST", path, json=body, headers=headers, timeout=PATIENCE) as r,
    ):
        for _ in r.iter_raw():
            pass


@pytest.mark.parametrize(("path", "asking"), WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_does_not_pay_on(desk: Desk, path: str, asking: Ask, stream: bool) -> None:
    """The task of a caller who closes the connection is cancelled: an SDK that tries again does not pay twice."""
    body = asking(stream=stream)

    leave(desk, path, body)

    wait_until(lambda: statuses(desk, body) == ["cancelled"], "the task to be cancelled")


@pytest.mark.parametrize(("path", "asking"), WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_with_a_key_may_come_back(desk: Desk, path: str, asking: Ask, stream: bool) -> None:
    """Its task goes on, and the same request waits for the same task."""
    body, key = asking(stream=stream), str(uuid4())

    leave(desk, path, body, **{"Idempotency-Key": key})
    again = desk.http.post(
        path, json=body | {"stream": False, "router": {"wait_s": 0.1}}, headers={"Idempotency-Key": key}
    )

    (task,) = [
        t.id for t in desk.tasks.tasks(limit=1000).tasks if desk.tasks.read(t.id).task.input["text"] == text_of(body)
    ]
    assert (again.status_code, again.json()["router"]["task"]) == (504, task)
    assert statuses(desk, body) == ["ready"]


@pytest.mark.parametrize(("path", "asking"), WAYS)
def test_who_waits_in_vain_is_told_which_task_goes_on(desk: Desk, path: str, asking: Ask) -> None:
    """After `router.wait_s`, or shortly before the SDK gives up by what its header says; no SDK sends it again."""
    waited = asking(router={"wait_s": 0.1})
    soon = desk.http.post(path, json=waited)
    sdk = desk.http.post(path, json=asking(), headers={"x-stainless-read-timeout": "0.2"})
    streamed = desk.http.post(path, json=asking(stream=True, router={"wait_s": 0.1}))

    assert '"code":"task_pending"' in streamed.text.splitlines()[-2]

    for answer in (soon, sdk):
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "task_pending")
        assert answer.headers["x-should-retry"] == "false"
        assert desk.tasks.get(answer.headers["x-router-task"]).status == "ready"


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_leaves_nothing_that_was_not_to_be_kept(desk: Desk, stream: bool) -> None:
    """With `store: false` what was asked is erased, not only cancelled."""
    before = {task.id for task in desk.tasks.tasks(limit=1000).tasks}
    leave(desk, "/v1/responses", response(stream=stream, store=False))

    (task,) = {task.id for task in desk.tasks.tasks(limit=1000).tasks} - before
    wait_until(lambda: desk.tasks.read(task).erased_ms is not None, "the task to be erased")
    assert (desk.tasks.get(task).status, desk.tasks.read(task).task.input) == ("cancelled", {})


def test_a_response_in_the_background_waits_for_nobody(desk: Desk) -> None:
    """It is queued at once, can be looked at, cancelled, and erased."""
    begun = desk.http.post("/v1/responses", json=response(background=True)).json()
    path = f"/v1/responses/{begun['id']}"
    looked = desk.http.get(path).json()
    cancelled = desk.http.post(f"{path}/cancel").json()
    deleted = desk.http.delete(path).json()

    assert [(r["status"], r["background"]) for r in (begun, looked)] == [("queued", True), ("queued", True)]
    assert (cancelled["status"], cancelled["background"], cancelled["output"]) == ("cancelled", True, [])
    assert deleted == {"id": begun["id"], "object": "response", "deleted": True}
    assert desk.http.get(path).status_code == 404


def test_how_it_is_answered_is_no_other_body(desk: Desk) -> None:
    """Under a key the task of a response in the background is that of who waits for it, too."""
    body, key = response(), {"Idempotency-Key": str(uuid4())}

    begun = desk.http.post("/v1/responses", json=body | {"background": True}, headers=key)
    waited = desk.http.post("/v1/responses", json=body | {"router": {"wait_s": 0.1}}, headers=key)

    assert (waited.status_code, waited.json()["router"]["task"]) == (504, begun.json()["router"]["task"])


def test_choices_are_tasks_of_their_own(desk: Desk) -> None:
    """As many as are asked for; under a key another number of them is another body."""
    body, key = chat(n=3, router={"wait_s": 0.1}), {"Idempotency-Key": str(uuid4())}

    first, again, other = (desk.http.post(WAYS[0][0], json=b, headers=key) for b in (body, body, body | {"n": 2}))

    assert statuses(desk, body) == ["ready"] * 3
    assert first.json()["router"]["task"] == again.json()["router"]["task"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize("response_id", ["resp_unknown", "chatcmpl-1", "resp_", "resp_" + "0" * 32])
def test_unknown_responses_are_not_found(desk: Desk, response_id: str) -> None:
    """Whatever is to be done with them."""
    path = f"/v1/responses/{response_id}"

    answers = [desk.http.get(path), desk.http.post(f"{path}/cancel"), desk.http.delete(path)]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(404, "response_not_found")] * 3


@pytest.mark.parametrize(
    ("changes", "status", "code", "said"),
    [
        ({"model": "gpt-4o"}, 404, "model_not_found", "policy/NAME"),
        ({"model": "policy/nothing"}, 404, "model_not_found", "policy"),
        ({"model": "tier/mini"}, 404, "model_not_found", "'chat'"),
        ({"model": "tier/huge", "router": {"policy": "intents"}}, 422, "task_invalid", "mini, small, large"),
        ({"router": {"input": {"txt": "x"}}}, 422, "task_invalid", "text"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 422, "task_invalid", "tools"),
        ({"router": {"webhook": "https://10.0.0.1/hook"}}, 422, "webhook_refused", "10.0.0.1"),
        ({"router": {"key": "a b"}}, 422, "task_invalid", "key"),
        ({"messages": []}, 422, "task_invalid", "no message of the user"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_paid(
    desk: Desk, changes: dict[str, Any], status: int, code: str, said: str
) -> None:
    """With a problem that says what to do, also where a stream was asked for."""
    for body in (chat(**changes), chat(stream=True, **changes)):
        answer = desk.http.post("/v1/chat/completions", json=body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
        assert said in answer.json()["error"]["message"]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("header", "wished_s", "wait_s"),
    [
        ({}, None, WAIT_S),
        ({}, 5.0, 5.0),
        ({"x-stainless-read-timeout": "600"}, None, WAIT_S),
        ({"x-stainless-read-timeout": "20.0"}, None, 19.0),
        ({"x-stainless-timeout": "20"}, 5.0, 5.0),
        ({"x-stainless-timeout": "1"}, None, 0.5),
        ({"x-stainless-timeout": "soon"}, None, WAIT_S),
        ({"x-stainless-timeout": "nan"}, None, WAIT_S),
        ({"x-stainless-timeout": "-1"}, None, WAIT_S),
    ],
)
def test_an_answer_comes_before_the_sdk_gives_up(header: dict[str, str], wished_s: float | None, wait_s: float) -> None:
    """By its own header; nonsense in it changes nothing."""
    assert patience(a_request(header), RouterAsk(wait_s=wished_s)).wait_s == wait_s


def test_a_stream_speaks_before_the_sdk_gives_up() -> None:
    """It may take as long as its task, unless somebody says otherwise; but it is never silent for long."""
    plain, hasty = a_request({}), a_request({"x-stainless-read-timeout": "4"})

    assert patience(plain, RouterAsk(), stream=True) == Patience(math.inf, HEARTBEAT_S)
    assert patience(hasty, RouterAsk(wait_s=7), stream=True) == Patience(7, 2)


def a_request(header: dict[str, str]) -> Request:
    return Request({"type": "http", "headers": [(name.encode(), value.encode()) for name, value in header.items()]})


async def test_an_answer_is_read_by_the_version_it_was_asked_under(backend: Backend) -> None:
    """Under a known key that may be an earlier one, whose outputs are of another kind."""
    before, after = a_policy(), a_policy(output={"labels": ["refund", "other"]})
    await backend.store.publish([before])
    await backend.store.publish([after])
    now = Asked("policy/receipts", "receipts", after.digest, "labels", "last_user_message", Order())

    assert (await as_of(backend.client, now, a_record(task={"policy": before.digest}))).output == "schema"
    assert await as_of(backend.client, now, a_record(task={"policy": after.digest})) is now


@pytest.mark.parametrize(("path", "asking"), WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_at_once_does_not_pay_on_either(desk: Desk, path: str, asking: Ask, stream: bool) -> None:
    """A connection that is closed as soon as the request was sent is one that was left, too."""
    body = asking(stream=stream)
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(text)}\r\n\r\n"

    with socket.create_connection((desk.http.base_url.host, desk.http.base_url.port or 80)) as connection:
        connection.sendall(head.encode() + text)

    wait_until(lambda: statuses(desk, body) == ["cancelled"], "the task to be cancelled")


def test_keys_of_choices_are_nobody_else_s(desk: Desk) -> None:
    """Several choices under a key take none of the keys that callers can name, and no caller can name theirs."""
    key, several = str(uuid4()), chat(n=2, router={"wait_s": 0.1})
    taken = desk.http.post("/v1/chat/completions", json=several, headers={"Idempotency-Key": key})

    other = desk.http.post(
        "/v1/chat/completions", json=chat(router={"wait_s": 0.1}), headers={"Idempotency-Key": f"{key}#1"}
    )
    again = desk.http.post("/v1/chat/completions", json=several, headers={"Idempotency-Key": key})

    assert [answer.json()["code"] for answer in (taken, other, again)] == ["task_pending"] * 3
    assert again.headers["x-router-task"] == taken.headers["x-router-task"]
    assert statuses(desk, several) == ["ready", "ready"]


NARROW = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}, "required": ["text"]}


@pytest.mark.parametrize(("path", "asking"), WAYS)
async def test_a_known_key_outlives_the_policy_of_its_time(
    *, http: httpx.AsyncClient, backend: Backend, raw: redis.Redis, prefix: str, path: str, asking: Ask
) -> None:
    """The same request waits for the same task where the policy takes less today, or is gone; a new one is refused."""
    await backend.store.publish([a_policy(policy="intents")])
    waits = {"input": {"text": "ACME total 12.50"}, "wait_s": 0.1}
    body, key = asking(router=waits), {"Idempotency-Key": "order-1"}
    first = await http.post(path, json=body, headers=key)
    await backend.store.publish([a_policy(policy="intents", input={"schema": NARROW})])
    async with elsewhere(backend) as later:
        narrower, new = [await later.post(path, json=body, headers=known) for known in (key, {})]
    raw.delete(f"{prefix}current:intents")
    async with elsewhere(backend) as later:
        unpublished, nothing = [await later.post(path, json=body, headers=known) for known in (key, {})]

    for again in (first, narrower, unpublished):
        assert (again.status_code, again.json()["code"]) == (504, "task_pending"), again.text
        assert again.headers["x-router-task"] == first.headers["x-router-task"]
    assert [answer.json()["code"] for answer in (new, nothing)] == ["task_invalid", "model_not_found"]


@pytest.mark.parametrize(("path", "asking"), WAYS)
async def test_a_known_answer_outlives_the_policy_of_its_time(
    *,
    http: httpx.AsyncClient,
    backend: Backend,
    server: EmbeddedServer,
    raw: redis.Redis,
    prefix: str,
    path: str,
    asking: Ask,
) -> None:
    """It is given again as it was, read by the version that it was made under; where it streams, too."""
    floor = Floor(server.url, prefix, None, Gated())
    floor.llm.open()
    await floor.store.publish([a_chat(policy="intents")])
    body, key = asking(), {"Idempotency-Key": "order-1"}
    async with floor.shift("mini", "small", "large"):
        first = await http.post(path, json=body, headers=key)
    await floor.close()
    raw.delete(f"{prefix}current:intents")

    async with elsewhere(backend) as later:
        again = await later.post(path, json=body, headers=key)
        streamed = await later.post(path, json=body | {"stream": True}, headers=key)

    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert again.json() == first.json()
    assert [answer.headers.get("idempotency-replayed") for answer in (first, again, streamed)] == [None, "true", "true"]


async def test_a_known_key_outlives_what_a_message_is_taken_for(
    http: httpx.AsyncClient, backend: Backend, raw: redis.Redis, prefix: str
) -> None:
    """Several choices under a key are found again, as long as one knows which field the message filled."""
    await backend.store.publish([a_policy(policy="intents")])
    body, key = chat(n=2, router={"wait_s": 0.1}), {"Idempotency-Key": "order-1"}
    first = await http.post("/v1/chat/completions", json=body, headers=key)
    await backend.store.publish([a_policy(policy="intents", input={"schema": NARROW})])

    async with elsewhere(backend) as later:
        again = await later.post("/v1/chat/completions", json=body, headers=key)
        fewer = await later.post("/v1/chat/completions", json=body | {"n": 1}, headers=key)

    assert (again.status_code, again.headers["x-router-task"]) == (504, first.headers["x-router-task"])
    assert (fewer.status_code, fewer.json()["code"]) == (422, "task_invalid")


@pytest.mark.parametrize(("path", "asking"), WAYS)
async def test_a_key_whose_task_is_gone_says_so(
    http: httpx.AsyncClient, backend: Backend, path: str, asking: Ask
) -> None:
    """It stands for that task still, and the answer says what to do."""
    await backend.store.publish([a_policy(policy="intents")])
    body, key = asking(router={"wait_s": 0.1}), {"Idempotency-Key": "order-1"}
    first = await http.post(path, json=body, headers=key)
    await forget(backend, first.headers["x-router-task"])

    again = await http.post(path, json=body, headers=key)

    assert (again.status_code, again.json()["error"]["code"]) == (410, "task_gone")
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(("path", "asking"), WAYS)
async def test_errors_that_are_told_again_say_so(
    http: httpx.AsyncClient, backend: Backend, path: str, asking: Ask
) -> None:
    """A task that was cancelled, erased, or goes on: the answer under its key says that it is no new one."""
    await backend.store.publish([a_policy(policy="intents")])
    body, key = asking(router={"wait_s": 0.1}), {"Idempotency-Key": "order-1"}
    first = await http.post(path, json=body, headers=key)
    task = first.headers["x-router-task"]
    going = await http.post(path, json=body, headers=key)
    await backend.client.cancel(task)
    cancelled = await http.post(path, json=body, headers=key)

    assert "idempotency-replayed" not in first.headers
    for again, status in ((going, 504), (cancelled, 409)):
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (status, "true")
        assert (again.headers["x-router-task"], again.headers["x-should-retry"]) == (task, "false")


@pytest.mark.parametrize(("path", "asking"), WAYS)
async def test_an_erased_answer_is_told_to_be_an_old_one(
    *, http: httpx.AsyncClient, backend: Backend, server: EmbeddedServer, prefix: str, path: str, asking: Ask
) -> None:
    """Its key still stands for it: 410, and that it is no new one."""
    floor = Floor(server.url, prefix, None, Gated())
    floor.llm.open()
    await floor.store.publish([a_chat(policy="intents")])
    body, key = asking(), {"Idempotency-Key": "order-1"}
    async with floor.shift("mini", "small", "large"):
        first = await http.post(path, json=body, headers=key)
    await floor.close()
    await backend.client.erase(first.headers["x-router-task"])

    again = await http.post(path, json=body, headers=key)

    assert (again.status_code, again.json()["code"]) == (410, "task_erased")
    assert again.headers.get("idempotency-replayed") == "true"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", chat(tools=[{"type": "function", "function": {"name": "f"}}]), "tools"),
        ("/v1/chat/completions", chat(model="tier/huge", router={"policy": "intents"}), "model"),
        ("/v1/responses", response(tools=[{"type": "function", "name": "f"}]), "tools"),
        (
            "/v1/responses",
            response(text={"format": {"type": "json_schema", "name": "a", "schema": {"type": 7}}}),
            "text.format",
        ),
        ("/v1/chat/completions", chat(messages=[]), "messages"),
        ("/v1/responses", response(input=[]), "input"),
        ("/v1/chat/completions", chat(router={"input": {"txt": "x"}}), None),
    ],
)
def test_what_is_objected_to_is_named(desk: Desk, path: str, body: dict[str, Any], param: str | None) -> None:
    """The error's `param` is the parameter of the request that is to blame, in the words of its own interface."""
    answer = desk.http.post(path, json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "task_invalid")
    assert answer.json()["error"]["param"] == param


async def test_a_field_may_be_called_messages(http: httpx.AsyncClient, backend: Backend) -> None:
    """A policy with a prompt may have any field: a number there is no conversation."""
    schema = {"type": "object", "properties": {"messages": {}}, "required": ["messages"]}
    prompt = {"system": "Count.", "user": "Count {{ messages }}"}
    await backend.store.publish([a_policy(policy="intents", prompt=prompt, input={"schema": schema})])
    for given in (7, {"a": 1}, "text", [], [7]):
        answer = await http.post("/v1/responses", json=response(background=True, router={"input": {"messages": given}}))

        assert (answer.status_code, answer.json().get("instructions")) == (200, None), answer.text
