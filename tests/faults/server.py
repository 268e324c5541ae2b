"""A server that a test freezes, kills, starts again, and robs of the end of its log."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.acl import GuardedServer
from tests.e2e.house import Models


class FallibleServer:
    """One directory, on which one server process after the other may run; its address stays."""

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._env = env

    def __enter__(self) -> Self:
        self.start()
        self.url = self._server.url
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self._server.stop()

    def start(self) -> None:
        """Start a process on what lies in the directory."""
        self._server = GuardedServer(self._directory, settings=self._settings, env=self._env)

    def kill(self) -> None:
        """The process ends in the middle of whatever it does."""
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def freeze(self) -> None:
        """The process stands still; what is sent to it waits."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._server.pid, signal.SIGCONT)

    def logged(self) -> int:
        """Bytes that the log of writes has now: it holds all that was acknowledged."""
        return self._log().stat().st_size

    def forget(self, logged: int) -> int:
        """Of a server that was killed: cut its log back to so many bytes; returns how many went."""
        gone = self.logged() - logged
        os.truncate(self._log(), logged)
        return gone

    def _log(self) -> Path:
        return max((self._directory / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime_ns)


@dataclass(frozen=True)
class Ground:
    """What a scene stands on: a server of the case's own, perhaps with a way to it, and the models that all share."""

    folder: Path
    models: Models
    redis_url: str

    def by(self, url: str) -> Ground:
        """The same, reached by another address."""
        return replace(self, redis_url=url)
