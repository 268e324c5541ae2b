"""How shifts hear of work, and tell that they are there."""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis

from .redis_keys import Keys
from .redis_link import connect_async


class RedisBell:
    """
    Waits on the wake lists of some queues, on a connection of its own.

    Arguments: `group` names the workers whose shifts are counted together, `queues` what this shift takes tasks from.
    """

    def __init__(self, url: str, *, keys: Keys, group: str, queues: Sequence[str]) -> None:
        self._client = connect_async(url)
        self._shifts = keys.shifts(group)
        self._lists = [keys.wake(queue) for queue in queues]

    async def rung(self, timeout_s: float) -> bool:
        """True once there may be work; False after *timeout_s*, or when Redis is away."""
        try:
            return await self._client.blpop(self._lists, timeout=timeout_s) is not None
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    async def present(self, shift: str, for_ms: int) -> None:
        """Count as a shift at work for so long."""
        try:
            await self._client.zadd(self._shifts, {shift: _now_ms() + for_ms})
        except (redis.ConnectionError, redis.TimeoutError):
            return

    async def gone(self, shift: str) -> None:
        try:
            await self._client.zrem(self._shifts, shift)
        except (redis.ConnectionError, redis.TimeoutError):
            return

    async def close(self) -> None:
        await self._client.aclose()


def _now_ms() -> int:
    return int(time.time() * 1000)
