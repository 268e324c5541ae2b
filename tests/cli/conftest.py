"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from router import log
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.cli.desk import POLICY, CliDesk
from tests.shell import Shell


@pytest.fixture
def desk(server: EmbeddedServer, prefix: str) -> CliDesk:
    desk = CliDesk(Settings(redis_url=server.url, prefix=prefix))
    desk.publish(POLICY)
    return desk


@pytest.fixture
def shell(desk: CliDesk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell whose commands meet the desk."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    yield Shell(capsys)
    log.configure("error")
