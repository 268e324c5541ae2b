"""Requests that are in haste, and what such a request is a part of."""

from __future__ import annotations

import asyncio

from router.io.haste import Haste, haste, hastening, is_reading


async def haste_here() -> Haste | None:
    return haste()


async def test_whatever_a_request_begins_belongs_to_it() -> None:
    """Tasks that begin in a request are a part of it, and its end is nobody else's."""
    with hastening(0.5):
        begun = asyncio.create_task(haste_here())
        here = haste()
        with hastening(0.1):
            other = haste()
        again = haste()

    assert here == Haste(0.5, over=False)
    assert await begun is here is again
    assert other == Haste(0.1)
    assert haste() is None


def test_what_is_not_known_to_read_counts_as_a_change() -> None:
    """A command that nobody has named here is waited for, as one that may have been carried out."""
    assert [is_reading(word) for word in ("GET", "HGETALL", "TIME")] == [True] * 3
    assert [is_reading(word) for word in ("SET", "EVALSHA", "UNLINK", "GETDEL", b"GET", 1)] == [False] * 6
