"""Whether a server keeps what it acknowledges."""

from __future__ import annotations

import redis

from ..errors import StoreUnavailable, StoreUnsafe
from .redis_link import connect


def require_safe(url: str) -> None:
    """Refuse a server that would lose tasks or money. Raises: StoreUnsafe, naming each setting; StoreUnavailable."""
    client = connect(url)
    try:
        info = client.info("everything")
    except (redis.ConnectionError, redis.TimeoutError) as why:
        raise StoreUnavailable(f"Redis at {_shown(url)} cannot be reached: {why}; check ROUTER_REDIS_URL") from None
    finally:
        client.close()
    wrong = []
    if not info.get("aof_enabled"):
        wrong.append("it keeps no append-only file: set `appendonly yes` and `appendfsync everysec`")
    if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
        wrong.append(f"it evicts keys when memory is short ({policy}): set `maxmemory-policy noeviction`")
    if info.get("cluster_enabled"):
        wrong.append("it is a cluster: use a single server, with a replica if you like")
    if wrong:
        raise StoreUnsafe(f"Redis at {_shown(url)} would lose tasks: {'; '.join(wrong)} (or start with --unsafe)")


def _shown(url: str) -> str:
    """The address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
