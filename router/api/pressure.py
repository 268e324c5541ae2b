"""Whether a task is taken in now: new ones are refused while they would wait too long, known ones never."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated, Final
from weakref import WeakValueDictionary

from fastapi import Depends, Request

from ..errors import Backlogged, TaskGone
from ..health.pressure import Pressure
from ..producing import admitted, gone
from ..submission import Admission, Busy, Conflict, Full, Gone, Submission, Submitted
from .backend import Backend
from .caller import Caller, Fresh
from .problems import Refused
from .problems import refusal as refusal_of

FRESH_S: Final = 1.0
"""How long a process goes by what it knows of a queue."""
FRESH_MAX: Final = 10_000
_RETRY_MOST_S: Final = 600
_RETRY_S: Final = 10


class Admissions:
    """Lets tasks in for one process, by what it learnt of a queue a second ago, or just now for who has a limit."""

    def __init__(self, backend: Backend, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._client = backend.client
        self._wait_max_s = int(backend.settings.wait_max_s)
        self._clock_s = clock_s
        self._known: Fresh[Pressure] = Fresh(FRESH_S, FRESH_MAX)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take_in(self, caller: Caller, submissions: Sequence[Submission]) -> list[Submitted]:
        """Hand over tasks of a caller, all or none. Raises: Refused, TaskConflict, StoreUnavailable."""
        offered = await self.offer(caller, submissions)
        for one in offered:
            if isinstance(one, Refused):
                raise one
        return admitted([one for one in offered if not isinstance(one, Refused)])

    async def offer(self, caller: Caller, submissions: Sequence[Submission]) -> list[Submitted | Conflict | Refused]:
        """The same, each for itself. Raises: StoreUnavailable."""
        found = await self._known_ones(caller, submissions)
        new = [submission for submission in submissions if submission.task_id not in found]
        async with self._turn(caller):
            refusals = self._refusals(caller, new, await self._pressures(caller, new))
            found |= await self._admissions([submission for submission in new if submission.task_id not in refusals])
        refused = [submission for submission in new if submission.task_id in refusals and submission.key]
        found |= await self._admissions(refused, only_known=True)
        return [_said(found.get(s.task_id), refusals.get(s.task_id)) for s in submissions]

    def _turn(self, caller: Caller) -> AbstractAsyncContextManager[object]:
        """While entered, nothing else of a tenant with a limit is taken in here: what was counted stays true."""
        if caller.waiting_max is None:
            return nullcontext()
        return self._turns.setdefault(caller.tenant, asyncio.Lock())

    def _refusals(
        self, caller: Caller, submissions: Sequence[Submission], pressures: Mapping[str, Pressure]
    ) -> dict[str, Refused]:
        """Why new tasks are refused, by their ids. Those that are taken in wait for the next; of one key one does."""
        found: dict[str, Refused] = {}
        taken: set[str] = set()
        for submission in submissions:
            who = submission.key or submission.task_id
            if who in taken:
                continue
            if refused := self._refusal(caller, submission, pressures[_name(submission)], len(taken)):
                found[submission.task_id] = refused
            else:
                taken.add(who)
        return found

    async def _known_ones(self, caller: Caller, submissions: Sequence[Submission]) -> dict[str, Admission]:
        """Those whose keys were used before, where the tenant has a limit: they take nobody's place."""
        keyed = [submission for submission in submissions if submission.key]
        if caller.waiting_max is None:
            return {}
        found = await self._admissions(keyed, only_known=True)
        return {name: one for name, one in found.items() if not isinstance(one, (Busy, Full))}

    async def _admissions(self, submissions: Sequence[Submission], *, only_known: bool = False) -> dict[str, Admission]:
        if not submissions:
            return {}
        try:
            admissions = await self._client.offer(submissions, only_known=only_known)
        except Backlogged as why:
            raise _full(str(why)) from None
        return {s.task_id: admission for s, admission in zip(submissions, admissions, strict=True)}

    def _refusal(self, caller: Caller, submission: Submission, pressure: Pressure, before: int) -> Refused | None:
        """Why a new task would be refused, *before* others of its request that are taken in."""
        wait_s = pressure.wait_s
        if caller.waiting_max is not None and pressure.waiting + before >= caller.waiting_max:
            return _too_many(caller, caller.waiting_max, pressure)
        if wait_s >= submission.deadline_s:
            return _unreachable(submission, pressure)
        return _too_long(pressure, self._wait_max_s) if wait_s > self._wait_max_s else None

    async def _pressures(self, caller: Caller, submissions: Sequence[Submission]) -> dict[str, Pressure]:
        """What each would find, by the names of their places: asked once for all that go to the same."""
        return {
            name: await self._pressure(caller, submission, name)
            for name, submission in {_name(submission): submission for submission in submissions}.items()
        }

    async def _pressure(self, caller: Caller, submission: Submission, name: str) -> Pressure:
        now_s = self._clock_s()
        known = self._known.get(name, now_s)
        if known is None or caller.waiting_max is not None:
            patience_ms = _patience_ms(submission)
            known = await self._client.pressure(submission.tier, submission.tenant, patience_ms=patience_ms)
            self._known.put(name, now_s, known)
        return known


def _name(submission: Submission) -> str:
    """Of the place that it goes to."""
    return f"{submission.tier} {_patience_ms(submission)} {submission.tenant}"


def _patience_ms(submission: Submission) -> int:
    return min(submission.priority.patience_ms, int(submission.deadline_s * 1000))


def _admissions(request: Request) -> Admissions:
    admissions: Admissions = request.app.state.admissions
    return admissions


Admitting = Annotated[Admissions, Depends(_admissions)]
"""The admissions of the application that a route is part of."""


def _said(admission: Admission | None, refusal: Refused | None) -> Submitted | Conflict | Refused:
    match admission:
        case Submitted() | Conflict():
            return admission
        case Gone(task_id=task_id):
            return refusal_of(TaskGone(gone(task_id)))
        case Busy(waiting=waiting) if refusal is None:
            said = f"{waiting:,} tasks wait already; send it again later"
            return Refused(429, "backlogged", said, headers={"retry-after": str(_RETRY_S)})
        case Full(waiting=waiting) if refusal is None:
            return _full(f"the memory that is left is kept for the {waiting:,} tasks that wait; send it again later")
        case _:
            assert refusal is not None
            return refusal


def _too_many(caller: Caller, most: int, pressure: Pressure) -> Refused:
    return Refused(
        429,
        "too_many_waiting",
        f"{pressure.waiting:,} tasks of tenant {caller.tenant!r} have not ended, its limit is {most:,}; wait for some",
        headers={"retry-after": str(_retry_s(1 / pressure.rate if pressure.rate else _RETRY_S))},
        more={"waiting": pressure.waiting, "waiting_max": most},
    )


def _unreachable(submission: Submission, pressure: Pressure) -> Refused:
    return Refused(
        422,
        "deadline_unreachable",
        f"the task would wait about {pressure.wait_s:,.0f} s for its turn ({pressure.ahead:,} go before it), and its "
        f"deadline is {submission.deadline_s:,.0f} s; allow it more time, or send it when less waits",
        param="deadline_s",
        more=_numbers(pressure) | {"deadline_s": submission.deadline_s},
    )


def _too_long(pressure: Pressure, most_s: int) -> Refused:
    return Refused(
        429,
        "backlogged",
        f"the task would wait about {pressure.wait_s:,.0f} s for its turn ({pressure.ahead:,} go before it), the most "
        f"is {most_s:,} s; send it again later",
        headers={"retry-after": str(_retry_s(pressure.wait_s - most_s))},
        more=_numbers(pressure),
    )


def _full(detail: str) -> Refused:
    return Refused(503, "store_full", detail, headers={"retry-after": str(_RETRY_S)})


def _numbers(pressure: Pressure) -> dict[str, float]:
    return {"predicted_wait_s": round(pressure.wait_s, 1), "ahead": pressure.ahead}


def _retry_s(seconds: float) -> int:
    return max(1, min(_RETRY_MOST_S, math.ceil(seconds)))
