"""What a stream says until there is an answer: which tier is asked, and that it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from ...async_client import AsyncClient
from ...event import Again, Event, Moved, Stands
from ...values import Json
from ..news import News, Newsroom
from . import sse
from .desk import SETTLED, Patience
from .outcome import still_going


async def progress(
    client: AsyncClient, newsroom: Newsroom, tasks: Sequence[str], patience: Patience
) -> AsyncGenerator[bytes]:
    """
    Comments, until every task has ended or needs a person; of several choices they tell about the first.

    Raises: Refused where that takes longer than somebody waits.
    """
    first, now_s = tasks[0], asyncio.get_running_loop().time
    until_s = now_s() + patience.wait_s
    with newsroom.listen(first) as heard:
        ends = asyncio.gather(*(client.reach(task, SETTLED) for task in tasks))
        try:
            yield sse.progress({"task": first, "status": "ready"})
            while not ends.done():
                news = await _next(heard, ends, min(patience.silence_s, until_s - now_s()))
                if news is not None:
                    yield sse.progress({"task": first} | _told(news.event))
                elif now_s() >= until_s and not ends.done():
                    raise still_going(first, patience.wait_s)
                elif not ends.done():
                    yield sse.HEARTBEAT
            ends.result()
        finally:
            ends.cancel()


async def _next(heard: asyncio.Queue[News | None], ends: asyncio.Future[Any], within_s: float) -> News | None:
    """What is heard next; None where it is over, or nothing was heard for long."""
    hearing = asyncio.ensure_future(heard.get())
    try:
        await asyncio.wait({hearing, ends}, timeout=max(0.0, within_s), return_when=asyncio.FIRST_COMPLETED)
        return hearing.result() if hearing.done() else None
    finally:
        hearing.cancel()


def _told(event: Event) -> dict[str, Json]:
    match event:
        case Moved(left=left, reached=reached, reason=reason):
            return {"from": left, "tier": reached, "reason": reason}
        case Again(repaired=repaired, reason=reason):
            return {"again": "repair" if repaired else "reclaimed", "reason": reason}
        case Stands(state=state, reason=reason):
            return {"status": state.value, "reason": reason}
        case _:
            return {}
