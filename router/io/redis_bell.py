"""How shifts hear of work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import redis

from .redis_keys import Keys
from .redis_link import connect_async

_AWAY_S = 1.0


class RedisBell:
    """Waits on the wake lists of the queues that a shift takes tasks from, on a connection of its own."""

    def __init__(self, url: str, *, keys: Keys, queues: Sequence[str]) -> None:
        self._client = connect_async(url)
        self._lists = [keys.wake(queue) for queue in queues]

    async def rung(self, timeout_s: float) -> bool:
        """True once there may be work; False after *timeout_s*, or where Redis is away."""
        try:
            return await self._client.blpop(self._lists, timeout=timeout_s) is not None
        except redis.RedisError:
            await asyncio.sleep(min(timeout_s, _AWAY_S))
            return False

    async def close(self) -> None:
        await self._client.aclose()
