"""How processes beside the workers stop."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from workers.stopping import pause, stopped_by_signals

LONG_S = 3600.0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_pause(signum: signal.Signals) -> None:
    """Whoever sleeps is told at once."""
    stopped = stopped_by_signals()
    os.kill(os.getpid(), signum)

    await pause(stopped, LONG_S)

    assert stopped.is_set()
    for handled in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(handled)


async def test_something_to_do_ends_a_pause() -> None:
    """Without stopping anything."""
    stopped, landed = asyncio.Event(), asyncio.Event()
    landed.set()

    await pause(stopped, LONG_S, or_when=landed)

    assert not stopped.is_set()


async def test_a_pause_ends_by_itself() -> None:
    """Where nothing happens."""
    stopped = asyncio.Event()

    await pause(stopped, 0)

    assert not stopped.is_set()
