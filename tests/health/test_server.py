"""What a server's own words mean for the tasks and the money in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from router.health.server import Server, keeping, running
from router.health.sign import Level, Sign
from router.submission import Full

GOOD = Server(
    name="Valkey 9.1.2",
    version=(7, 2),
    appends=True,
    appends_fail=False,
    fsync="everysec",
    late_syncs=0,
    eviction="noeviction",
    cluster=False,
    replica_of=None,
    used_bytes=10_000_000,
    limit_bytes=1_000_000_000,
    ahead_ms=20,
)


def bad(signs: list[Sign]) -> list[Sign]:
    return [sign for sign in signs if sign.level is not Level.OK]


def test_a_good_server_has_no_bad_sign() -> None:
    """A server as deploy/redis.conf sets it up is fine in every respect."""
    signs = [*keeping(GOOD), *running(GOOD, None)]

    assert bad(signs) == []
    assert [sign.about for sign in signs] == [
        *("version", "append-only file", "eviction", "cluster", "role"),
        *("disk", "memory", "clock"),
    ]


@pytest.mark.parametrize(
    ("changes", "about", "seen", "advice"),
    [
        ({"version": (7, 0)}, "version", "of version 7.0", "Redis 7.2 or later"),
        ({"appends": False}, "append-only file", "no append-only file", "`appendonly yes`"),
        ({"eviction": "allkeys-lru"}, "eviction", "evicts keys when memory is short (allkeys-lru)", "noeviction"),
        ({"cluster": True}, "cluster", "it is a cluster", "single server"),
        ({"replica_of": "10.0.0.1:6379"}, "role", "a replica of 10.0.0.1:6379", "the primary"),
    ],
)
def test_what_loses_tasks_is_a_problem(changes: dict[str, Any], about: str, seen: str, advice: str) -> None:
    """Each setting under which acknowledged writes go is told with what to set instead."""
    (sign,) = bad(keeping(replace(GOOD, **changes)))

    assert (sign.about, sign.level) == (about, Level.PROBLEM)
    assert seen in sign.seen
    assert advice in sign.advice


@pytest.mark.parametrize(
    ("changes", "about", "level", "seen"),
    [
        ({"appends_fail": True}, "disk", Level.PROBLEM, "Redis refuses all writes"),
        ({"fsync": "no"}, "disk", Level.WARNING, "a power failure loses"),
        ({"late_syncs": 3}, "disk", Level.WARNING, "3 writes waited more than 2 s for the disk"),
        ({"limit_bytes": 0}, "memory", Level.WARNING, "no maxmemory"),
        ({"used_bytes": 600_000_000}, "memory", Level.WARNING, "600 MB used of 1,000 MB"),
        ({"ahead_ms": 2_500}, "clock", Level.WARNING, "2.5 s ahead of this host's"),
        ({"ahead_ms": -600_000}, "clock", Level.PROBLEM, "600.0 s behind this host's"),
    ],
)
def test_what_goes_wrong_is_told(changes: dict[str, Any], about: str, level: Level, seen: str) -> None:
    """Disk, memory and clock: each bad sign says what was seen and what to do."""
    (sign,) = bad(running(replace(GOOD, **changes), None))

    assert (sign.about, sign.level) == (about, level)
    assert seen in sign.seen
    assert sign.advice


def test_a_file_that_is_not_kept_is_not_called_written() -> None:
    """How often a file is synced says nothing where none is kept."""
    (disk,) = bad(running(replace(GOOD, appends=False), None))

    assert (disk.about, disk.level, disk.advice) == ("disk", Level.WARNING, "see `append-only file` above")
    assert disk.seen == "not looked at: nothing is appended to a file"


def test_refused_tasks_are_a_problem() -> None:
    """Where new tasks are refused for want of memory, that is told with how many wait."""
    (sign,) = bad(running(GOOD, Full(waiting=120_345, used_bytes=10_000_000, limit_bytes=1_000_000_000)))

    assert (sign.about, sign.level) == ("memory", Level.PROBLEM)
    assert "new tasks are refused" in sign.seen
    assert "120,345" in sign.seen


def test_a_server_that_does_not_tell_is_no_bad_sign() -> None:
    """Providers of servers forbid some questions: how it syncs may stay unknown."""
    assert bad(running(replace(GOOD, fsync=None), None)) == []
