"""How processes beside the workers stop: a signal is noted, and who pauses is woken by it."""

from __future__ import annotations

import asyncio
import signal


def stopped_by_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets, from now on."""
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    return stopped


async def pause(stopped: asyncio.Event, seconds: float, *, or_when: asyncio.Event | None = None) -> None:
    """Wait so long, until it is time to stop, or until the other event happens."""
    waits = [asyncio.create_task(event.wait()) for event in (stopped, or_when) if event is not None]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
