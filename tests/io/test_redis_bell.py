"""The bell that tells idle shifts of work, over a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from router.io.embedded import EmbeddedServer
from router.io.redis_bell import RedisBell
from router.io.redis_keys import Keys
from router.io.redis_store import RedisStore
from tests.builders import a_policy, a_submission


async def test_rings_when_a_queue_gets_work(server: EmbeddedServer, prefix: str, redis_store: RedisStore) -> None:
    """A task that becomes ready at one of the queues rings; one at another queue does not."""
    await redis_store.publish([a_policy()])
    bells = {name: RedisBell(server.url, keys=Keys(prefix), queues=[name, "large"]) for name in ("mini", "small")}
    listening = {name: asyncio.create_task(bell.rung(20 if name == "mini" else 0.5)) for name, bell in bells.items()}

    await redis_store.submit([a_submission("t1")])

    assert {name: await heard for name, heard in listening.items()} == {"mini": True, "small": False}
    for bell in bells.values():
        await bell.close()


async def test_is_silent_while_redis_is_away(tmp_path: Path) -> None:
    """Without a server nothing rings, nothing is raised, and listening takes its time: nobody asks in a hot loop."""
    bell = RedisBell(f"unix://{tmp_path}/none.sock", keys=Keys("x:"), queues=["mini"])
    elsewhere = asyncio.create_task(asyncio.sleep(0.02))

    assert await bell.rung(0.05) is False

    assert elsewhere.done()
    await bell.close()


async def test_is_passed_on_to_who_waits(server: EmbeddedServer, prefix: str, redis_store: RedisStore) -> None:
    """Who heard it and cannot take what it rang for lets another one hear it; who heard nothing passes nothing on."""
    await redis_store.publish([a_policy()])
    one, other = (RedisBell(server.url, keys=Keys(prefix), queues=["mini"]) for _ in range(2))
    await redis_store.submit([a_submission("t1")])
    heard = [await one.rung(20), await one.rung(0.1)]
    await one.pass_on()
    silent = await other.rung(0.1)

    await redis_store.submit([a_submission("t2")])
    heard.append(await one.rung(20))
    await one.pass_on()

    assert (heard, silent, await other.rung(20)) == ([True, False, True], False, True)
    for bell in (one, other):
        await bell.close()
