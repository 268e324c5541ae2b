"""How shifts hear of work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import redis

from .redis_keys import Keys
from .redis_link import connect_async

_AWAY_S = 1.0
_KEPT_S = 600
"""As long as the scripts keep a wake list."""


class RedisBell:
    """Waits on the wake lists of the queues that a shift takes tasks from, on a connection of its own."""

    def __init__(self, url: str, *, keys: Keys, queues: Sequence[str]) -> None:
        self._client = connect_async(url)
        self._lists = [keys.wake(queue) for queue in queues]
        self._rang: bytes | str | None = None

    async def rung(self, timeout_s: float) -> bool:
        """True once there may be work; False after *timeout_s*, or where Redis is away."""
        try:
            popped = await self._client.blpop(self._lists, timeout=timeout_s)
            self._rang = popped[0] if popped is not None else None
            return popped is not None
        except redis.RedisError:
            await asyncio.sleep(min(timeout_s, _AWAY_S))
            return False

    async def pass_on(self) -> None:
        """Ring for others where it rang here; without effect where Redis is away."""
        if self._rang is not None:
            with contextlib.suppress(redis.RedisError):
                await self._client.lpush(self._rang, "1")
                await self._client.expire(self._rang, _KEPT_S)

    async def close(self) -> None:
        await self._client.aclose()
