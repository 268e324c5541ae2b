"""`python -m workers` as a real process group, and what its log and the system say of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from router.settings import Settings
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
POLICIES = ROOT / "policies"


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The variables for a process with these settings and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROUTER_")}
    return {**kept, **settings.environment(), **more}


def launch(module: str, *words: str, env: dict[str, str], log: Path | None = None) -> subprocess.Popen[str]:
    """Start a module of ours; what it says goes to *log*, or into a pipe."""
    out = log.open("ab") if log else subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        text=True,
        start_new_session=True,
    )
    if log:
        out.close()  # type: ignore[union-attr]
    return process


class Process(Protocol):
    """What a gang asks of the process of its supervisor."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, signum: int) -> None: ...

    def kill(self) -> None: ...


class Gang:
    """A supervisor with its workers, quarantine and sweep. Stopped when left, if it still runs."""

    module = "workers"

    def __init__(self, settings: Settings, folder: Path, *words: str, **env: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.log = folder / "workers.log"
        self.process = self._launch(words, env)

    def _launch(self, words: tuple[str, ...], env: dict[str, str]) -> Process:
        return launch(self.module, *words, env=environment(self.settings, **env), log=self.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def kill(self) -> None:
        """End everything, now."""
        for pid in self.everybody():
            os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def events(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log about something, in order."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [said for line in lines if (said := json.loads(line))["event"] == event]

    def pids(self, name: str) -> list[int]:
        """The processes that bore that name, the newest last."""
        return [said["pid"] for said in self.events("worker.started") if said["process"] == name]

    def pid(self, name: str) -> int:
        wait_until(lambda: self.pids(name), f"{name} in {self.log}")
        return self.pids(name)[-1]

    def shift(self, name: str = "worker-0") -> int:
        """The process of the shift that a worker runs."""
        worker = self.pid(name)
        wait_until(lambda: children(worker), f"a shift of {name}")
        return children(worker)[0]

    def shifts(self) -> list[int]:
        """The processes of all shifts that run now, those of the quarantine included."""
        return [child for pid in self.mains() for child in children(pid) if alive(child)]

    def mains(self) -> list[int]:
        """The RQ workers that live now, the quarantine's included."""
        started = [said for said in self.events("worker.started") if said["process"] != "sweep"]
        return [said["pid"] for said in started if alive(said["pid"])]

    def everybody(self) -> Sequence[int]:
        """All that live."""
        started = [said["pid"] for said in self.events("worker.started")]
        grandchildren = [child for pid in started for child in children(pid)]
        return [pid for pid in (*started, *grandchildren) if alive(pid)]


def alive(pid: int) -> bool:
    """Whether a process runs: one that ended, and whom nobody has asked about yet, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def children(pid: int) -> list[int]:
    """The processes that one has started, of those that have not been waited for."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
