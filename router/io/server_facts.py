"""What a server tells of itself."""

from __future__ import annotations

import time
from typing import Any

import redis

from ..errors import StoreUnavailable, StoreUnsafe
from ..health.server import Server
from .redis_link import connect, refusal


def read_server(url: str) -> Server:
    """Ask the server at *url*. Raises: StoreUnavailable, StoreRefused; StoreUnsafe where it does not tell."""
    client = connect(url)
    try:
        info: dict[str, Any] = client.info()
        return _server(info, at=shown(url), fsync=_fsync(client), ahead_ms=_ahead_ms(client))
    except (redis.ConnectionError, redis.TimeoutError) as why:
        away = StoreUnavailable(f"Redis at {shown(url)} cannot be reached: {why}; check ROUTER_REDIS_URL")
        raise refusal(client, why) or away from None
    except redis.ResponseError as why:
        raise refusal(client, why) or StoreUnsafe(
            f"Redis at {shown(url)} does not tell how it is set up: {why}; allow INFO and TIME"
        ) from None
    finally:
        client.close()


def shown(url: str) -> str:
    """The address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _server(info: dict[str, Any], *, at: str, fsync: str | None, ahead_ms: int) -> Server:
    version = str(info["redis_version"])
    major, minor, *_ = (*map(int, version.split(".")[:2]), 0, 0)
    valkey = info.get("valkey_version")
    master = f"{info.get('master_host')}:{info.get('master_port')}"
    return Server(
        name=f"{f'Valkey {valkey}' if valkey else f'Redis {version}'} at {at}",
        version=(major, minor),
        appends=bool(info.get("aof_enabled")),
        appends_fail=info.get("aof_last_write_status", "ok") != "ok",
        fsync=fsync,
        late_syncs=int(info.get("aof_delayed_fsync", 0)),
        eviction=str(info.get("maxmemory_policy", "noeviction")),
        cluster=bool(info.get("cluster_enabled")),
        replica_of=master if info.get("role") in ("slave", "replica") else None,
        used_bytes=int(info.get("used_memory", 0)),
        limit_bytes=int(info.get("maxmemory", 0)),
        ahead_ms=ahead_ms,
    )


def _fsync(client: redis.Redis) -> str | None:
    """None where a provider of servers forbids the question."""
    try:
        return str(client.config_get("appendfsync").get("appendfsync"))
    except redis.ResponseError:
        return None


def _ahead_ms(client: redis.Redis) -> int:
    """The server's clock less this host's; half the way there is taken off."""
    before = time.time()
    seconds, microseconds = client.time()
    after = time.time()
    return int((seconds + microseconds / 1e6 - (before + after) / 2) * 1000)
