"""All that lies under a prefix in Redis, as one value that can be compared."""

from __future__ import annotations

from typing import Any

import redis

_READS: dict[bytes, Any] = {
    b"string": lambda pipe, key: pipe.get(key),
    b"hash": lambda pipe, key: pipe.hgetall(key),
    b"list": lambda pipe, key: pipe.lrange(key, 0, -1),
    b"set": lambda pipe, key: pipe.smembers(key),
    b"zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
    b"stream": lambda pipe, key: pipe.xrange(key),
}


def keyspace(raw: redis.Redis, prefix: str) -> dict[str, Any]:
    """Every key without the prefix, with what it holds and whether it expires; keys that go meanwhile are left out."""
    seen = sorted(raw.scan_iter(f"{prefix}*", count=1000))
    with raw.pipeline(transaction=False) as pipe:
        for key in seen:
            pipe.type(key)
        kinds = {key: kind for key, kind in zip(seen, pipe.execute(), strict=True) if kind != b"none"}
        keys = list(kinds)
        for key, kind in kinds.items():
            _READS[kind](pipe, key)
            pipe.ttl(key)
        found = pipe.execute()
    names = [key.decode().removeprefix(prefix) for key in keys]
    return {name: (found[2 * i], found[2 * i + 1] >= 0) for i, name in enumerate(names)}
