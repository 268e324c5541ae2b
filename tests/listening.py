"""Who waits for a list on a server that several parts of the suite share: told apart by when they connected."""

from __future__ import annotations

import redis


def newest(raw: redis.Redis) -> int:
    """The number of the newest connection."""
    return max(int(connection["id"]) for connection in raw.client_list())


def listening(raw: redis.Redis, after: int = 0) -> int:
    """How many of the connections after that number wait for a list."""
    return sum(connection["cmd"] == "blpop" and int(connection["id"]) > after for connection in raw.client_list())
