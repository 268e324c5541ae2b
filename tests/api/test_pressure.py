"""New tasks are refused while they would wait too long; known ones never are."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import redis

from router.api.app import create_app
from router.api.backend import Backend
from router.apikey import Limits, Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy, a_submission

LONG = a_policy(policy="long", limits={"deadline_s": 100_000})
BODY = {"policy": "long", "input": {"text": "ACME total 12.50"}}


class Queue:
    """The queue of mini, as a test wants it to have been."""

    def __init__(self, backend: Backend, raw: redis.Redis, prefix: str) -> None:
        self._backend, self._raw, self._prefix = backend, raw, prefix

    async def hold(self, count: int, tenant: str = "default") -> None:
        names = [f"{tenant}-{number}" for number in range(count)]
        await self._backend.store.submit([a_submission(name, policy=LONG.digest, tenant=tenant) for name in names])

    async def busy_for(self, seconds: int) -> None:
        self._raw.set(f"{self._prefix}busy:mini", await self._backend.client.now_ms() - seconds * 1000)

    async def left(self, count: int, steps_ago: int) -> None:
        step = await self._backend.client.now_ms() // 10_000 - steps_ago
        self._raw.set(f"{self._prefix}pace:mini:{step}", count)


@pytest.fixture
async def queue(backend: Backend, raw: redis.Redis, prefix: str) -> Queue:
    await backend.store.publish([LONG])
    return Queue(backend, raw, prefix)


async def submit(http: httpx.AsyncClient, *, key: str | None = None, **body: Any) -> httpx.Response:
    return await http.post("/v1/tasks", json=BODY | body, headers={"idempotency-key": key} if key else {})


async def test_takes_in_what_gets_its_turn(http: httpx.AsyncClient, queue: Queue) -> None:
    """A burst that has just come, however large, refuses nobody."""
    await queue.hold(1000)

    assert (await submit(http)).status_code == 202


async def test_refuses_what_would_wait_too_long(http: httpx.AsyncClient, queue: Queue) -> None:
    """With a 429, when to try again, and the numbers; what is urgent goes before what is not, and is taken in."""
    await queue.hold(10)
    await queue.busy_for(4000)

    refused, urgent = await submit(http), await submit(http, priority="high")

    problem = refused.json()
    assert (refused.status_code, problem["code"], refused.headers["retry-after"]) == (429, "backlogged", "401")
    assert (problem["ahead"], problem["predicted_wait_s"]) == (10, pytest.approx(4000, abs=5))
    assert urgent.status_code == 202


async def test_the_wait_is_foretold_from_what_left(http: httpx.AsyncClient, queue: Queue) -> None:
    """Ten tasks of which one leaves each ten seconds are gone soon, however long the queue has been busy."""
    await queue.hold(10)
    await queue.busy_for(4000)
    for steps_ago in range(1, 7):
        await queue.left(1, steps_ago)

    assert (await submit(http)).status_code == 202


async def test_how_long_is_too_long_is_a_setting(
    server: EmbeddedServer, backend: Backend, queue: Queue, prefix: str
) -> None:
    """ROUTER_WAIT_MAX_S says it."""
    await queue.hold(10)
    await queue.busy_for(4000)
    patient = Settings(redis_url=server.url, prefix=prefix, wait_max_s="5000")
    app = create_app(replace(backend, settings=patient))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router") as http:
        assert (await submit(http)).status_code == 202


async def test_a_deadline_that_cannot_be_met_is_refused_at_once(http: httpx.AsyncClient, queue: Queue) -> None:
    """With the numbers; where it is allowed more time it is taken in."""
    await queue.hold(10)
    await queue.busy_for(1000)

    refused, patient = await submit(http, deadline_s=900), await submit(http, deadline_s=1200)

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["error"]["param"]) == (
        422,
        "deadline_unreachable",
        "deadline_s",
    )
    assert (problem["deadline_s"], problem["ahead"]) == (900, 10)
    assert patient.status_code == 202


async def test_a_near_deadline_goes_before_what_is_less_urgent(http: httpx.AsyncClient, queue: Queue) -> None:
    """A task that is urgent for its deadline is not told to wait for those that it overtakes."""
    await queue.hold(10)
    await queue.busy_for(4000)

    assert (await submit(http, deadline_s=30)).status_code == 202


async def test_a_known_key_is_always_answered(http: httpx.AsyncClient, queue: Queue) -> None:
    """A task that was taken in is not refused when it is asked for again; another body is still a conflict."""
    first = await submit(http, key="order-1")
    await queue.hold(10, tenant="bolt")
    await queue.hold(10)
    await queue.busy_for(4000)

    async with httpx.AsyncClient(transport=http._transport, base_url="http://router") as later:
        again = await submit(later, key="order-1", priority="normal")
        other = await submit(later, key="order-1", priority="low")
        new = await submit(later, key="order-2", priority="low")

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    assert (new.status_code, new.json()["code"]) == (429, "backlogged")


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str, queue: Queue) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


async def test_more_choices_than_may_ever_wait_are_refused_for_good(guarded: Guarded) -> None:
    """Waiting would not help: it is the request's mistake, and none of its tasks is begun."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=2))).text}"}
    body = {"model": "policy/long", "messages": [{"role": "user", "content": "ACME total 12.50"}], "n": 3}

    answer = await guarded.http.post("/v1/chat/completions", json=body, headers=acme)

    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "n")
    assert "n asks for 3 tasks, and tenant 'acme' may have 2 at a time" in answer.json()["detail"]
    assert (await guarded.http.get("/v1/tasks", headers=acme)).json()["data"] == []


async def test_a_tenant_has_so_many_tasks_at_most(guarded: Guarded) -> None:
    """What has ended makes room; another tenant has its own limit, and a known key its answer."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=2))).text}"}
    bolt = {"authorization": f"Bearer {(await guarded.key('bolt', *Scope, limits=Limits(waiting_max=2))).text}"}

    async def post(headers: dict[str, str], key: str) -> httpx.Response:
        return await guarded.http.post("/v1/tasks", json=BODY, headers=headers | {"idempotency-key": key})

    answers = [await post(acme, key) for key in ("a", "b", "c", "a")]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 202]
    problem = answers[2].json()
    assert (problem["code"], problem["waiting"], problem["waiting_max"]) == ("too_many_waiting", 2, 2)
    assert answers[2].headers["retry-after"] == "10"
    assert (await post(bolt, "a")).status_code == 202

    await guarded.http.post(f"{answers[0].headers['location']}/cancel", headers=acme)
    assert (await post(acme, "c")).status_code == 202


async def test_tasks_that_come_at_once_share_one_limit(guarded: Guarded) -> None:
    """Of a hundred requests at the same time as many are taken in as may wait."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=10))).text}"}

    answers = await asyncio.gather(*(guarded.http.post("/v1/tasks", json=BODY, headers=acme) for _ in range(100)))

    assert Counter(answer.status_code for answer in answers) == {202: 10, 429: 90}
    assert not guarded.app.state.admissions._turns


async def test_places_of_several_kinds_share_one_limit(guarded: Guarded) -> None:
    """Lines of different urgency, which are asked about one by one, take no place twice, whoever comes meanwhile."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=8))).text}"}
    lines = "\n".join(json.dumps(BODY | {"deadline_s": deadline_s}) for deadline_s in range(10, 70, 10))
    kind = {"content-type": "application/jsonl"}

    batches = [guarded.http.post("/v1/tasks:batch", content=lines, headers=acme | kind) for _ in range(2)]
    ones = [guarded.http.post("/v1/tasks", json=BODY, headers=acme) for _ in range(6)]
    answers = await asyncio.gather(*batches, *ones)

    taken = sum(answer.text.count('"status":"ready"') for answer in answers)
    assert (taken, (await guarded.backend.client.pressure("mini", "acme")).waiting) == (8, 8)


async def test_a_key_that_comes_twice_in_a_request_takes_one_place(guarded: Guarded) -> None:
    """What stands behind it has the other one."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=2))).text}"}
    lines = "\n".join(json.dumps(BODY | {"key": key}) for key in ("a", "a", "b", "c", "a"))

    answer = await guarded.http.post(
        "/v1/tasks:batch", content=lines, headers=acme | {"content-type": "application/jsonl"}
    )

    said = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("replayed", False) for line in said] == [False, True, False, False, True]
    assert [line.get("problem", {}).get("code") for line in said] == [None, None, None, "too_many_waiting", None]


async def test_lines_that_are_known_take_nobody_s_place(guarded: Guarded) -> None:
    """A batch that is sent again is answered as before, and behind it as many new lines are taken in as have room."""
    acme = {"authorization": f"Bearer {(await guarded.key('acme', *Scope, limits=Limits(waiting_max=10))).text}"}

    async def send(*keys: str) -> list[dict[str, Any]]:
        lines = "\n".join(json.dumps(BODY | {"key": key}) for key in keys)
        kind = {"content-type": "application/jsonl"}
        answer = await guarded.http.post("/v1/tasks:batch", content=lines, headers=acme | kind)
        return [json.loads(line) for line in answer.text.splitlines()]

    known = [f"k{number}" for number in range(8)]
    await send(*known)
    said = await send(*known, "new-1", "new-2", "new-3", "k0")

    assert [line.get("replayed", False) for line in said] == [*[True] * 8, False, False, False, True]
    assert ["problem" in line for line in said] == [*[False] * 10, True, False]
    assert said[10]["problem"]["code"] == "too_many_waiting"
