"""Processes and their parents: who is left behind stops itself, and how a child ended in words."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def how(code: int) -> str:
    """Say how a process ended by its exit code, which is the number of a signal below 0: `exit code 1`, `SIGKILL`."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def end_with(parent: int) -> None:
    """Have SIGTERM sent to this process when its parent, the process *parent*, ends in any way. Only Linux can."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)
