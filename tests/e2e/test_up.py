"""`router up` as a process: what it says and does when a part of it dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.client import Client
from router.settings import Settings
from tests.gang import POLICIES, children, environment, launch
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, which only Linux has")
TEXT = {"text": "Where is my parcel?"}


class Up:
    """The command with a state of its own, once it is ready."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "up.log"
        settings = Settings(policies=POLICIES, state_dir=folder / "state")
        words = ("up", "--provider", "local", "--port", "0")
        self.process = launch("router.cli", *words, env=environment(settings), log=self.log)
        wait_until(lambda: "Ctrl-C drains" in self.said(), f"`router up`; see {self.log}")
        address = self.said().partition("ROUTER_REDIS_URL=")[2].split()[0]
        self.client = Client(address)

    def said(self) -> str:
        return self.log.read_text()

    def kill(self, word: str) -> None:
        """Kill the part whose command line has that word."""
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in children(self.process.pid)}
        (pid,) = [pid for pid, command in commands.items() if word in command]
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=90)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"))
    yield up
    up.close()


def test_a_server_that_dies_is_started_again_on_its_data(up: Up) -> None:
    """It is said which part died and how; what was submitted before is there, and what comes after is done."""
    before = up.client.run("intents", TEXT, timeout_s=60)

    up.kill("server.sock")
    wait_until(lambda: "the embedded server runs again" in up.said(), f"a new server; see {up.log}")

    assert "the embedded server ended unasked (SIGKILL): it is started again on its data" in up.said()
    assert up.client.get(before.id).output == before.output
    assert up.client.run("intents", TEXT, timeout_s=90).status == before.status


def test_a_part_that_nobody_starts_again_ends_all(up: Up) -> None:
    """Without the supervisor of the workers nothing would be done: all stops, and the last words say why."""
    up.kill("workers")

    assert up.process.wait(timeout=90) == 3
    assert "the supervisor of the workers ended unasked (SIGKILL), so all the rest stops." in up.said()
    assert "then start again: what was submitted is kept" in up.said()
