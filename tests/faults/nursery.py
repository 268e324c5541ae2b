"""Gangs that start in a tenth of a second: forked from a process that has loaded everything."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.gang import ROOT, Gang, Process, environment

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.faults.warm"])


class Forked:
    """A process that was forked, to be handled like one that was started."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedGang(Gang):
    """`python -m workers`, without the seconds that its imports take."""

    def _launch(self, words: tuple[str, ...], env: dict[str, str]) -> Process:
        self.log.touch()
        given = (self.module, words, environment(self.settings, **env), self.log)
        process = _FORKED.Process(target=_become, args=given, name=self.module)
        process.start()
        return Forked(process)


def _become(module: str, words: tuple[str, ...], env: dict[str, str], log: Path) -> None:
    """Be what `python -m` would have started."""
    os.setsid()
    os.chdir(ROOT)
    with log.open("ab") as out:
        for standard in (1, 2):
            os.dup2(out.fileno(), standard)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
