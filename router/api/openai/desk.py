"""Takes a request of either interface in as tasks, and waits for what becomes of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from anyio import CancelScope
from fastapi import Request
from starlette.datastructures import Headers

from ...async_client import AsyncClient
from ...errors import RouterError, UnknownPolicy, UnknownTask
from ...producing import Order, prepare
from ...record import Record
from ...submission import Card, Submission
from ...task import ENDS, TaskState
from ...values import Json
from ..caller import Caller
from ..events import HEARTBEAT_S
from ..pressure import Admissions
from ..problems import Refused
from .asked import RouterAsk, Target, UnknownModel, target
from .outcome import still_going
from .taking import Source

T = TypeVar("T")

WAIT_S: Final = 570.0
"""How long an answer is waited for: less than the 600 s after which OpenAI's SDKs give up and send it again."""
MARGIN_S: Final = 1.0
"""An SDK that says how long it waits gets its answer so much earlier."""
SETTLED: Final = ENDS | {TaskState.REVIEW}
LEFT: Final = 499
"""The status that the log has for callers who left; nobody gets it."""


class Left(Exception):
    """The caller has closed the connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, understood: what is asked of which version, with what, how many times, and whether it is kept."""

    model: str
    card: Card
    input: dict[str, Json]
    source: Source
    order: Order
    choices: int = 1
    keep: bool = True


async def addressed(client: AsyncClient, model: str, router: RouterAsk) -> tuple[Target, Card]:
    """Find the policy that a model's name stands for. Raises: Refused, TaskInvalid, StoreUnavailable."""
    try:
        named = target(model, router)
        return named, await client.known(named.policy)
    except (UnknownModel, UnknownPolicy) as why:
        raise Refused(404, "model_not_found", str(why), param="model") from None


@dataclass(frozen=True, slots=True)
class Taken:
    """The tasks of a request; `replayed` where its key had been used before, with the same body."""

    tasks: Sequence[str]
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"x-router-task": self.tasks[0]} | ({"idempotency-replayed": "true"} if self.replayed else {})


async def taken_in(client: AsyncClient, admissions: Admissions, caller: Caller, asked: Asked) -> Taken:
    """
    Submit, each choice as a task of its own. The first is sent alone: it tells whether its key is free.

    Raises: Refused, TaskInvalid, TaskConflict, StoreUnavailable.
    """
    first, *others = [_submission(client, asked, number) for number in range(asked.choices)]
    (taken,) = await admissions.take_in(caller, [first])
    if not others:
        return Taken([taken.id], taken.replayed)
    try:
        more = await admissions.take_in(caller, others)
    except (RouterError, Refused):
        await given_up(client, asked, [taken.id, *(submission.task_id for submission in others)])
        raise
    return Taken([taken.id, *(handle.id for handle in more)], taken.replayed)


def _submission(client: AsyncClient, asked: Asked, number: int) -> Submission:
    """One choice; its key and its body's fingerprint tell it from the others, and from another number of them."""
    made = prepare(asked.card, asked.input, asked.order, reply_to=client.name)
    if asked.choices == 1:
        return made
    key = f"{made.key} {number}" if number and made.key is not None else made.key  # no caller's key has a blank
    return replace(made, key=key, fingerprint=f"{made.fingerprint}*{asked.choices}")


async def settled(client: AsyncClient, tasks: Sequence[str], *, wait_s: float | None) -> list[Record]:
    """Wait until every task has ended, or needs a person. Raises: Refused after *wait_s*."""
    states = await asyncio.gather(*(client.reach(task, SETTLED, timeout_s=wait_s) for task in tasks))
    for task, state in zip(tasks, states, strict=True):
        if state not in SETTLED:
            raise still_going(task, wait_s or 0)
    return list(await asyncio.gather(*(client.read(task) for task in tasks)))


async def as_of(client: AsyncClient, asked: Asked, record: Record) -> Asked:
    """The request as its task was asked: under a known key that may have been an earlier version of the policy."""
    if record.task.policy == asked.card.digest:
        return asked
    _, kind = await client.version(record.task.policy)
    return replace(asked, card=replace(asked.card, digest=record.task.policy, output=kind))


def not_erased(record: Record) -> None:
    """Raises: Refused for a task whose contents are gone."""
    if record.erased_ms is not None:
        raise Refused(410, "task_erased", f"the contents of task {record.task.id} were erased; ask anew")


async def while_there(request: Request, work: Awaitable[T]) -> T:
    """Do *work* as long as the caller is connected. Raises: Left."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Left
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def given_up(client: AsyncClient, asked: Asked, tasks: Sequence[str]) -> None:
    """Nobody waits any more: cancel, unless a key says that somebody may ask for the same again."""
    if asked.order.key is not None:
        return
    for task in tasks:
        try:
            await (client.cancel(task) if asked.keep else client.erase(task))
        except UnknownTask:
            continue


@asynccontextmanager
async def given_up_if_left(
    request: Request, client: AsyncClient, asked: Asked | None, tasks: Sequence[str]
) -> AsyncIterator[None]:
    """While entered somebody listens to a stream: who leaves meanwhile gives the tasks up; the end of us does not."""
    try:
        yield
    except BaseException:
        if asked is not None:
            with CancelScope(shield=True):
                if await request.is_disconnected():
                    await given_up(client, asked, tasks)
        raise


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody waits for an answer, and how long a stream may be silent meanwhile."""

    wait_s: float = math.inf
    silence_s: float = HEARTBEAT_S


def patience(request: Request, router: RouterAsk, *, stream: bool | None = False) -> Patience:
    """
    As the request says; but less than its client waits, so that it is told which task goes on.

    A stream that says now and then that it is there may take as long as its task.
    """
    wished_s = router.wait_s or (math.inf if stream else WAIT_S)
    theirs_s = _client_timeout_s(request.headers)
    if stream:
        return Patience(wished_s, min(HEARTBEAT_S, theirs_s / 2))
    return Patience(min(wished_s, max(theirs_s - MARGIN_S, theirs_s / 2)))


def _client_timeout_s(headers: Headers) -> float:
    """How long OpenAI's SDKs for Python and Node say that they wait for the next byte."""
    told = headers.get("x-stainless-read-timeout") or headers.get("x-stainless-timeout") or ""
    try:
        seconds = float(told)
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf
