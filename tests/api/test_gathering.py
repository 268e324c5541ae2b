"""Facts for metrics: gathered once for all who ask within a few seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

from router.api.backend import Backend, open_backend
from router.api.gathering import FRESH_S, Gathering
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Stopwatch
from tests.builders import a_policy
from tests.frozen import frozen


async def test_facts_are_told_again_for_a_while(backend: Backend) -> None:
    """Scrapers that come together, and those of the next seconds, cost Redis what one costs."""
    clock = Stopwatch()
    gathering = Gathering(backend, clock_s=clock)

    together = await asyncio.gather(*(gathering.facts() for _ in range(10)))
    sent = backend.link.sent
    clock.s += FRESH_S - 0.1
    soon = await gathering.facts()
    cost = backend.link.sent - sent
    clock.s += 0.2
    later = await gathering.facts()

    assert all(facts is together[0] for facts in [*together, soon])
    assert cost == 0
    assert later is not together[0]


async def test_what_changed_is_told_when_they_are_gathered_again(backend: Backend) -> None:
    """Nothing is kept beyond those seconds."""
    clock = Stopwatch()
    gathering = Gathering(backend, clock_s=clock)
    before = await gathering.facts()
    await backend.store.publish([a_policy()])

    clock.s += FRESH_S
    after = await gathering.facts()

    assert before is not None and after is not None
    assert ([*before.cards], [*after.cards]) == ([], ["receipts"])


async def test_who_leaves_takes_nobody_along(backend: Backend) -> None:
    """A scraper that hangs up while facts are gathered does not end the gathering for the others."""
    gathering = Gathering(backend)
    leaver = asyncio.create_task(gathering.facts())
    stayer = asyncio.create_task(gathering.facts())
    await asyncio.sleep(0)

    leaver.cancel()

    assert (await stayer) is not None


async def test_an_outage_is_not_told_again(tmp_path: Path) -> None:
    """As soon as the store answers again, whoever asks is told its facts."""
    with EmbeddedServer(tmp_path) as server:
        async with open_backend(Settings(redis_url=server.url), insecure=True) as backend:
            gathering = Gathering(backend, clock_s=Stopwatch(), silence_s=2.0)
            with frozen(server):
                away = await gathering.facts()
            there = await gathering.facts()

    assert away is None
    assert there is not None and [*there.cards] == []
