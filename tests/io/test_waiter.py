"""How threads of a producer hear that their tasks have ended: on a real server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from router.io.embedded import EmbeddedServer
from router.io.redis_keys import Keys
from router.io.waiter import Waiter

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


@pytest.fixture
def waiter(server: EmbeddedServer, prefix: str) -> Iterator[Waiter]:
    waiter = Waiter(server.url, Keys(prefix))
    yield waiter
    waiter.close()


def wake(raw: redis.Redis, prefix: str, waiter: Waiter, *task_ids: str) -> None:
    raw.rpush(Keys(prefix).wake(waiter.name), *task_ids)


def test_who_waits_is_woken(waiter: Waiter, raw: redis.Redis, prefix: str) -> None:
    """Everybody who waits for the task, and nobody who waits for another."""
    with waiter.expecting("t1") as one, waiter.expecting("t1") as two, waiter.expecting("t2") as other:
        wake(raw, prefix, waiter, "nobody's", "t1")

        assert [one.wait(PATIENCE_S), two.wait(PATIENCE_S), other.is_set()] == [True, True, False]


def test_who_has_left_is_not_woken(waiter: Waiter, raw: redis.Redis, prefix: str) -> None:
    """The others still are: of two who wait for one task, and of who waits for it anew."""
    with waiter.expecting("t1") as stays:
        with waiter.expecting("t1") as leaves:
            pass
        wake(raw, prefix, waiter, "t1")
        assert stays.wait(PATIENCE_S)
    with waiter.expecting("t1") as again:
        wake(raw, prefix, waiter, "t1")
        assert again.wait(PATIENCE_S)

    assert not leaves.is_set()


def test_one_thread_reads_for_all(waiter: Waiter) -> None:
    """It is started when somebody first waits, and is the only one however many wait."""

    def readers() -> int:
        return sum(thread.name == "router-waiter" for thread in threading.enumerate())

    before = readers()
    with waiter.expecting("t1"), waiter.expecting("t2"):
        assert readers() == before + 1


FORKED = """
import os, sys, threading
from router.io.redis_keys import Keys
from router.io.waiter import Waiter
waiter = Waiter(sys.argv[1], Keys(sys.argv[2]))
with waiter.expecting("t1"):
    parents = waiter.name
    waiter._lock.acquire()  # as the thread that reads may, at any moment
    child = os.fork()
    if child:
        waiter._lock.release()
if child:
    print(os.waitpid(child, 0)[1], flush=True)
else:
    with waiter.expecting("t1"):
        os._exit(0 if waiter.name != parents else 2)
"""


def test_a_process_that_forked_off_may_leave(server: EmbeddedServer, prefix: str) -> None:
    """It stops waiting for what its parent waited for without a mistake, and waits on a list of its own."""
    words = [sys.executable, "-c", FORKED, server.url, prefix]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, timeout=PATIENCE_S, text=True)

    assert (said.stdout, said.stderr) == ("0\n", "")
