"""The embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from router.errors import ServerBusy, StoreUnsafe
from router.io.embedded import EmbeddedServer
from router.io.redis_safety import require_safe


def test_keeps_what_was_written(tmp_path: Path) -> None:
    """What was acknowledged is there again when the server of the directory is started again."""
    with EmbeddedServer(tmp_path) as first:
        redis.Redis.from_url(first.url).set("kept", "1")

    with EmbeddedServer(tmp_path) as second:
        assert redis.Redis.from_url(second.url).get("kept") == b"1"


def test_one_server_a_directory(tmp_path: Path) -> None:
    """A second server on the same append-only file is refused, and the first goes on."""
    with EmbeddedServer(tmp_path) as first:
        with pytest.raises(ServerBusy, match="another process runs the server"):
            EmbeddedServer(tmp_path)

        assert redis.Redis.from_url(first.url).ping()


def test_is_safe_as_it_comes(tmp_path: Path) -> None:
    """The embedded server passes the check that production servers have to pass."""
    with EmbeddedServer(tmp_path) as server:
        require_safe(server.url)
        redis.Redis.from_url(server.url).config_set("maxmemory-policy", "allkeys-lru")

        with pytest.raises(StoreUnsafe, match="maxmemory-policy noeviction"):
            require_safe(server.url)


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """Socket paths end at 100 bytes; a deeper directory works all the same."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    with EmbeddedServer(deep) as server:
        assert redis.Redis.from_url(server.url).ping()
