"""More sweeps beside those of a gang: `python -m tests.faults.sweeper COUNT` (settings by environment)."""

from __future__ import annotations

import os
import signal
import sys

from router.app import load_book, served
from router.io.parent import end_with
from router.settings import Settings
from workers.sweep import sweep_forever


def main() -> None:
    """Fork the sweeps, and end them with a SIGTERM."""
    settings = Settings.from_env()
    tiers = list(served(load_book(settings), settings))
    parent, children = os.getpid(), []
    for _ in range(int(sys.argv[1])):
        if not (pid := os.fork()):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            end_with(parent)
            sweep_forever(settings, tiers)
            os._exit(0)
        children.append(pid)
    signal.sigwait({signal.SIGTERM})
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
