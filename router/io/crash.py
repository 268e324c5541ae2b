"""Strikes this process at named points of a task's way: an LLM around an LLM, a Store around a Store."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from random import Random
from typing import Any, cast

from ..call import Answer, Call, Deployment
from ..fault import Fault
from ..ports import LLM, Claim, Store
from ..refusal import Refusal
from .litellm_wire import current_wire

_LOOK_S = 0.001
_MOMENT_S = 0.02
"""How far into a call of an LLM without a wire the point `send` lies."""
_EXIT_CODE = 70


def crashing(llm: LLM, store: Store, faults: Sequence[Fault]) -> tuple[LLM, Store]:
    """Put the faults around the two seams of a shift."""
    blows = Blows(faults)
    return CrashingLLM(llm, blows), cast(Store, CrashingStore(store, blows))


def strike(fault: Fault) -> None:
    """Do to this process what the fault says."""
    if fault.signal == "EXIT":
        os._exit(_EXIT_CODE)
    os.kill(os.getpid(), signal.Signals[f"SIG{fault.signal}"])


class Blows:
    """The faults of this process, each with its luck. `strike` stands in for the blow in tests."""

    def __init__(self, faults: Sequence[Fault], *, strike: Callable[[Fault], None] = strike) -> None:
        self._faults = [(fault, Random(f"{fault.seed} {os.getpid()}")) for fault in faults]
        self._strike = strike

    def due(self, point: str) -> Fault | None:
        """The fault that is to strike at this passage of *point*, if any."""
        struck = [f for f, luck in self._faults if f.point == point and luck.random() < f.probability]
        return struck[0] if struck else None

    def at(self, point: str) -> None:
        """Strike, if the time has come."""
        if fault := self.due(point):
            self._strike(fault)

    def fall(self, fault: Fault) -> None:
        self._strike(fault)


class CrashingLLM:
    """Strikes while a call is on its way, and after its answer came."""

    def __init__(self, llm: LLM, blows: Blows) -> None:
        self._llm = llm
        self._blows = blows

    async def complete(self, call: Call) -> Answer:
        fault = self._blows.due("send")
        answer = await (self._struck_on_the_way(call, fault) if fault else self._llm.complete(call))
        self._blows.at("reply")
        return answer

    async def _struck_on_the_way(self, call: Call, fault: Fault) -> Answer:
        """Strike once the request has left. One that is answered, or that failed, before that is none on the way."""
        context = copy_context()
        asking = asyncio.create_task(_asked(self._llm, call), context=context)
        try:
            began_s = _now_s()
            while not (asking.done() or _has_left(context, began_s)):
                await asyncio.sleep(_LOOK_S)
            if not asking.done():
                self._blows.fall(fault)
            return await asking
        finally:
            asking.cancel()


class CrashingStore:
    """Strikes after claims, reservations, bookings and moves, and before an attempt's end is written."""

    def __init__(self, store: Store, blows: Blows) -> None:
        self._store = store
        self._blows = blows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *words: Any, **named: Any) -> Sequence[Claim]:
        claims = await self._store.claim(*words, **named)
        for _ in claims:
            self._blows.at("claim")
        return claims

    async def reserve(self, *words: Any, **named: Any) -> Deployment | Refusal:
        granted = await self._store.reserve(*words, **named)
        if not isinstance(granted, Refusal):
            self._blows.at("reserve")
        return granted

    async def resolve(self, *words: Any, **named: Any) -> None:
        await self._store.resolve(*words, **named)
        self._blows.at("resolve")

    async def finish(self, *words: Any, **named: Any) -> bool:
        self._blows.at("checks")
        held = await self._store.finish(*words, **named)
        self._blows.at("finish")
        return held


async def _asked(llm: LLM, call: Call) -> Answer:
    return await llm.complete(call)


def _has_left(context: Context, began_s: float) -> bool:
    """By the facts on the wire, where there is one: the call runs in *context*, and so its record is found there."""
    wire = context.get(current_wire)
    if wire is not None and wire.watched:
        return wire.sent
    return _now_s() - began_s >= _MOMENT_S


def _now_s() -> float:
    return asyncio.get_running_loop().time()
