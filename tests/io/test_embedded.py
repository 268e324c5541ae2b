"""The embedded server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis

from router.errors import ServerBusy, SettingsInvalid, StoreUnsafe
from router.io.embedded import EmbeddedServer
from router.io.redis_safety import require_safe
from tests.waiting import wait_until


def test_keeps_what_was_written(tmp_path: Path) -> None:
    """What was acknowledged is there again when the server of the directory is started again."""
    with EmbeddedServer(tmp_path) as first:
        redis.Redis.from_url(first.url).set("kept", "1")

    with EmbeddedServer(tmp_path) as second:
        assert redis.Redis.from_url(second.url).get("kept") == b"1"


def test_a_server_that_was_killed_starts_again_on_what_it_wrote(tmp_path: Path) -> None:
    """At the same address, with all that it acknowledged; how it ended is known."""
    with EmbeddedServer(tmp_path) as server:
        client = redis.Redis.from_url(server.url)
        client.set("kept", "1")
        assert server.ended is None
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.ended is not None, "its end")
        assert server.ended == -signal.SIGKILL

        server.start_again()

        assert server.ended is None
        assert client.get("kept") == b"1"


def test_one_server_a_directory(tmp_path: Path) -> None:
    """A second server on the same append-only file is refused, and the first goes on."""
    with EmbeddedServer(tmp_path) as first:
        with pytest.raises(ServerBusy, match="another process runs the server"):
            EmbeddedServer(tmp_path)

        assert redis.Redis.from_url(first.url).ping()


def test_a_stopped_server_leaves_its_directory_to_the_next(tmp_path: Path) -> None:
    """Also while a process that was forked meanwhile has the lock's file open: what is stopped holds nothing."""
    first = EmbeddedServer(tmp_path)
    held, let_go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(held, 1)
        os._exit(0)
    try:
        first.stop()
        with EmbeddedServer(tmp_path) as second:
            assert redis.Redis.from_url(second.url).ping()
    finally:
        os.write(let_go, b".")
        os.waitpid(child, 0)


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


def test_a_directory_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    """Where a file is in the way the path is told, why it cannot be, and which setting says another."""
    (tmp_path / "state").write_text("in the way")

    with pytest.raises(SettingsInvalid) as why:
        EmbeddedServer(tmp_path / "state" / "redis")

    told = (
        f"{tmp_path / 'state' / 'redis'} cannot be written: Not a directory; set ROUTER_STATE_DIR to a folder that can"
    )
    assert str(why.value) == told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    """A disk without room takes the lock's file but none of its bytes, and that is enough to know."""
    (tmp_path / "server.lock").symlink_to("/dev/full")

    with pytest.raises(SettingsInvalid, match="cannot be written: No space left on device"):
        EmbeddedServer(tmp_path)
