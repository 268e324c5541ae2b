"""
Servers with the users of `deploy/redis.acl`, and clients that may look at every key there.

All that is the product's reaches them as a worker's user, or as the user that a test names: what the file forbids, and
the product needs, fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis

from router.io.embedded import EmbeddedServer

FILE = Path(__file__).parents[1] / "deploy" / "redis.acl"
WORKER, API, PRODUCER, OPS = "router-worker", "router-api", "router-producer", "router-ops"
USERS = (WORKER, API, PRODUCER, OPS)
PASSWORD = "of-this-test"
ANY_PREFIX = "*:"
_ADMIN = "admin"
_IN_VAIN = {(user, "command", "config|get") for user in USERS}
"""The doctor asks how often the log is synced, and goes on where the server does not tell."""
_GREETING = "user default on nopass resetkeys resetchannels -@all +ping +client|setinfo"
"""Whoever brings no name may see that the server is there, and nothing else."""


class GuardedServer(EmbeddedServer):
    """A server with our users, for keys behind *prefix*; its address is that of *user*."""

    def __init__(
        self,
        directory: Path,
        *,
        prefix: str = ANY_PREFIX,
        user: str = WORKER,
        settings: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "users.acl"
        file.write_text(users(prefix))
        self._user = user
        super().__init__(
            directory, settings={"aclfile": str(file), "acllog-max-len": "1000", **(settings or {})}, **more
        )

    @property
    def url(self) -> str:
        return as_user(super().url, self._user)

    def denied(self) -> set[tuple[str, str, str]]:
        """What was refused so far: user, why, and the command or key; what the product asks in vain is not counted."""
        with peek(self.url) as admin:
            return {(line["username"], line["reason"], line["object"]) for line in admin.acl_log()} - _IN_VAIN


def users(prefix: str) -> str:
    """The file's users with passwords, for another prefix than its own; beside them one who may do everything."""
    lines = (
        FILE.read_text().replace("~r:", f"~{prefix}").replace(" resetpass ", f" resetpass >{PASSWORD} ").splitlines()
    )
    return "\n".join([_GREETING, *lines[1:], f"user {_ADMIN} on >{PASSWORD} ~* &* +@all", ""])


def peek(url: str) -> redis.Redis:
    """A plain client for tests, which may see and do everything at the server that the product reaches by *url*."""
    return redis.Redis.from_url(as_user(url, _ADMIN) if urlsplit(url).username in USERS else url)


def allow(url: str, *rules: str) -> None:
    """Give the user of an address more than the file does."""
    if (user := urlsplit(url).username) in USERS:
        with peek(url) as admin:
            admin.execute_command("ACL", "SETUSER", user, *rules)


def as_user(url: str, user: str) -> str:
    """The address with another user's name."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{place}"))
