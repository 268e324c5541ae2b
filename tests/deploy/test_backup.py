"""What the guide says of copies of Redis: what they hold, and what a server makes of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from router.client import Client
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.acl import GuardedServer, peek
from tests.gang import POLICIES, environment

LOG = "appendonlydir"
KEYS = [f"mail-{number}" for number in range(20)]


def submitted(server: EmbeddedServer) -> list[str]:
    """The tasks of our keys, sent now or long ago."""
    with Client(server.url) as client:
        handles = client.submit_many("intents", [{"text": key} for key in KEYS], keys=KEYS)
    return [handle.id for handle in handles]


def published(server: EmbeddedServer) -> EmbeddedServer:
    env = environment(Settings(redis_url=server.url, policies=POLICIES))
    subprocess.run([sys.executable, "-m", "router.cli", "policy", "publish"], env=env, check=True, capture_output=True)
    return server


def test_a_copy_of_the_log_has_every_task_and_policy(tmp_path: Path):
    """Files copied from a server that works, and does not rewrite them, bring back all that it acknowledged."""
    with GuardedServer(tmp_path / "one") as server, peek(server.url) as admin:
        tasks = submitted(published(server))
        admin.config_set("auto-aof-rewrite-percentage", "0")
        shutil.copytree(tmp_path / "one" / LOG, tmp_path / "two" / LOG)

    with GuardedServer(tmp_path / "two") as server:
        assert submitted(server) == tasks


def test_a_log_in_another_folder_is_not_seen(tmp_path: Path):
    """A copy that was put into the folder, not in its place, gives an empty server without a word."""
    with GuardedServer(tmp_path / "one") as server:
        published(server)
    shutil.copytree(tmp_path / "one" / LOG, tmp_path / "two" / LOG / "backup")

    with GuardedServer(tmp_path / "two") as server, peek(server.url) as admin:
        assert admin.dbsize() == 0
