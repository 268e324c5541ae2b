"""Tasks and memory: new ones are refused before it is full, and what was taken in goes on even then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from router.errors import Backlogged
from router.io.commands.producer import ProducerCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.producing import admitted
from router.submission import Admission, Full, Submission, Submitted
from tests.acl import GuardedServer, peek
from tests.builders import a_submission
from tests.io.test_scripts import STEPS, a_desk

BATCH = 50


class Shop:
    """A server with a bit more memory than it uses, and a producer."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.raw = peek(server.url)
        self.link = Link(connect(server.url), prefix="x:")
        self.commands = ProducerCommands(prefix="x:")
        self.submit(a_submission("first", key="order-first"))
        self.limit(int(self.raw.info("memory")["used_memory"]) + 3_000_000)

    def limit(self, limit_bytes: int) -> None:
        self.raw.config_set("maxmemory", limit_bytes)

    def submit(self, *submissions: Submission) -> list[Admission]:
        return self.link.run(self.commands.submit(submissions))

    def fill(self) -> tuple[list[str], Full]:
        """Submit until it is refused; returns what was taken in, and the refusal."""
        taken: list[str] = []
        while True:
            for admission in self.submit(*(a_submission(uuid4().hex, key=uuid4().hex) for _ in range(BATCH))):
                if isinstance(admission, Full):
                    return taken, admission
                assert isinstance(admission, Submitted)
                taken.append(admission.task_id)

    def close(self) -> None:
        self.raw.close()
        self.link.close()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    with GuardedServer(tmp_path) as server:
        shop = Shop(server)
        yield shop
        shop.close()


async def test_new_tasks_are_refused_before_memory_is_full(shop: Shop) -> None:
    """A part of the memory stays free: for RQ, and for what the tasks that wait will still take."""
    taken, full = shop.fill()

    assert len(taken) > BATCH
    assert full.waiting > len(taken)
    assert full.used_bytes < 0.9 * full.limit_bytes
    assert (full.limit_bytes - full.used_bytes) / full.waiting > 2_000
    assert shop.raw.set("rq", "has room")
    with pytest.raises(Backlogged, match=r"nearly full \(\d+ of \d+ MB\).*try again later, raise maxmemory"):
        admitted([full])


async def test_a_large_input_needs_more_room(shop: Shop) -> None:
    """Where a small task is still taken, one with a megabyte of input may not be."""
    noise = "".join(uuid4().hex for _ in range(70_000))

    (large,) = shop.submit(a_submission("large", input={"text": noise}))
    (small,) = shop.submit(a_submission("small"))

    assert isinstance(large, Full)
    assert small == Submitted("small")


async def test_a_key_is_known_however_full_it_is(shop: Shop) -> None:
    """Who asks again for a task that was taken in gets it, also when Redis is out of memory."""
    shop.limit(1)

    again, other = shop.submit(a_submission("again", key="order-first"), a_submission("new", key="order-new"))

    assert again == Submitted("first", replayed=True)
    assert isinstance(other, Full)


async def test_room_is_found_again(shop: Shop) -> None:
    """As soon as there is memory, tasks are taken in again."""
    shop.limit(1)
    assert isinstance(shop.submit(a_submission("later"))[0], Full)
    assert isinstance(shop.link.run(shop.commands.full()), Full)

    shop.limit(0)

    assert shop.submit(a_submission("later")) == [Submitted("later")]
    assert shop.link.run(shop.commands.full()) is None


@pytest.mark.parametrize("name", [name for name in STEPS if not name.startswith("submit")])
async def test_every_other_script_goes_on_without_memory(tmp_path: Path, name: str) -> None:
    """Whatever a shift, a sweep or a canceller does, it does the same when Redis is out of memory."""
    with GuardedServer(tmp_path) as server, peek(server.url) as raw:
        async with a_desk(server.url, "roomy:") as roomy, a_desk(server.url, "tight:") as tight:
            act, control = await STEPS[name](tight), await STEPS[name](roomy)
            expected = await control()
            raw.config_set("maxmemory", 1)

            assert await act() == expected
