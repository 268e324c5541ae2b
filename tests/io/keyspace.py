"""All that lies under a prefix in Redis, as one value that can be compared."""

from __future__ import annotations

from typing import Any

import redis

_READS: dict[bytes, Any] = {
    b"string": lambda raw, key: raw.get(key),
    b"hash": lambda raw, key: raw.hgetall(key),
    b"list": lambda raw, key: raw.lrange(key, 0, -1),
    b"set": lambda raw, key: raw.smembers(key),
    b"zset": lambda raw, key: raw.zrange(key, 0, -1, withscores=True),
    b"stream": lambda raw, key: raw.xrange(key),
}


def keyspace(raw: redis.Redis, prefix: str) -> dict[str, Any]:
    """Every key without the prefix, with what it holds and whether it expires."""
    return {
        key.decode().removeprefix(prefix): (_READS[raw.type(key)](raw, key), raw.ttl(key) >= 0)
        for key in sorted(raw.scan_iter(f"{prefix}*", count=1000))
    }
