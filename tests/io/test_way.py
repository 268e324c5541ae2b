"""The way that tests put between clients and the server does to replies and connections what it says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from router.io.embedded import EmbeddedServer
from router.io.redis_link import connect
from tests.io.way import Way, in_thread
from tests.listening import listening, newest
from tests.waiting import wait_until


@pytest.fixture(params=["unix", "tcp"])
def way(request: pytest.FixtureRequest, server: EmbeddedServer, tmp_path: Path) -> Iterator[Way]:
    with in_thread(Way(server.url, tmp_path / "way.sock" if request.param == "unix" else None)) as way:
        yield way


@pytest.fixture
def client(way: Way) -> Iterator[redis.Redis]:
    with connect(way.url) as client:
        yield client


def test_passes_everything(client: redis.Redis, prefix: str) -> None:
    """Large values and long pipelines come through as they are."""
    with client.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.set(f"{prefix}{i}", b"x" * 1000)
            pipe.get(f"{prefix}{i}")
        replies = pipe.execute()

    assert replies == [True, b"x" * 1000] * 500


def test_a_lost_reply_is_to_something_that_was_done(
    way: Way, client: redis.Redis, raw: redis.Redis, prefix: str
) -> None:
    """The caller sees a broken connection, the server has done what it was asked, and the next command passes."""
    way.lose_next(b"INCR")

    with pytest.raises(redis.ConnectionError):
        client.incr(f"{prefix}n")

    assert way.lost == 1
    assert raw.get(f"{prefix}n") == b"1"
    assert client.incr(f"{prefix}n") == 2


def test_loses_a_share_of_replies(way: Way, client: redis.Redis, prefix: str) -> None:
    """The same seed loses the same replies, and only those to the commands that were named."""
    way.lose_often(["INCR"], 0.3, seed=7)
    for _ in range(50):
        try:
            client.incr(f"{prefix}n")
        except redis.ConnectionError:
            client.ping()
    lost = way.lost
    way.lose_often(["INCR"], 0, seed=7)
    client.incr(f"{prefix}n")

    assert 5 < lost < 30
    assert way.lost == lost


def test_what_stalls_is_passed_later(way: Way, client: redis.Redis, prefix: str) -> None:
    """While it stalls nothing comes back; then everything does."""
    client.ping()
    way.stall()
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(client.set(f"{prefix}a", "1")))
    asking.start()
    asking.join(0.1)
    assert answers == []

    way.flow()

    asking.join(10)
    assert answers == [True]


def test_breaks_all_connections(way: Way, client: redis.Redis, raw: redis.Redis, prefix: str) -> None:
    """A reset ends whatever waits, and whoever comes again gets through."""
    failed: list[Exception] = []
    before = newest(raw)

    def wait() -> None:
        try:
            client.blpop([f"{prefix}nothing"], timeout=10)
        except redis.ConnectionError as why:
            failed.append(why)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: listening(raw, before), "a client that waits")
    way.reset()
    waiting.join(10)

    assert len(failed) == 1
    assert way.broken >= 1
    assert client.ping()
