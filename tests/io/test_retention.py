"""What is left of a task after its end, key by key, by the server's own account of when each key goes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis

from router.async_client import AsyncClient
from router.call import Answer, Call
from router.io.commands.webhook import WebhookCommands
from router.io.embedded import EmbeddedServer
from router.record import Record
from router.settings import Settings
from router.webhook import new_secret
from tests.builders import DOUBTFUL, GOOD, a_policy
from tests.receiver import a_receiver
from tests.workers.floor import Floor, Gated
from workers.webhooks import open_postman

KEEP_S = 90
DAY_S = 86_400
DEADLINE_S = 600
SECRET = "CONFIDENTIAL-4711"
LEASES_S = 120
WAKE_S = 600
TOLD_S = 3 * DAY_S

GOES = {
    r"(t|in|trail):.*": KEEP_S,
    r"(c|idem|storm):.*": DAY_S,
    r"of:.*": DEADLINE_S + KEEP_S + DAY_S + 1,
    r"pace:.*": 120,
    r"claim:.*": LEASES_S,
    r"wake:.*": WAKE_S,
    r"bal:(tenant|policy|tier|audit):.*": 100 * DAY_S,
    r"hook:.*": TOLD_S,
    r"hooked:.*": TOLD_S + 5 * DAY_S,
}
"""Keys of one task, or of its moment, and the seconds after which each is gone."""
STAYS = (
    r"ledger|events|windows|scopes|budgets|policies|policy:.*|versions|current:.*|bal:global:.*|vt:.*|busy:.*"
    r"|gate:.*|dead|counts|published|hooked|whsec:.*"
)
"""What is nobody's: movements of money, moves, sums, policies; and the list of dead letters, cut by time."""


def answers(call: Call) -> Answer:
    """Mini doubts, others are sure."""
    return DOUBTFUL if call.tier == "mini" else GOOD


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, Gated(answers))
    await floor.store.publish([a_policy(keep_s=KEEP_S), a_policy(policy="hopeless", tiers=["mini"], keep_s=KEEP_S)])
    yield floor
    await floor.close()


@pytest.fixture
async def client(server: EmbeddedServer, prefix: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.url, prefix=prefix) as client:
        yield client


async def submitted(client: AsyncClient, policy: str, **order: Any) -> str:
    given = {"text": f"ACME total 12.50 {SECRET}"}
    handle = await client.submit(policy, given, key="order-1", metadata={"note": SECRET}, **order)
    return handle.id


async def succeeded(floor: Floor, client: AsyncClient) -> str:
    """Two attempts, a climb, a result."""
    floor.llm.open()
    task_id = await submitted(client, "receipts")
    async with floor.shift("mini", "small"):
        await client.wait(task_id, timeout_s=20)
    return task_id


async def dead(floor: Floor, client: AsyncClient) -> str:
    floor.llm.open()
    task_id = await submitted(client, "hopeless")
    async with floor.shift("mini"):
        await client.wait(task_id, timeout_s=20)
    return task_id


async def redriven(floor: Floor, client: AsyncClient) -> str:
    """Sent again, and dead again: nothing of the letter or of its heir stays longer."""
    handle = await client.redrive(await dead(floor, client))
    async with floor.shift("mini"):
        await handle.wait(timeout_s=20)
    return handle.id


async def cancelled(floor: Floor, client: AsyncClient) -> str:
    """While its call was in flight, which is booked afterwards."""
    task_id = await submitted(client, "receipts")
    async with floor.shift("mini"):
        await floor.llm.asked(1)
        await client.cancel(task_id)
    return task_id


async def expired(floor: Floor, client: AsyncClient) -> str:
    task_id = await submitted(client, "receipts", deadline_s=0.001)
    async with floor.shift("mini"):
        await client.wait(task_id, timeout_s=20)
    return task_id


async def told(floor: Floor, client: AsyncClient) -> str:
    """A success that a webhook was told of with all its contents."""
    prefix, address = floor.keys.prefix, "127.0.0.1"
    add = WebhookCommands(prefix=prefix).add_secret("create", "default", secret_id="a", text=new_secret(bytes(32)))
    await floor.link.run(add)
    async with a_receiver() as receiver:
        task_id = await submitted(client, "receipts", webhook={"url": receiver.url(), "payload": "full"})
        floor.llm.open()
        async with floor.shift("mini", "small"):
            await client.wait(task_id, timeout_s=20)
        async with open_postman(Settings(redis_url=floor.url, prefix=prefix, webhook_allow=address)) as postman:
            assert await postman.round() == 1
            await postman.finish()
        assert SECRET in str(receiver.got[0].body)
    return task_id


ENDS: dict[str, Callable[[Floor, AsyncClient], Awaitable[str]]] = {
    "succeeded": succeeded,
    "dead": dead,
    "redriven": redriven,
    "told": told,
    "cancelled": cancelled,
    "expired": expired,
}


def stays(name: str) -> bool:
    return re.fullmatch(STAYS, name) is not None


def names(raw: redis.Redis, prefix: str) -> dict[str, str]:
    """Every key, and its name without the prefix."""
    keys = (key.decode() for key in raw.scan_iter(f"{prefix}*", count=1000))
    return {key: key.removeprefix(prefix) for key in keys}


@pytest.mark.parametrize("end", ENDS)
async def test_every_key_of_an_ended_task_goes(
    floor: Floor, client: AsyncClient, raw: redis.Redis, prefix: str, end: str
) -> None:
    """The record goes after keep_s, what guards against doubles within a day, and no key is of any other kind."""
    task_id = await ENDS[end](floor, client)
    assert (await client.read(task_id)).state == {"redriven": "dead", "told": "succeeded"}.get(end, end)

    for key, name in names(raw, prefix).items():
        left_s, bounds = raw.ttl(key), [seconds for kind, seconds in GOES.items() if re.fullmatch(kind, name)]
        assert stays(name) != bool(bounds), f"{name} is of no kind that a task may leave"
        assert not bounds or 0 <= left_s <= bounds[0], f"{name} goes in {left_s} s"


@pytest.mark.parametrize("end", ENDS)
async def test_the_record_goes_as_a_whole_and_on_time(
    floor: Floor, client: AsyncClient, raw: redis.Redis, prefix: str, end: str
) -> None:
    """State, input and trail all go keep_s after the task's end, to the second, by the server's own clock."""
    record: Record = await client.read(await ENDS[end](floor, client))

    goes_ms = {part: raw.pexpiretime(f"{prefix}{part}:{record.task.id}") for part in ("t", "in", "trail")}

    assert record.ended_ms is not None
    if not record.trail:
        assert goes_ms.pop("trail") == -2
    assert all(0 <= at_ms - (record.ended_ms + KEEP_S * 1000) < 1000 for at_ms in goes_ms.values())


@pytest.mark.parametrize("end", ENDS)
async def test_contents_lie_in_the_record_alone(
    floor: Floor, client: AsyncClient, raw: redis.Redis, prefix: str, end: str
) -> None:
    """Neither input nor metadata nor output stand in anything that outlives the record."""
    task_id = await ENDS[end](floor, client)
    record = await client.read(task_id)
    assert SECRET in str(record.task.input)
    assert SECRET in str(record.task.metadata)

    outliving = [key for key, name in names(raw, prefix).items() if not re.fullmatch(r"(t|in|trail):.*", name)]
    contents = {key: read_all(raw, key) for key in outliving if not re.search(":(policy|current):", key)}
    assert [key for key, content in contents.items() if SECRET in content or 'merchant": "ACME' in content] == []


async def test_a_dead_letter_is_listed_as_long_as_it_is_kept(
    floor: Floor, client: AsyncClient, raw: redis.Redis, prefix: str
) -> None:
    """Its place in the list has the time of its record's end, by which the list is cut."""
    record = await client.read(await dead(floor, client))

    assert record.ended_ms is not None
    assert raw.zrange(f"{prefix}dead", 0, -1, withscores=True) == [
        (record.task.id.encode(), record.ended_ms + KEEP_S * 1000)
    ]


def read_all(raw: redis.Redis, key: str) -> str:
    match raw.type(key):
        case b"string":
            return str(raw.get(key))
        case b"hash":
            return str(raw.hgetall(key))
        case b"list":
            return str(raw.lrange(key, 0, -1))
        case b"set":
            return str(raw.smembers(key))
        case b"zset":
            return str(raw.zrange(key, 0, -1))
        case _:
            return str(raw.xrange(key))
