"""What a producer meets: both clients over a real server, with a shift beside them."""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from router import AsyncClient, Client
from router.async_client import AsyncHandle
from router.client import MANY, Handle
from router.errors import (
    NotDead,
    ResultPending,
    RouterError,
    SettingsInvalid,
    TaskConflict,
    TaskGone,
    TaskInvalid,
    TaskNotSucceeded,
    UnknownPolicy,
    UnknownTask,
)
from router.event import Stands
from router.io.embedded import EmbeddedServer
from router.task import TaskState
from tests.acl import GuardedServer, peek
from tests.builders import DOUBTFUL, a_policy
from tests.gang import ROOT
from tests.listening import listening, newest
from tests.waiting import until
from tests.workers.floor import Floor, Gated

TEXT = {"text": "ACME total 12.50"}
OUTPUT = {"merchant": "ACME", "total": 12.5}
WAITERS = 1000


class InThreads:
    """A `Client`, or a handle of one, with the face of the asyncio one: each call runs in a thread."""

    def __init__(self, thing: Any, pool: ThreadPoolExecutor) -> None:
        self._thing, self._pool = thing, pool

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        return partial(self._call, value) if callable(value) else value

    async def _call(self, function: Any, *words: Any, **more: Any) -> Any:
        done = await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *words, **more))
        return [self._faced(one) for one in done] if isinstance(done, list) else self._faced(done)

    def _faced(self, value: Any) -> Any:
        return InThreads(value, self._pool) if isinstance(value, Handle) else value


@pytest.fixture
def llm() -> Gated:
    return Gated()


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str, llm: Gated) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, llm)
    await floor.store.publish([a_policy()])
    yield floor
    await floor.close()


@pytest.fixture(params=["Client", "AsyncClient"])
async def client(request: pytest.FixtureRequest, server: EmbeddedServer, prefix: str) -> AsyncIterator[Any]:
    """Either client, with `await`."""
    if request.param == "AsyncClient":
        async with AsyncClient(server.url, prefix=prefix) as own:
            yield own
        return
    with ThreadPoolExecutor(WAITERS) as pool, Client(server.url, prefix=prefix) as plain:
        yield InThreads(plain, pool)


def test_both_clients_have_the_same_names() -> None:
    """What one client can do the other can, with the same arguments."""
    for plain, awaited in ((Client, AsyncClient), (Handle, AsyncHandle)):
        faces = [_face(plain), _face(awaited)]
        assert faces[0] == faces[1]
        assert faces[0]


async def test_submits_and_waits(client: Any, floor: Floor, llm: Gated) -> None:
    """A result tells the status, the output, the tier, the cost and the whole trail."""
    llm.open()
    async with floor.shift():
        handle = await client.submit("receipts", TEXT)
        result = await handle.wait(timeout_s=20)

    assert (result.id, result.status, result.output, result.tier) == (handle.id, "succeeded", OUTPUT, "mini")
    assert result.cost_usd == Decimal("0.000210000")
    assert [(attempt.tier, attempt.why) for attempt in result.trail] == [("mini", "first")]
    assert result.unwrap() == OUTPUT
    assert await handle.result() == await client.get(handle.id) == result


async def test_runs(client: Any, floor: Floor, llm: Gated) -> None:
    """`run` submits and waits."""
    llm.open()
    async with floor.shift():
        result = await client.run("receipts", TEXT, timeout_s=20, tenant="acme", key="order-1", priority="high")

    assert result.output == OUTPUT
    record = await client.read(result.id)
    assert (record.task.tenant, record.task.priority) == ("acme", "high")


async def test_a_task_that_no_tier_could_do_is_told_as_such(server: EmbeddedServer, prefix: str, client: Any) -> None:
    """An answer that did not pass is never an output; unwrapping says why."""
    llm = Gated(lambda call: DOUBTFUL)
    llm.open()
    floor = Floor(server.url, prefix, None, llm)
    await floor.store.publish([a_policy(tiers=["mini"])])
    async with floor.shift():
        result = await client.run("receipts", TEXT, timeout_s=20)

    assert (result.ok, result.status, result.output) == (False, "dead", None)
    with pytest.raises(TaskNotSucceeded, match=f"task {result.id} is dead: no tier is left; mini: confidence "):
        result.unwrap()
    await floor.close()


async def test_a_dead_letter_is_sent_again_and_done(server: EmbeddedServer, prefix: str, client: Any) -> None:
    """Once the policy was mended its dead letters go the whole way, under their new tasks."""
    llm = Gated(lambda call: DOUBTFUL)
    llm.open()
    floor = Floor(server.url, prefix, None, llm)
    await floor.store.publish([a_policy(tiers=["mini"])])
    async with floor.shift():
        died = await client.run("receipts", TEXT, timeout_s=20, tenant="acme")
        await floor.store.publish([a_policy(tiers=["mini"], checks=[])])

        again = await client.redrive(died.id)
        result = await again.wait(timeout_s=20)

    assert (result.status, result.output) == ("succeeded", OUTPUT)
    assert (again.id, again.replayed) == (result.id, False)
    repeated = await client.redrive(died.id)
    assert (repeated.id, repeated.replayed) == (again.id, True)
    assert (await client.read(again.id)).origin == died.id
    (letter,) = await client.dead(policy="receipts", tenant="acme", reason="CONFIDENCE", since_s=3600)
    assert (letter.id, letter.redriven) == (died.id, again.id)
    assert await client.dead(redriven=True) == [letter]
    assert await client.dead(redriven=False) == []
    with pytest.raises(NotDead, match=f"task {again.id} is succeeded"):
        await client.redrive(again.id)
    await floor.close()


async def test_names_what_is_published(server: EmbeddedServer, prefix: str, client: Any) -> None:
    """Whoever asks learns which policies tasks can be submitted to, in order."""
    assert await client.policies() == []

    floor = Floor(server.url, prefix, None, Gated(lambda call: DOUBTFUL))
    await floor.store.publish([a_policy(), a_policy(policy="others")])

    assert await client.policies() == ["others", "receipts"]
    await floor.close()


async def test_a_version_is_known_by_its_digest(server: EmbeddedServer, prefix: str, client: Any) -> None:
    """Its name and the kind of its outputs, also when another version is current."""
    floor = Floor(server.url, prefix, None, Gated(lambda call: DOUBTFUL))
    before, after = a_policy(), a_policy(output={"labels": ["a", "b"]})
    await floor.store.publish([before])
    await floor.store.publish([after])

    assert await client.version(before.digest) == ("receipts", "schema")
    assert await client.version(after.digest) == ("receipts", "labels")
    assert (await client.known("receipts")).digest == after.digest
    with pytest.raises(UnknownPolicy, match="no policy with digest 0123"):
        await client.version("0123")
    await floor.close()


async def test_a_dead_letter_is_dropped(server: EmbeddedServer, prefix: str, client: Any) -> None:
    """Of a dropped letter nothing is known any more, and other tasks are not touched."""
    llm = Gated(lambda call: DOUBTFUL)
    llm.open()
    floor = Floor(server.url, prefix, None, llm)
    await floor.store.publish([a_policy(tiers=["mini"])])
    async with floor.shift():
        died = [await client.run("receipts", TEXT, timeout_s=20) for _ in range(2)]

    assert [task.id for task in (await client.tasks(status="dead", policy="receipts")).tasks] == [
        died[1].id,
        died[0].id,
    ]
    await client.drop(died[0].id)

    assert [letter.id for letter in await client.dead(limit=None)] == [died[1].id]
    assert [task.id for task in (await client.tasks()).tasks] == [died[1].id]
    for asked in (client.get, client.drop, client.redrive):
        with pytest.raises(UnknownTask, match=f"there is no task {died[0].id}"):
            await asked(died[0].id)
    await floor.close()


async def test_submits_many_in_few_round_trips(client: Any, floor: Floor, raw: redis.Redis) -> None:
    """Hundreds of tasks leave in one command, each with a handle, in order."""
    await client.submit("receipts", TEXT)
    before = _calls(raw)

    handles = await client.submit_many("receipts", [{"text": f"receipt {i}"} for i in range(2 * MANY + 1)])

    assert _calls(raw) - before == 3
    assert len({handle.id for handle in handles}) == 2 * MANY + 1
    assert (await client.read(handles[-1].id)).task.input == {"text": f"receipt {2 * MANY}"}


async def test_submits_all_or_none(client: Any, floor: Floor, raw: redis.Redis, prefix: str) -> None:
    """One invalid input among many is named by its number, and nothing is sent."""
    with pytest.raises(TaskInvalid, match="input 2: the input does not meet the schema of policy 'receipts'"):
        await client.submit_many("receipts", [TEXT, TEXT, {"txet": "?"}])
    with pytest.raises(TaskInvalid, match="2 inputs and 1 keys were given"):
        await client.submit_many("receipts", [TEXT, TEXT], keys=["a"])

    assert raw.zcard(f"{prefix}due") == 0


async def test_a_key_stands_for_one_body(client: Any, floor: Floor) -> None:
    """The same key and body are the same task, by whoever asks in that tenant; another body is a conflict."""
    first = await client.submit("receipts", TEXT, key="order-1", tenant="acme")

    again = await client.submit("receipts", TEXT, key="order-1", tenant="acme")
    (among_many,) = await client.submit_many("receipts", [TEXT], keys=["order-1"], tenant="acme")
    elsewhere = await client.submit("receipts", TEXT, key="order-1", tenant="other")

    assert (first.replayed, again.replayed, among_many.replayed, elsewhere.replayed) == (False, True, True, False)
    assert first.id == again.id == among_many.id != elsewhere.id
    with pytest.raises(TaskConflict, match=f"the key was used for task {first.id} with another body"):
        await client.submit("receipts", {"text": "another"}, key="order-1", tenant="acme")
    with pytest.raises(TaskConflict):
        await client.submit("receipts", TEXT, key="order-1", tenant="acme", priority="high")


async def test_waiting_has_an_end(client: Any, floor: Floor, llm: Gated) -> None:
    """A wait that was too short says how the task stands; the task goes on, and may be waited for again."""
    async with floor.shift():
        handle = await client.submit("receipts", TEXT)
        await llm.asked(1)
        for timeout_s in (0, 0.05):
            with pytest.raises(ResultPending, match=f"task {handle.id} is running after {timeout_s} s; it goes on"):
                await handle.wait(timeout_s=timeout_s)
        llm.open()
        await handle.wait(timeout_s=20)

    assert (await handle.wait(timeout_s=0)).ok


async def test_waits_for_a_state_that_is_no_end(client: Any, floor: Floor, llm: Gated) -> None:
    """Whoever waits for certain states is told the one that was reached, or after a while the one it is in."""
    async with floor.shift():
        handle = await client.submit("receipts", TEXT)
        await llm.asked(1)
        running = await client.reach(handle.id, {TaskState.RUNNING}, timeout_s=20)
        still = await client.reach(handle.id, {TaskState.REVIEW}, timeout_s=0.05)
        llm.open()
        ended = await client.reach(handle.id, {TaskState.REVIEW, TaskState.SUCCEEDED}, timeout_s=20)

    assert (running, still, ended) == (TaskState.RUNNING, TaskState.RUNNING, TaskState.SUCCEEDED)


async def test_cancels(client: Any, floor: Floor, llm: Gated, raw: redis.Redis, prefix: str) -> None:
    """Cancelling ends a task once: who waits is told, no tier is asked, and what has ended stays as it is."""
    handle = await client.submit("receipts", TEXT)
    waiting = asyncio.create_task(handle.wait(timeout_s=20))

    assert await handle.cancel() == "cancelled"

    result = await waiting
    assert (result.status, result.output, result.reason) == ("cancelled", None, "cancelled by the caller")
    assert await client.cancel(handle.id) == "cancelled"
    assert raw.zcard(f"{prefix}due") == 0
    llm.open()
    async with floor.shift():
        ended = await client.run("receipts", TEXT, timeout_s=20)
    assert await client.cancel(ended.id) == "succeeded"
    assert len(llm.calls) == 1


async def test_waits_for_tasks_of_another_process(
    client: Any, floor: Floor, llm: Gated, server: EmbeddedServer, prefix: str
) -> None:
    """Whoever knows a task's id may wait for its end."""
    code = f"from router import Client; print(Client({server.url!r}, prefix={prefix!r}).submit('receipts', {TEXT}).id)"
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=subprocess.PIPE)
    task_id = (await other.communicate())[0].decode().strip()

    waiting = [asyncio.create_task(client.wait(task_id, timeout_s=20)) for _ in range(3)]
    async with floor.shift():
        await llm.asked(1)
        llm.open()
        results = await asyncio.gather(*waiting)

    assert {(result.id, result.status) for result in results} == {(task_id, "succeeded")}


async def test_one_reader_serves_a_thousand_waiters(client: Any, floor: Floor, llm: Gated, raw: redis.Redis) -> None:
    """All waiters of a process share one connection that listens, and each hears of its own task."""
    before = newest(raw)  # others may listen too
    handles = await client.submit_many("receipts", [{"text": f"receipt {i}"} for i in range(WAITERS)])
    waiting = [asyncio.create_task(handle.wait(timeout_s=60)) for handle in handles]
    await until(lambda: listening(raw, before))
    assert listening(raw, before) == 1

    llm.open()
    async with floor.shift(at_once=200):
        results = await asyncio.gather(*waiting)

    assert [result.id for result in results] == [handle.id for handle in handles]
    assert {result.status for result in results} == {"succeeded"}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_waiting_outlives_the_server(tmp_path: Path, llm: Gated, kind: type[Client | AsyncClient]) -> None:
    """Who waits while Redis is killed and started again is woken all the same."""
    server = GuardedServer(tmp_path)
    floor = Floor(server.url, "r:", None, llm)
    await floor.store.publish([a_policy()])
    with ThreadPoolExecutor() as pool, peek(server.url) as raw, Client(server.url) as plain:
        own = AsyncClient(server.url)
        client: Any = own if kind is AsyncClient else InThreads(plain, pool)
        handle = await client.submit("receipts", TEXT)
        waiting = asyncio.create_task(handle.wait(timeout_s=60))
        await until(lambda: listening(raw))
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server = GuardedServer(tmp_path)
        llm.open()
        async with floor.shift():
            assert (await waiting).ok
        await own.close()
    await floor.close()
    server.stop()


async def test_tells_live_what_happens(client: Any, floor: Floor, llm: Gated) -> None:
    """The events of tasks come in order, each once."""
    llm.open()
    async with floor.shift():
        ended = [await client.run("receipts", TEXT, timeout_s=20) for _ in range(2)]

    told = await _events(client)

    assert [event.task for event in told if isinstance(event, Stands)] == [result.id for result in ended]
    assert await _events(client) == []


FORKED = """
import os, sys, threading
from router import Client
client = Client(sys.argv[1], prefix=sys.argv[2])
threading.Thread(target=client.submit("receipts", {"text": "before"}).wait).start()
client._waiter._lock.acquire()  # as any thread may, at any moment
child = os.fork()
if child:
    client._waiter._lock.release()
    result = client.run("receipts", {"text": "parent"}, timeout_s=30)
    os.waitpid(child, 0)
else:
    result = client.run("receipts", {"text": "child"}, timeout_s=30)
print(result.status, result.id, flush=True)
os._exit(0)
"""


async def test_a_client_survives_a_fork(floor: Floor, llm: Gated, server: EmbeddedServer, prefix: str) -> None:
    """A web server that forks after its client was used: parent and child each submit, wait and are woken."""
    words = [sys.executable, "-c", FORKED, server.url, prefix]
    forking = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=subprocess.PIPE)

    async with floor.shift():
        await llm.asked(3)
        llm.open()
        said = (await asyncio.wait_for(forking.communicate(), 60))[0].decode().split()

    assert said[::2] == ["succeeded", "succeeded"]
    assert said[1] != said[3]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, server: EmbeddedServer) -> None:
    """`from_env` takes the server and the prefix of ROUTER_*, and names what it does not know."""
    monkeypatch.setenv("ROUTER_REDIS_URL", server.url)
    monkeypatch.setenv("ROUTER_PREFIX", "env:")
    with Client.from_env() as client, pytest.raises(UnknownPolicy):
        client.card("receipts")

    monkeypatch.setenv("ROUTER_PREFX", "env:")
    with pytest.raises(SettingsInvalid, match="ROUTER_PREFX is no setting of ours; did you mean ROUTER_PREFIX"):
        Client.from_env()


SUBMITTED: dict[str, tuple[dict[str, Any], type[RouterError], str]] = {
    "unknown policy": ({"policy": "receits"}, UnknownPolicy, "no policy 'receits' was published; start a worker"),
    "schema": ({"input": {}}, TaskInvalid, "the input does not meet the schema of policy 'receipts': .*text"),
    "no JSON": ({"input": {"text": {1, 2}}}, TaskInvalid, "the input is not JSON data: "),
    "not a number": ({"input": {"text": math.nan}}, TaskInvalid, "the input is not JSON data: "),
    "half a character": ({"input": {"text": "\ud800"}}, TaskInvalid, "the input is not JSON data: "),
    "too large": (
        {"input": {"text": "x" * 262_144}},
        TaskInvalid,
        r"the input has 262,155 bytes, the policy's limits.input_bytes is 262,144; shorten it, or raise the limit",
    ),
    "tenant": ({"tenant": "a b"}, TaskInvalid, "the tenant must be 1 to 200 bytes of printable text without blanks"),
    "tenant's colon": ({"tenant": "a:b"}, TaskInvalid, "the tenant must not contain a colon"),
    "key": ({"key": ""}, TaskInvalid, "the key must be 1 to 200 bytes"),
    "long key": ({"key": "k" * 201}, TaskInvalid, "the key must be 1 to 200 bytes"),
    "deadline": ({"deadline_s": 0}, TaskInvalid, "deadline_s is 0, it must be greater than 0"),
    "priority": ({"priority": "urgent"}, TaskInvalid, "priority is 'urgent', expected one of high, normal, low"),
    "metadata": ({"metadata": {"x": "y" * 20_000}}, TaskInvalid, "metadata has more than 16,384 bytes"),
}


@pytest.mark.parametrize("name", SUBMITTED)
async def test_says_what_is_wrong_with_a_task(
    client: Any, floor: Floor, raw: redis.Redis, prefix: str, name: str
) -> None:
    """Every refusal is one sentence that says what was expected, and nothing was taken in."""
    words, error, sentence = SUBMITTED[name]

    with pytest.raises(error, match=sentence):
        await client.submit(**{"policy": "receipts", "input": TEXT, **words})

    assert raw.zcard(f"{prefix}due") == 0


async def test_says_that_there_is_no_such_task(client: Any, floor: Floor) -> None:
    """Reading, waiting for and cancelling a task that nobody knows says so."""
    for asked in (client.get, client.wait, client.cancel):
        with pytest.raises(UnknownTask, match="there is no task nobody: the id is wrong or not whole"):
            await asked("nobody")


def _face(thing: type) -> dict[str, list[str]]:
    """Public names with their parameters."""
    return {
        name: list(inspect.signature(value).parameters) if callable(value) else []
        for name, value in inspect.getmembers(thing)
        if not name.startswith("_")
    }


async def _events(client: Any) -> list[Any]:
    events = client.events(wait_s=0)
    return [event async for event in events] if hasattr(events, "__aiter__") else list(await events)


def _calls(raw: redis.Redis) -> int:
    """Scripts run by the server so far."""
    return int(raw.info("commandstats")["cmdstat_evalsha"]["calls"])


async def test_a_known_key_outlives_the_policy_of_its_time(
    client: Any, floor: Floor, server: EmbeddedServer, raw: redis.Redis, prefix: str
) -> None:
    """The same key and body is the same task where the policy takes less today, and where there is none any more."""
    narrow = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}, "required": ["text"]}
    with Client(server.url, prefix=prefix) as earlier:
        first = earlier.submit("receipts", TEXT, key="order-1")
        await floor.store.publish([a_policy(input={"schema": narrow})])

        again = await client.submit("receipts", TEXT, key="order-1")
        many = await client.submit_many("receipts", [{"text": "new"}, TEXT], keys=["order-2", "order-1"])
        with pytest.raises(TaskInvalid):
            await client.submit("receipts", TEXT, key="order-3")
        with pytest.raises(TaskInvalid, match="input 2: "):
            await client.submit_many("receipts", [TEXT, {"text": "a"}, TEXT], keys=["order-1", "order-4", "order-5"])
        raw.delete(f"{prefix}current:receipts")
        with Client(server.url, prefix=prefix) as later:
            unpublished = later.submit("receipts", TEXT, key="order-1")
            (among_many,) = later.submit_many("receipts", [TEXT], keys=["order-1"])
            with pytest.raises(UnknownPolicy):
                later.submit_many("receipts", [TEXT, TEXT], keys=["order-1", "order-6"])

    assert [(one.id, one.replayed) for one in (again, many[1], unpublished, among_many)] == [(first.id, True)] * 4
    assert (many[0].replayed, raw.zcard(f"{prefix}due")) == (False, 2)


async def test_a_key_whose_task_is_gone_says_so(client: Any, floor: Floor, raw: redis.Redis, prefix: str) -> None:
    """It stands for that task still: the body is not done again, and the error says what to do."""
    first = await client.submit("receipts", TEXT, key="order-1")
    raw.delete(f"{prefix}t:{first.id}", f"{prefix}in:{first.id}")

    with pytest.raises(TaskGone, match=f"the task of this key, {first.id}, is over and its record is gone; use a new"):
        await client.submit("receipts", TEXT, key="order-1")
    with pytest.raises(TaskGone):
        await client.submit_many("receipts", [TEXT], keys=["order-1"])
