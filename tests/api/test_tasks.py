"""Tasks over HTTP: taken in once, shown whole, listed, cancelled, erased; each by its own tenant alone."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import httpx
import pytest
import redis

from router.api.backend import Backend
from router.apikey import Scope, Token
from router.cost import usd
from router.errors import FormatTooNew
from router.io.commands.webhook import WebhookCommands
from router.io.embedded import EmbeddedServer
from router.io.packing import unpack
from router.settings import Settings
from router.webhook import new_secret
from tests.api.keys import Guarded, a_guarded
from tests.api.served import elsewhere, forget
from tests.builders import DOUBTFUL, GOOD, a_policy
from tests.workers.floor import Floor, Gated

TEXT = {"text": "ACME total 12.50"}
ALL = (Scope.SUBMIT, Scope.READ, Scope.CANCEL)


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    """Workers beside the service: mini doubts, small is sure."""
    floor = Floor(server.url, prefix, None, Gated(lambda call: DOUBTFUL if call.tier == "mini" else GOOD))
    await floor.store.publish([a_policy(), a_policy(policy="others")])
    yield floor
    await floor.close()


async def submit(http: httpx.AsyncClient, *, key: str | None = None, wait: float | None = None, **body: Any) -> Any:
    headers = {"idempotency-key": key} if key is not None else {}
    params = {"wait": wait} if wait is not None else {}
    return await http.post(
        "/v1/tasks", json={"policy": "receipts", "input": TEXT} | body, headers=headers, params=params
    )


async def done(http: httpx.AsyncClient, floor: Floor, **body: Any) -> str:
    """A task that mini doubted and small did; its id."""
    floor.llm.open()
    task_id: str = (await submit(http, **body)).json()["id"]
    async with floor.shift("mini", "small"):
        await http.get(f"/v1/tasks/{task_id}", params={"wait": 30})
    return task_id


# submit


async def test_takes_a_task_in(http: httpx.AsyncClient, floor: Floor) -> None:
    """It stands in the store, with all that was asked, and the answer says where to find it."""
    answer = await submit(http, priority="high", deadline_s=60, metadata={"order": 7})

    taken = answer.json()
    assert (answer.status_code, taken["status"], taken["policy"], taken["replayed"]) == (
        202,
        "ready",
        "receipts",
        False,
    )
    assert answer.headers["location"] == f"/v1/tasks/{taken['id']}"
    assert "idempotency-replayed" not in answer.headers
    shown = (await http.get(answer.headers["location"])).json()
    assert (shown["input"], shown["metadata"], shown["priority"]) == (TEXT, {"order": 7}, "high")
    assert (shown["status"], shown["tier"], shown["tenant"], shown["trail"]) == ("ready", "mini", "default", [])


async def test_tags_are_kept_among_the_metadata(http: httpx.AsyncClient, floor: Floor) -> None:
    """They come back with the task, beside what else was noted, and narrow lists down; told twice they are refused."""
    taken = await submit(http, tags=["mail", "eu"], metadata={"order": 7})
    twice = await submit(http, tags=["mail"], metadata={"tags": ["eu"]})

    stands = (await http.get(f"/v1/tasks/{taken.json()['id']}")).json()

    other = await submit(http, metadata={"tags": ["eu"]})

    async def tagged(tag: str) -> list[tuple[str, list[str]]]:
        page = (await http.get("/v1/tasks", params={"tag": tag})).json()
        return [(task["id"], task["tags"]) for task in page["data"]]

    assert (stands["metadata"], stands["tags"]) == ({"order": 7, "tags": ["mail", "eu"]}, ["mail", "eu"])
    assert await tagged("mail") == [(taken.json()["id"], ["mail", "eu"])]
    assert sorted(await tagged("eu")) == sorted([(taken.json()["id"], ["mail", "eu"]), (other.json()["id"], ["eu"])])
    assert await tagged("us") == []
    assert (twice.status_code, twice.json()["detail"]) == (422, "body: give either tags or metadata.tags")


async def test_the_same_key_and_body_is_the_same_task(http: httpx.AsyncClient, floor: Floor) -> None:
    """Before, while and after it runs, with the status that it has then."""
    first = await submit(http, key="order-1")
    again = await submit(http, key="order-1")
    floor.llm.open()
    async with floor.shift("mini", "small"):
        await http.get(first.headers["location"], params={"wait": 30})
    late = await submit(http, key="order-1")

    assert {answer.json()["id"] for answer in (first, again, late)} == {first.json()["id"]}
    assert [answer.headers.get("idempotency-replayed") for answer in (first, again, late)] == [None, "true", "true"]
    assert [answer.json()["status"] for answer in (first, again, late)] == ["ready", "ready", "succeeded"]


async def test_a_key_sent_many_times_at_once_is_one_task(http: httpx.AsyncClient, floor: Floor) -> None:
    """While the first is in flight, too."""
    answers = await asyncio.gather(*(submit(http, key="order-1") for _ in range(20)))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.json()["replayed"] for answer in answers) == [False] + [True] * 19


async def test_the_same_key_with_another_body_is_refused(http: httpx.AsyncClient, floor: Floor) -> None:
    """A key stands for one body; nothing is taken in."""
    await submit(http, key="order-1")

    answer = await submit(http, key="order-1", metadata={"order": 8})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_conflict")
    assert len((await http.get("/v1/tasks")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("body", "refused", "said"),
    [
        ({"policy": "reciepts"}, (404, "unknown_policy"), "no policy 'reciepts'"),
        ({"input": {"txt": "x"}}, (422, "task_invalid"), "text"),
        ({"input": "x"}, (422, "invalid"), "body.input"),
        ({"deadline_s": 0}, (422, "invalid"), "greater than 0"),
        ({"deadline_s": 1e400}, (422, "invalid"), "body"),
        ({"priority": "urgent"}, (422, "invalid"), "'high', 'normal' or 'low'"),
        ({"metadata": {"x": "y" * 20_000}}, (422, "task_invalid"), "metadata has more than"),
        ({"inputs": []}, (422, "invalid"), "body.inputs: is not known here"),
        ({"wishes": {"tier": "huge"}}, (422, "task_invalid"), "huge"),
        ({"webhook": "http://10.0.0.1/"}, (422, "webhook_refused"), "10.0.0.1"),
    ],
)
async def test_refuses_what_is_no_task(
    http: httpx.AsyncClient, floor: Floor, body: dict[str, Any], refused: tuple[int, str], said: str
) -> None:
    """Each mistake is a problem that says what to do, in OpenAI's words too; nothing is taken in."""
    content = {"policy": "receipts", "input": TEXT} | body
    if body.get("deadline_s") == float("inf"):
        answer = await http.post(
            "/v1/tasks",
            content='{"policy": "receipts", "input": {"text": "x"}, "deadline_s": 1e400}',
            headers={"content-type": "application/json"},
        )
    else:
        answer = await http.post("/v1/tasks", json=content)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == refused
    assert said in problem["detail"]
    assert problem["error"]["message"] == problem["detail"]
    assert (await http.get("/v1/tasks")).json() == {"data": [], "next": None}


async def test_a_submission_waits_for_its_end(http: httpx.AsyncClient, floor: Floor) -> None:
    """With `wait` the answer is the task with its output, as soon as it has one."""
    floor.llm.open()
    async with floor.shift("mini", "small"):
        answer = await submit(http, wait=30)

    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "succeeded")
    assert shown["output"] == {"merchant": "ACME", "total": 12.5}
    assert answer.headers["location"] == f"/v1/tasks/{shown['id']}"


async def test_a_wait_is_bounded(http: httpx.AsyncClient, floor: Floor) -> None:
    """After it the task goes on, and the answer says so; nobody waits for longer than a minute."""
    answer = await submit(http, wait=0.05)

    assert (answer.status_code, answer.json()["status"]) == (202, "ready")
    assert (await submit(http, wait=61)).status_code == 422


# show


async def test_shows_the_whole_trail(http: httpx.AsyncClient, floor: Floor) -> None:
    """What each tier replied, what was found in it, what it cost and why it moved."""
    task_id = await done(http, floor)

    shown = (await http.get(f"/v1/tasks/{task_id}")).json()

    assert (shown["status"], shown["tier"], shown["moves"]) == ("succeeded", "small", ["escalate", "accept"])
    first, second = shown["trail"]
    assert [(a["number"], a["tier"], a["why"], a["verdict"]) for a in (first, second)] == [
        (1, "mini", "first", "unsure"),
        (2, "small", "escalate", "pass"),
    ]
    assert [f["check"] for f in first["findings"] if f["outcome"] != "pass"] == ["confidence"]
    assert (second["answer"], second["output"]) == ("output", {"merchant": "ACME", "total": 12.5})
    (call,) = second["calls"]
    assert (call["purpose"], call["model"], call["cost_usd"]) == ("answer", "openai/small-model", second["cost_usd"])
    assert (call["input_tokens"], call["output_tokens"]) == (1000, 100)
    assert float(shown["cost_usd"]) == sum(float(a["cost_usd"]) for a in (first, second)) > 0
    assert shown["created_at"] <= first["started_at"] <= first["ended_at"] <= shown["ended_at"]


async def test_a_task_that_is_not_there_is_told_as_such(http: httpx.AsyncClient, floor: Floor) -> None:
    """Whatever is asked of it."""
    path = "/v1/tasks/0123456789abcdef"
    answers = [
        await http.request(verb, path + more) for verb, more in (("GET", ""), ("GET", "/events"), ("DELETE", ""))
    ]
    answers.append(await http.post(f"{path}/cancel"))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown_task")] * 4


# list


async def test_lists_tasks_page_by_page(http: httpx.AsyncClient, floor: Floor) -> None:
    """Newest first, each once, without their contents."""
    ids = [(await submit(http)).json()["id"] for _ in range(5)]

    pages, cursor = [], None
    while True:
        page = (await http.get("/v1/tasks", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        pages.append([task["id"] for task in page["data"]])
        assert "input" not in page["data"][0]
        if (cursor := page["next"]) is None:
            break

    assert list(map(len, pages)) == [2, 2, 1]
    assert sorted(chain.from_iterable(pages)) == sorted(ids)
    times = [task["created_at"] for task in (await http.get("/v1/tasks")).json()["data"]]
    assert times == sorted(times, reverse=True)


async def test_narrows_a_list_down(http: httpx.AsyncClient, floor: Floor) -> None:
    """By status, policy and time."""
    first, second = [(await submit(http, policy=name)).json()["id"] for name in ("receipts", "others")]
    await http.post(f"/v1/tasks/{first}/cancel")

    async def ids(**params: str) -> list[str]:
        return [task["id"] for task in (await http.get("/v1/tasks", params=params)).json()["data"]]

    assert await ids(status="cancelled") == [first]
    assert await ids(policy="others") == [second]
    assert await ids(since="2030-01-01T00:00:00Z") == await ids(until="2020-01-01T00:00:00Z") == []
    assert sorted(await ids(since="2020-01-01", until="2100-01-01T00:00:00+01:00")) == sorted([first, second])


@pytest.mark.parametrize("params", [{"cursor": "nonsense"}, {"limit": 201}, {"status": "done"}, {"since": "yesterday"}])
async def test_refuses_what_cannot_be_listed(http: httpx.AsyncClient, floor: Floor, params: dict[str, Any]) -> None:
    """A wrong filter is told by its name, not taken for another one."""
    answer = await http.get("/v1/tasks", params=params)

    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == next(iter(params))


# cancel, erase


async def test_cancels_a_task(http: httpx.AsyncClient, floor: Floor) -> None:
    """Once; what has ended stays as it ended."""
    task_id = (await submit(http)).json()["id"]

    assert (await http.post(f"/v1/tasks/{task_id}/cancel")).json() == {"id": task_id, "status": "cancelled"}
    ended = await done(http, floor)
    assert (await http.post(f"/v1/tasks/{ended}/cancel")).json() == {"id": ended, "status": "succeeded"}


CANARY = "CANARY-4711"


async def test_erases_every_trace_of_what_was_said(
    http: httpx.AsyncClient, floor: Floor, raw: redis.Redis, prefix: str
) -> None:
    """No key of the database holds a word of it; how the task went and what it cost is still told."""
    said = DOUBTFUL.model_copy(update={"text": f'{{"merchant": "{CANARY}", "total": 12.5}}', "tokens": None})
    floor.llm._answer = lambda call: said if call.tier == "mini" else GOOD
    task_id = await done(
        http, floor, key="order-1", input={"text": CANARY}, metadata={"note": CANARY, "tags": [CANARY]}
    )
    before = (await http.get(f"/v1/tasks/{task_id}")).json()
    assert CANARY in str(before["trail"]) and CANARY in str(before["input"])

    assert (await http.delete(f"/v1/tasks/{task_id}")).json() == {"id": task_id, "status": "succeeded"}
    assert (await http.delete(f"/v1/tasks/{task_id}")).status_code == 200

    assert [key for key in raw.scan_iter(f"{prefix}*") if CANARY in _unpacked(raw, key)] == []
    after = (await http.get(f"/v1/tasks/{task_id}")).json()
    assert (after["input"], after["metadata"], after["output"]) == ({}, {}, None)
    assert after["erased_at"] is not None
    for name in ("status", "cost_usd", "created_at", "ended_at", "tier", "moves"):
        assert after[name] == before[name]
    assert [a["calls"] for a in after["trail"]] == [a["calls"] for a in before["trail"]]
    assert usd((await floor.store.balance()).settled_nusd) == before["cost_usd"]


def _unpacked(raw: redis.Redis, key: bytes) -> str:
    """All that a key holds, unpacked where it is packed."""
    match raw.type(key):
        case b"string":
            values = [raw.get(key)]
        case b"list":
            values = raw.lrange(key, 0, -1)
        case b"hash":
            values = [part for pair in raw.hgetall(key).items() for part in pair]
        case b"zset":
            values = raw.zrange(key, 0, -1)
        case b"set":
            values = list(raw.smembers(key))
        case _:
            values = [part for _, line in raw.xrange(key) for pair in line.items() for part in pair]
    return " ".join(_text(value) for value in values)


def _text(value: bytes) -> str:
    try:
        return unpack(value).decode()
    except (FormatTooNew, ValueError, zlib.error):
        return value.decode("utf-8", "replace")


async def test_erases_what_has_not_ended(http: httpx.AsyncClient, floor: Floor, raw: redis.Redis, prefix: str) -> None:
    """It is cancelled first, its audit goes along, and it is not sent again."""
    task_id = (await submit(http, input={"text": CANARY})).json()["id"]

    assert (await http.delete(f"/v1/tasks/{task_id}")).json()["status"] == "cancelled"

    assert [key for key in raw.scan_iter(f"{prefix}*") if CANARY in _unpacked(raw, key)] == []


async def test_an_audit_is_erased_with_its_task(
    http: httpx.AsyncClient, floor: Floor, raw: redis.Redis, prefix: str
) -> None:
    """It asked the same, and knows what was accepted."""
    await floor.store.publish([a_policy(policy="audited", audit={"rate": 1.0, "against": "large"})])
    task_id = await done(http, floor, policy="audited", input={"text": CANARY})
    record = (await http.get(f"/v1/tasks/{task_id}")).json()
    assert CANARY in _unpacked(raw, f"{prefix}in:{record['audit']}".encode())

    await http.delete(f"/v1/tasks/{task_id}")

    assert [key for key in raw.scan_iter(f"{prefix}*") if CANARY in _unpacked(raw, key)] == []


# tenants and scopes


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str, floor: Floor) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


def bearer(token: Token) -> dict[str, str]:
    return {"authorization": f"Bearer {token.text}"}


async def test_a_tenant_hears_nothing_of_anothers_tasks(guarded: Guarded) -> None:
    """Not even that they are there: the answer is that of a task that never was."""
    acme, bolt = await guarded.key("acme", *ALL), await guarded.key("bolt", *ALL)
    body = {"policy": "receipts", "input": TEXT}
    path = (await guarded.http.post("/v1/tasks", json=body, headers=bearer(acme))).headers["location"]

    for verb, more in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")):
        theirs = await guarded.http.request(verb, path + more, headers=bearer(bolt))
        nobodys = await guarded.http.request(verb, f"/v1/tasks/{'0' * 32}{more}", headers=bearer(bolt))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json()["detail"].replace(path.rpartition("/")[2], "") == nobodys.json()["detail"].replace(
            "0" * 32, ""
        )
    assert (await guarded.http.get("/v1/tasks", headers=bearer(bolt))).json()["data"] == []
    assert (await guarded.http.get(path, headers=bearer(acme))).json()["status"] == "ready"


async def test_keys_of_two_tenants_are_strangers(guarded: Guarded) -> None:
    """The same idempotency key of another tenant stands for another task."""
    tokens = [await guarded.key(tenant, *ALL) for tenant in ("acme", "bolt")]
    body = {"policy": "receipts", "input": TEXT}
    answers = [
        await guarded.http.post("/v1/tasks", json=body, headers=bearer(token) | {"idempotency-key": "order-1"})
        for token in tokens
    ]

    assert len({answer.json()["id"] for answer in answers}) == 2


@pytest.mark.parametrize(
    ("verb", "path", "scope"),
    [
        ("POST", "/v1/tasks", "submit"),
        ("POST", "/v1/tasks:batch", "submit"),
        ("GET", "/v1/tasks", "read"),
        ("GET", "/v1/tasks/t1", "read"),
        ("GET", "/v1/tasks/t1/events", "read"),
        ("POST", "/v1/tasks/t1/cancel", "cancel"),
        ("DELETE", "/v1/tasks/t1", "cancel"),
        ("GET", "/v1/queues", "read or admin"),
        ("GET", "/v1/costs", "read or admin"),
        ("GET", "/v1/budgets", "read or admin"),
        ("GET", "/v1/policies", "read"),
        ("GET", "/v1/policies/receipts", "read"),
        ("GET", "/v1/dead", "read or admin"),
        ("GET", "/v1/dead/t1", "read"),
        ("POST", "/v1/dead/t1/redrive", "submit"),
        ("DELETE", "/v1/dead/t1", "cancel"),
        ("GET", "/v1/review", "review"),
        ("GET", "/v1/review/t1", "review"),
        ("POST", "/v1/review/t1/resolve", "review"),
    ],
)
async def test_each_route_needs_its_scope(guarded: Guarded, verb: str, path: str, scope: str) -> None:
    """Without a key nobody comes in; a key with every other scope is told which one is missing."""
    others = [one for one in Scope if one.value not in scope.split(" or ")]
    body = {"policy": "receipts", "input": TEXT} if verb == "POST" else None
    if path.endswith("/resolve"):
        body = {"decision": "reject", "reason": "no"}

    stranger = await guarded.http.request(verb, path, json=body)
    lacking = await guarded.http.request(verb, path, json=body, headers=bearer(await guarded.key("acme", *others)))

    assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")
    assert (lacking.status_code, lacking.json()["code"]) == (403, "scope_missing")
    assert " or ".join(map(repr, scope.split(" or "))) in lacking.json()["detail"]


# keys, when everything else has changed


NARROW = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}, "required": ["text"]}


async def test_a_known_key_outlives_the_policy_of_its_time(
    http: httpx.AsyncClient, floor: Floor, backend: Backend, raw: redis.Redis, prefix: str
) -> None:
    """The same key and body is the same task where the policy takes less today, and where there is none any more."""
    first = await submit(http, key="order-1")
    await floor.store.publish([a_policy(input={"schema": NARROW})])
    async with elsewhere(backend) as later:
        narrower = await submit(later, key="order-1")
        other = await submit(later, key="order-1", priority="low")
        new = await submit(later, key="order-2")
    raw.delete(f"{prefix}current:receipts")
    async with elsewhere(backend) as later:
        unpublished = await submit(later, key="order-1")

    for again in (narrower, unpublished):
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (202, "true"), again.text
        assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "ready")
    for refused in (other, new):
        assert (refused.status_code, refused.json()["code"]) == (422, "task_invalid")
    assert len((await http.get("/v1/tasks")).json()["data"]) == 1


async def test_a_known_key_outlives_the_secret_of_its_webhook(
    http: httpx.AsyncClient, floor: Floor, backend: Backend
) -> None:
    """What was taken in with a webhook is found again without a secret to sign with; nothing new is taken in."""
    hook, commands = {"webhook": "https://example.com/hook"}, WebhookCommands(prefix=backend.settings.prefix)
    await backend.link.run(commands.add_secret("create", "default", secret_id="s1", text=new_secret(bytes(32))))
    first = await submit(http, key="order-1", **hook)
    await backend.link.run(commands.drop_secret("default", "s1"))

    again, new = await submit(http, key="order-1", **hook), await submit(http, key="order-2", **hook)

    assert (again.status_code, again.json()["replayed"], again.json()["id"]) == (202, True, first.json()["id"])
    assert (new.status_code, new.json()["code"]) == (422, "webhook_unsigned")


async def test_a_key_whose_task_is_gone_says_so(http: httpx.AsyncClient, floor: Floor, backend: Backend) -> None:
    """It stands for that task still: the body is not done again, and the answer says what to do."""
    await forget(backend, (await submit(http, key="order-1")).json()["id"])

    answers = [await submit(http, key="order-1"), await submit(http, key="order-1", wait=0.1)]
    other = await submit(http, key="order-1", priority="low")

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (410, "task_gone")
        assert answer.headers["idempotency-replayed"] == "true"
        assert "its record is gone; use a new key" in answer.json()["detail"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
