"""`deploy/secrets.sh`: users, addresses and empty places, made once."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
import yaml

from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.deploy.tools import DEPLOY

USERS = ("worker", "api", "producer", "ops")
NOBODY = "user default off resetpass resetkeys resetchannels -@all"
GREETING = "user default on nopass resetkeys resetchannels -@all +ping +client|setinfo"
"""The embedded server looks whether it has started, as nobody."""


def make(folder: Path) -> Path:
    subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(folder)], check=True, capture_output=True)
    return folder


def address(folder: Path, user: str) -> str:
    """The address of a user as its process would read it."""
    name, _, url = (folder / f"{user}.env").read_text().strip().partition("=")
    return Settings.from_env({name: url}).redis_url


def at(place: str, login: str) -> str:
    """The address of a server with the name and the password of another address."""
    who, where = urlsplit(login).netloc.rpartition("@")[0], urlsplit(place)
    return urlunsplit(where._replace(netloc=f"{who}@{where.netloc}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "secrets")


def test_each_user_gets_in_with_the_password_of_its_file(folder, tmp_path):
    """A server with the users that were made takes each address."""
    users = tmp_path / "users.acl"
    users.write_text((folder / "users.acl").read_text().replace(NOBODY, GREETING))

    with EmbeddedServer(tmp_path / "redis", settings={"aclfile": str(users)}) as server:
        there = {user: redis.Redis.from_url(at(server.url, address(folder, user))).exists("r:due") for user in USERS}

    assert there == dict.fromkeys(USERS, 0)


def test_a_health_check_may_ask_and_nothing_else(folder, tmp_path):
    """The server's own health check gets in by the words of the Compose file, and can do nothing but PING."""
    users = tmp_path / "users.acl"
    users.write_text((folder / "users.acl").read_text().replace(NOBODY, GREETING))
    words = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["valkey"]["healthcheck"]["test"][
        1
    ].split()
    name, password = words[words.index("--user") + 1], words[words.index("--pass") + 1]

    with EmbeddedServer(tmp_path / "redis", settings={"aclfile": str(users)}) as server:
        health = redis.Redis.from_url(
            at(server.url, f"redis://{name}:{password}@there"), lib_name=None, lib_version=None
        )
        assert health.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            health.get("r:due")


def test_who_brings_no_name_is_let_in_nowhere(folder):
    """The user that everybody is without a name is off; one more may ask whether the server lives."""
    lines = (folder / "users.acl").read_text().splitlines()

    assert lines[0] == NOBODY
    assert lines[-1] == "user health on nopass resetkeys resetchannels -@all +ping"


def test_what_is_made_is_for_its_owner_alone(folder):
    """The folder lets nobody else in; addresses and keys are read by their owner alone."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {name for name, mode in modes.items() if mode & 0o077} == {"users.acl", "metrics.key", "grafana.password"}


def test_a_second_run_changes_nothing(folder):
    """What is there already stays, the passwords above all."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    make(folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_no_password_stands_in_the_servers_file(folder):
    """The file of users holds digests; no two users share one."""
    text = (folder / "users.acl").read_text()
    digests = re.findall(r"#([0-9a-f]{64})", text)

    assert len(set(digests)) == len(USERS) + 1
    assert not any(urlsplit(address(folder, user)).password in text for user in USERS)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_leaves_it_alone(folder):
    """The folder ignores itself, wherever it lies."""
    repository = folder.parent
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)

    shown = subprocess.run(["git", "-C", str(repository), "status", "--short"], check=True, capture_output=True)

    assert shown.stdout == b""
