"""The newest lines of the ledger."""

from __future__ import annotations

import pytest

from router.io import recent_lines as module
from router.io.recent_lines import recent_lines
from router.io.redis_keys import Keys
from router.io.redis_store import RedisStore
from router.ledger import EntryKind
from tests.builders import a_kept, a_settlement, an_intent


async def book(store: RedisStore, count: int) -> None:
    for number in range(count):
        intent, settlement = an_intent(f"c{number}"), a_settlement(EntryKind.SETTLED)
        await store.resolve(intent, settlement, a_kept(intent, settlement))


@pytest.mark.parametrize(
    ("page", "at_most", "found", "complete"), [(1000, 100, 10, True), (3, 6, 6, False), (3, 100, 10, True)]
)
async def test_reads_back_from_the_end(
    redis_store: RedisStore,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    page: int,
    at_most: int,
    found: int,
    complete: bool,
) -> None:
    """Oldest first, the newest of them all, page by page; it says where there are more."""
    monkeypatch.setattr(module, "PAGE", page)
    await book(redis_store, 10)
    everything = await redis_store.ledger()

    read = await redis_store._link.carry_out(recent_lines(Keys(prefix), since_ms=0, at_most=at_most))

    assert len(everything) >= 10
    assert read.complete is complete
    assert read.lines == list(everything[-len(read.lines) :])
    assert len(read.lines) == (found if not complete else len(everything))


async def test_reads_no_further_than_a_moment(redis_store: RedisStore, prefix: str) -> None:
    """Lines before it are left where they are."""
    await book(redis_store, 3)

    read = await redis_store._link.carry_out(recent_lines(Keys(prefix), since_ms=2**43, at_most=100))

    assert (read.lines, read.complete) == ([], True)
