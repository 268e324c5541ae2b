"""A client that neither sends nor reads is let go; one that does either is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router.api.idleness import Idleness
from tests.waiting import until

LINE = {"type": "http.response.body", "body": b"line", "more_body": True}
PART = {"type": "http.request", "body": b"part", "more_body": True}


async def part() -> dict[str, Any]:
    return PART


async def never(_message: Any) -> None:
    await asyncio.Event().wait()


async def test_who_neither_sends_nor_reads_is_let_go() -> None:
    """What is sent to it ends like a request that is cut when the service stops."""
    send = Idleness(seconds=0.01).sending(never)

    with pytest.raises(asyncio.CancelledError):
        await send(LINE)


async def test_who_sends_is_waited_for() -> None:
    """Each part that comes gives it its time anew, however little was left."""
    idleness = Idleness(seconds=3600)
    receive = idleness.hearing(part)
    sending = asyncio.create_task(idleness.sending(never)(LINE))
    await until(lambda: idleness._limit)
    limit, now_s = idleness._limit, asyncio.get_running_loop().time()
    assert limit is not None
    limit.reschedule(now_s + 60)

    assert await receive() == PART

    assert (limit.when() or 0) >= now_s + 3600
    sending.cancel()
    await asyncio.wait({sending})


async def test_what_is_read_in_time_is_sent() -> None:
    """What was sent is sent, and no limit runs any more."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    idleness = Idleness(seconds=3600)
    await idleness.sending(send)(LINE)

    assert (await idleness.hearing(part)(), sent) == (PART, [LINE])
