"""Waiting for what other processes and tasks do: until it is so, or the test fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_LOOK_S = 0.01


async def until(condition: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    """Return once *condition* holds; other tasks of this loop go on. Raises: TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(_LOOK_S)


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float = 60.0) -> None:
    """Return once *condition* holds in some other process. Raises: TimeoutError, with *what* was waited for."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {timeout_s} s for: {what}")
        time.sleep(_LOOK_S)
