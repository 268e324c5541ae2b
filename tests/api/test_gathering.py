"""Facts for metrics: gathered once for all who ask within a few seconds."""

from __future__ import annotations

import asyncio

from router.api.backend import Backend
from router.api.gathering import FRESH_S, Gathering
from tests.api.keys import Stopwatch
from tests.builders import a_policy


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
