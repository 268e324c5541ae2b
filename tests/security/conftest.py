"""One aviary for all who watch: its workers take seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acl import GuardedServer
from tests.e2e.house import Site
from tests.security.aviary import open_aviary


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """A server that nobody else uses: all of its keys are looked at."""
    with GuardedServer(tmp_path_factory.mktemp("alone")) as server:
        yield server


@pytest.fixture(scope="session")
def aviary(alone: GuardedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_aviary(alone.url, tmp_path_factory.mktemp("aviary")) as site:
        yield site
