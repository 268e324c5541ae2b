"""Servers that would lose what they acknowledge are refused, each with what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from router.errors import StoreRefused, StoreUnavailable, StoreUnsafe
from router.io.embedded import EmbeddedServer
from router.io.redis_safety import require_safe
from tests.waiting import wait_until


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server whose settings a test may change."""
    with EmbeddedServer(tmp_path) as server:
        yield server


@pytest.fixture
def client(own: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own.url) as client:
        yield client


def refusal(url: str) -> str:
    with pytest.raises(StoreUnsafe) as why:
        require_safe(url)
    return str(why.value)


@pytest.mark.parametrize(
    ("setting", "value", "todo"),
    [
        ("appendonly", "no", "set `appendonly yes` and `appendfsync everysec`"),
        ("maxmemory-policy", "allkeys-lru", "set `maxmemory-policy noeviction`"),
        ("maxmemory-policy", "volatile-ttl", "set `maxmemory-policy noeviction`"),
    ],
)
def test_settings_that_lose_tasks_are_refused(
    own: EmbeddedServer, client: redis.Redis, setting: str, value: str, todo: str
) -> None:
    """Without an append-only file, or with eviction, no work starts; set right, it does."""
    good = client.config_get(setting)[setting]
    client.config_set(setting, value)
    assert todo in refusal(own.url)

    client.config_set(setting, good)
    require_safe(own.url)
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the first append-only file")


def test_a_replica_is_refused(own: EmbeddedServer, client: redis.Redis) -> None:
    """What is written to a replica is refused, or gone at its next sync."""
    client.replicaof("127.0.0.1", 1)

    assert "it is a replica of 127.0.0.1:1" in refusal(own.url)


def test_a_cluster_is_refused(tmp_path: Path) -> None:
    """The scripts make names of keys, which a cluster does not allow, nor does RQ run there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1] % 20_000 + 20_000  # its bus listens 10,000 above
    settings = {"cluster-enabled": "yes", "port": str(port), "bind": "127.0.0.1"}
    with EmbeddedServer(tmp_path, settings=settings) as cluster:
        assert "it is a cluster: use a single server" in refusal(cluster.url)


def test_everything_wrong_is_told_at_once(own: EmbeddedServer, client: redis.Redis) -> None:
    """Whoever mends a server's settings hears of all that have to be mended."""
    client.config_set("appendonly", "no")
    client.config_set("maxmemory-policy", "allkeys-random")

    said = refusal(own.url)

    assert "append-only file" in said
    assert "allkeys-random" in said
    assert said.endswith("(or start with --unsafe)")


def test_a_server_that_keeps_its_settings_to_itself_is_refused(own: EmbeddedServer, client: redis.Redis) -> None:
    """Where INFO is forbidden nobody can tell whether it is safe, and RQ cannot work."""
    client.acl_setuser("shy", enabled=True, passwords=["+word"], keys=["*"], commands=["+@all", "-info"])

    assert "allow INFO" in refusal(own.url.replace("unix://", "unix://shy:word@"))


@pytest.mark.parametrize(
    ("before", "after", "todo"),
    [("", "?db=99", "has no database 99"), (":wrong@", "", "does not take the password of ROUTER_REDIS_URL")],
)
def test_who_is_not_let_in_is_told_why(
    own: EmbeddedServer, client: redis.Redis, before: str, after: str, todo: str
) -> None:
    """An address with a wrong password or database is not mistaken for a server that is away, or that hides."""
    if before:
        client.config_set("requirepass", "right")

    with pytest.raises(StoreRefused) as why:
        require_safe(own.url.replace("unix://", f"unix://{before}") + after)

    assert todo in str(why.value)
    assert "wrong" not in str(why.value)


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    """The address that is told has no password in it."""
    with pytest.raises(StoreUnavailable) as why:
        require_safe("redis://user:secret@127.0.0.1:1/0")

    assert "redis://127.0.0.1:1/0 cannot be reached" in str(why.value)
    assert "secret" not in str(why.value)
