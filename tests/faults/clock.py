"""A host's wall clock that a test moves, for processes that are started with its environment."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")
COMPILER = shutil.which("cc")

needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or COMPILER is None, reason="moving the clock of a process needs Linux and a C compiler"
)


class HostClock:
    """As right as the real one until it jumps. Steady clocks stay as they are: a jump does not move those either."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock.shift"
        library = folder / "clock.so"
        self.jump(0)
        subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
        self.env = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self._file)}

    def jump(self, seconds: float) -> None:
        """Be so far from the real time from now on, in one step."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", int(seconds * 1000)))
