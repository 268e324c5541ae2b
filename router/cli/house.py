"""A whole service on one machine: embedded server, local models if wished, workers, HTTP if wished."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from ..errors import OperatorError, StoreUnavailable
from ..io.embedded import EmbeddedServer
from ..io.folder import policy_files
from ..io.parent import end_with, how
from ..io.redis_keys import Keys
from ..io.redis_link import connect
from ..local.tiers import write_tiers
from ..settings import Settings

_START_S = 60.0
_STOP_S = 30.0
_LOOK_S = 0.2
_SERVER_S = 10.0
"""A server that ends sooner after it was started again would do so another time."""
_TODO = "Mend what ended it (SIGKILL is mostly want of memory), then start again: what was submitted is kept."
_DOWN = 3
"""The exit code where a part is gone that did not say why."""


@dataclass(frozen=True)
class _Part:
    """What people call it, and its process."""

    name: str
    process: subprocess.Popen[bytes]


class House:
    """
    Starts the parts as processes of their own and stops them in order. While entered, `settings` lead to them, and
    HTTP is served without keys at `address` where a *port* was given (0 takes a free one).

    Raises: OperatorError when a part does not start.
    """

    def __init__(
        self, settings: Settings, *, directory: Path, local: bool, workers: int, quiet: bool, port: int | None = None
    ) -> None:
        self.settings = settings
        self.bill_file = directory / "bill.jsonl"
        self._directory = directory
        self._local = local
        self._workers = workers
        self._quiet = quiet
        self._port = port
        self.address = ""
        self._again_s = -math.inf
        self._parts: list[_Part] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(EmbeddedServer(self._directory / "redis"))
            self.settings = replace(self.settings, redis_url=self._server.url)
            if self._local:
                self.settings = replace(self.settings, tiers=self._start_models(stack))
            words = ["--workers", str(self._workers)]
            self._worker = self._start(stack, "workers", words, what="the supervisor of the workers")
            if self._port is not None:
                self.address = self._start_http(stack, self._port)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wait_until_ready(self) -> None:
        """Return once the workers have published the folder's policies."""
        count = len(policy_files(self.settings.policies))
        redis = connect(self.settings.redis_url)
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s and self._worker.poll() is None:
            if redis.scard(Keys(self.settings.prefix).policies) >= count:
                redis.close()
                return
            time.sleep(0.05)
        raise OperatorError(f"the workers did not start; see {self.log_file('workers')}\n{self._last_words('workers')}")

    def wait(self, tell: Callable[[str], None]) -> int:
        """
        Wait for Ctrl-C, SIGTERM or SIGHUP (0), or for a part to end by itself (its exit code, 3 where it has none).

        A server that ends is started again on its data, unless that was done just before. What ended, and what follows,
        is told.
        """
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.default_int_handler)
        try:
            while (code := self._look(tell)) is None:
                time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            return 0
        return code

    def _look(self, tell: Callable[[str], None]) -> int | None:
        """See whether a part ended; the exit code of all, where it is one that they cannot do without."""
        ended = self._server.ended
        if ended is not None and not self._server_again(how(ended), tell):
            return _DOWN
        for part in self._parts:
            if (code := part.process.poll()) is not None:
                tell(f"{part.name} ended unasked ({how(code)}), so all the rest stops. {_TODO}")
                return code if code > 0 else _DOWN
        return None

    def _server_again(self, ended: str, tell: Callable[[str], None]) -> bool:
        """Start the server in place of one that ended; False where that is no use."""
        said = f"the embedded server ended unasked ({ended})"
        look = f"Its log is {self._server.log_file}."
        if time.monotonic() - self._again_s < _SERVER_S:
            tell(f"{said} just after it was started again, so all the rest stops. {look} {_TODO}")
            return False
        tell(f"{said}: it is started again on its data. Tasks go on, and nothing that was submitted is lost. {look}")
        self._again_s = time.monotonic()
        try:
            self._server.start_again()
        except StoreUnavailable as why:
            tell(f"{why}, so all the rest stops. {_TODO}")
            return False
        tell("the embedded server runs again.")
        return True

    def log_file(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _start_models(self, stack: ExitStack) -> Path:
        words = ["--policies", str(self.settings.policies), "--bill", str(self.bill_file)]
        address = self._start_at(stack, "router.local", words, what="the local models")
        return write_tiers(self._directory / "tiers.local.yaml", api_base=address)

    def _start_http(self, stack: ExitStack, port: int) -> str:
        return self._start_at(stack, "router.cli", ["api", "--insecure", "--port", str(port)], what="the HTTP service")

    def _start_at(self, stack: ExitStack, module: str, words: list[str], *, what: str) -> str:
        """Start a part that serves HTTP; returns its address once it does. Raises: OperatorError."""
        ready = self._directory / f"{module}.url"
        ready.unlink(missing_ok=True)
        process = self._start(stack, module, [*words, "--ready-file", str(ready)], what=what)
        end_s = time.monotonic() + _START_S
        while not (ready.exists() and ready.read_text().strip()):
            if process.poll() is not None or time.monotonic() > end_s:
                raise OperatorError(f"{what} did not start\n{self._last_words(module)}")
            time.sleep(0.02)
        return ready.read_text().strip()

    def _start(self, stack: ExitStack, module: str, words: list[str], *, what: str) -> subprocess.Popen[bytes]:
        log = stack.enter_context(self.log_file(module).open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env={**os.environ, **self.settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log if self._quiet else None,
            start_new_session=True,
            preexec_fn=partial(end_with, os.getpid()),  # noqa: PLW1509  # one system call; nothing is left behind
        )
        stack.callback(_stop, process)
        self._parts.append(_Part(what, process))
        return process

    def _last_words(self, module: str) -> str:
        return "\n".join(self.log_file(module).read_text(errors="replace").splitlines()[-15:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
