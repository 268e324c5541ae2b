"""Servers that would lose tasks are refused, and what a server forgot or had no room for is told in figures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.acl import GuardedServer, peek
from tests.e2e.house import House
from tests.gang import POLICIES, environment, launch

from .case import Case, Report
from .servers import CASES

CUT, FULL = (next(case for case in CASES if case.family == family) for family in ("tail", "memory"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with GuardedServer(tmp_path / "redis") as server:
        yield server


def start(house: House, url: str, *words: str) -> subprocess.Popen[str]:
    settings = Settings(redis_url=url, policies=POLICIES, tiers=house.tiers)
    return launch("workers", *words, env=environment(settings))


@pytest.mark.parametrize(
    ("setting", "value", "todo"),
    [
        ("appendonly", "no", "set `appendonly yes` and `appendfsync everysec`"),
        ("maxmemory-policy", "allkeys-lru", "set `maxmemory-policy noeviction`"),
    ],
)
def test_workers_refuse_a_server_that_loses_tasks(
    house: House, own: EmbeddedServer, setting: str, value: str, todo: str
) -> None:
    """They do not start, say why and what to do, and leave nothing in Redis."""
    with peek(own.url) as client:
        client.config_set(setting, value)
        process = start(house, own.url)
        _, said = process.communicate(timeout=60)

        assert process.returncode == 2
        assert todo in said
        assert client.dbsize() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", [CUT], ids=lambda case: case.name)
def test_a_cut_log_is_made_good(case: Case, reported: Callable[[Case], Report]) -> None:
    """Tasks are lost only to callers that do not submit again with their keys, money only until the bill is read."""
    notes = reported(case).notes

    assert notes["cut_bytes"] > 0
    assert notes["lost_without_resubmission"] > 0
    assert notes["lost_with_resubmission"] == 0
    assert notes["unbooked_before_the_audit_nusd"] > 0
    assert notes["unbooked_after_the_audit"] == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", [FULL], ids=lambda case: case.name)
def test_memory_is_kept_for_those_that_wait(case: Case, reported: Callable[[Case], Report]) -> None:
    """Callers are told before memory is full; all that were taken in end all the same, and no worker dies."""
    report = reported(case)

    assert report.broken == ()
    assert case.few // 2 <= report.notes["refused_at"] < report.tasks
