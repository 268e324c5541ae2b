"""Workers that some tasks are poison to: `python -m tests.faults.poisoned` is `python -m workers` with such models."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from router.app import ShiftWorld, open_shift_world
from router.call import Answer, Call
from router.ports import LLM
from router.settings import Settings
from workers import shift
from workers.__main__ import main

STUCK_S = 4.0
"""In place of the two minutes after which a process that does not turn any more ends itself."""
_MORE_BYTES = 200 * 1024 * 1024


def end_at_once() -> None:
    os._exit(1)


def take_all_memory() -> None:
    """Hold more and more, to the limit of the process and beyond: raises MemoryError."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MORE_BYTES, resource.RLIM_INFINITY))
    held = []
    while True:
        held.append(bytearray(1024 * 1024))


def never_return() -> None:
    while True:
        pass


POISONS = {"poison-exit": end_at_once, "poison-memory": take_all_memory, "poison-loop": never_return}


class Poisoned:
    """Asks the models, and has the process suffer after the answer to a task that names a poison."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm

    async def complete(self, call: Call) -> Answer:
        answer = await self._llm.complete(call)
        for word, harm in POISONS.items():
            if word in str(call.messages):
                harm()
        return answer


@asynccontextmanager
async def open_poisoned_world(settings: Settings, *, alone: bool) -> AsyncIterator[ShiftWorld]:
    from router.io.litellm_llm import LiteLLM

    async with LiteLLM() as real, open_shift_world(settings, alone=alone, llm=Poisoned(real)) as world:
        yield world


if __name__ == "__main__":
    shift.open_shift_world = open_poisoned_world  # type: ignore[assignment]
    shift.STUCK_S = STUCK_S
    sys.exit(main())
