"""The stream of events, read as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import redis

from ..event import Event
from .commands.producer import told_event
from .redis_keys import Keys
from .redis_link import connect_async

_PAGE = 1000
_BLOCK_MS = 1000
_AWAY_S = 1.0


class EventStream:
    """Reads on a connection of its own, so that nobody else waits while nothing happens."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._client = connect_async(url)
        self._stream = Keys(prefix).events

    async def newest(self, count: int) -> Sequence[tuple[str, Event]]:
        """The newest events with their ids, oldest first; waits while Redis is away."""
        while True:
            try:
                lines: Any = await self._client.xrevrange(self._stream, count=count)
            except (redis.ConnectionError, redis.TimeoutError):
                await asyncio.sleep(_AWAY_S)
                continue
            return [told_event(line) for line in reversed(lines)]

    async def after(self, name: str) -> Sequence[tuple[str, Event]]:
        """What happened after the event of that id; nothing where that is so for a second, or Redis is away."""
        try:
            found: Any = await self._client.xread({self._stream: name}, count=_PAGE, block=_BLOCK_MS)
        except (redis.ConnectionError, redis.TimeoutError):
            await asyncio.sleep(_AWAY_S)
            return []
        return [told_event(line) for _, lines in found or () for line in lines]

    async def close(self) -> None:
        await self._client.aclose()
