"""Fixtures of the command line's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.cli import colours
from tests.cli.desk import POLICY, CliDesk
from tests.shell import Shell


@pytest.fixture
def desk(server: EmbeddedServer, prefix: str) -> CliDesk:
    desk = CliDesk(Settings(redis_url=server.url, prefix=prefix))
    desk.publish(POLICY)
    return desk


@pytest.fixture
def shell(desk: CliDesk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose commands meet the desk."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    return Shell(capsys)


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the shipped policies."""
    monkeypatch.chdir(colours.SHIPPED.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one policy and its cases, at the shipped tiers and prices."""
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(colours.SHIPPED / name, tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "colours.yaml").write_text(colours.POLICY)
    (tmp_path / "tests" / "colours.yaml").write_text(colours.CASES)
    return tmp_path
