"""The accountant counts and cuts beside the sweep, and a kill at any moment neither loses nor doubles a line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from router.io.commands.cost import PAGE, CostCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.settings import Settings
from router.spending.pricing import Pricing
from router.spending.report import CostRow, costs, total
from tests.builders import PRICES
from tests.gang import environment
from tests.io.commands.test_cost import lines
from tests.waiting import until
from workers.accountant import count_forever

RUN = "import workers.sweep as s; s.sweep_forever(s.Settings.from_env(), ['mini'])"


def counted(url: str, prefix: str) -> CostRow:
    """What the counters have, without the lines that they lack."""
    link = Link(connect(url), prefix=prefix)
    ever = link.carry_out(CostCommands(prefix=prefix).counted_ever())
    link.close()
    return total(costs(ever.changes, ["tier"]))


def left(url: str, prefix: str) -> int:
    """How many lines a page has that are not counted."""
    link = Link(connect(url), prefix=prefix)
    found = len(link.run(CostCommands(prefix=prefix).tail()).lines)
    link.close()
    return found


@contextmanager
def a_sweep(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment(settings), stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_killed_accountant_loses_and_doubles_no_line(
    server: EmbeddedServer, raw: redis.Redis, prefix: str
) -> None:
    """Two that count at once, one killed in the middle: in the end each line was counted once."""
    settings, many = Settings(redis_url=server.url, prefix=prefix), 12 * PAGE
    await lines(raw, prefix, many)
    with a_sweep(settings) as killed, a_sweep(settings) as other:
        await until(lambda: raw.hget(f"{prefix}cost:all", "@"))
        killed.kill()
        assert left(server.url, prefix) > 0
        await until(lambda: left(server.url, prefix) == 0)
        other.kill()

    assert counted(server.url, prefix).attempts == many
    assert sum(row.attempts for row in _hours(server.url, prefix)) == many


def _hours(url: str, prefix: str) -> list[CostRow]:
    link = Link(connect(url), prefix=prefix)
    found = link.carry_out(CostCommands(prefix=prefix).counted(Pricing(PRICES)))
    link.close()
    return costs(found.changes, [])


async def test_the_accountant_cuts_what_it_counted(server: EmbeddedServer, raw: redis.Redis, prefix: str) -> None:
    """Old lines go as soon as they are in the sums; young ones stay."""
    await lines(raw, prefix, 30, days_ago=60)
    await lines(raw, prefix, 20)
    stopped = asyncio.Event()
    counting = asyncio.create_task(count_forever(Settings(redis_url=server.url, prefix=prefix), stopped))
    await until(lambda: raw.xlen(f"{prefix}ledger") == 20)
    stopped.set()
    await counting

    assert counted(server.url, prefix).attempts == 50


async def test_a_line_that_cannot_be_read_stops_no_sweep(server: EmbeddedServer, raw: redis.Redis, prefix: str) -> None:
    """Counting stands still, and what tasks depend on goes on."""
    raw.xadd(f"{prefix}ledger", {"k": "odd", "c": "", "t": "t", "a": "0", "o": "0", "i": "[]", "x": ""})
    raw.zadd(f"{prefix}due", {"gone": 0})
    settings = Settings(redis_url=server.url, prefix=prefix)
    with a_sweep(settings) as sweep:
        await until(lambda: not raw.exists(f"{prefix}due"))
        raw.zadd(f"{prefix}due", {"gone": 0})
        await until(lambda: not raw.exists(f"{prefix}due"))

        assert sweep.poll() is None
    assert raw.xlen(f"{prefix}ledger") == 1
