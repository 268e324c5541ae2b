"""Takes a request of either interface in as tasks, and waits for what becomes of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import uuid4

from anyio import CancelScope
from fastapi import Request
from starlette.datastructures import Headers

from ...async_client import AsyncClient
from ...errors import RouterError, TaskInvalid, UnknownPolicy, UnknownTask
from ...output import Kind
from ...producing import Order, again, prepare
from ...record import Record
from ...submission import Submission
from ...task import ENDS, TaskState
from ...values import Json
from ..backend import Backend
from ..caller import Caller
from ..events import HEARTBEAT_S
from ..pressure import Admissions
from ..problems import REPLAYED, Refused
from ..published import unknown_policy
from ..webhooks import check_webhook
from .asked import RouterAsk, Target, UnknownModel, target
from .outcome import still_going
from .taking import Source, task_input

T = TypeVar("T")

WAIT_S: Final = 570.0
"""How long an answer is waited for: less than the 600 s after which OpenAI's SDKs give up and send it again."""
MARGIN_S: Final = 1.0
"""An SDK that says how long it waits gets its answer so much earlier."""
SETTLED: Final = ENDS | {TaskState.REVIEW}
NO_VERSION: Final = ""
"""The digest of a request that was taken in under some version that its record knows."""
LEFT: Final = 499
"""The status that the log has for callers who left; nobody gets it."""


class Left(Exception):
    """The caller has closed the connection."""


def addressed(model: str, router: RouterAsk) -> Target:
    """Whom a model's name stands for. Raises: Refused, TaskInvalid."""
    try:
        return target(model, router)
    except UnknownModel as why:
        raise Refused(404, "model_not_found", str(why), param="model") from None


@dataclass(frozen=True, slots=True)
class Question:
    """
    A request as it was sent: whom it asks, what it says, how many times it is to be answered, and whether it is kept.

    `given` is `router.input`; `names` tells what parameters are called here that an objection names otherwise.
    """

    model: str
    target: Target
    messages: Sequence[dict[str, Json]]
    given: Mapping[str, Json] | None
    order: Order
    names: Mapping[str, str]
    choices: int = 1
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, taken in: which version of a policy is to answer, with what, and what its input was taken from."""

    model: str
    policy: str
    digest: str
    output: Kind
    source: Source
    order: Order
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """The tasks of a request; `replayed` where its key had been used before, with the same body."""

    tasks: Sequence[str]
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"x-router-task": self.tasks[0]} | (REPLAYED if self.replayed else {})

    @contextmanager
    def told(self) -> Iterator[None]:
        """While entered, what is refused tells the same in its headers as an answer would."""
        try:
            yield
        except Refused as why:
            why.headers = self.headers | dict(why.headers or {})
            raise


async def taken_in(backend: Backend, admissions: Admissions, caller: Caller, question: Question) -> tuple[Asked, Taken]:
    """
    Submit, each choice as a task of its own; where that cannot be any more, find those that the key stands for already.

    Raises: Refused, TaskInvalid, TaskConflict, TaskGone, StoreUnavailable.
    """
    try:
        asked, submissions = await _understood(backend, caller, question)
    except (TaskInvalid, Refused) as why:
        known = await _known_already(backend.client, question)
        if known is None:
            raise _in_their_words(why, question) from None
        return known
    return asked, await _sent(backend.client, admissions, caller, asked, submissions)


async def _understood(backend: Backend, caller: Caller, question: Question) -> tuple[Asked, list[Submission]]:
    order, client = question.order, backend.client
    try:
        card = await client.known(question.target.policy)
    except UnknownPolicy:
        why = await unknown_policy(backend, caller, question.target.policy)
        raise Refused(404, "model_not_found", str(why), param="model") from None
    _check_choices(caller, question.choices)
    given, source = task_input(card, question.messages, question.given)
    await check_webhook(backend, caller.tenant, order.webhook)
    made = prepare(card, given, order, reply_to=client.name)
    asked = Asked(question.model, card.policy, card.digest, card.output, source, order, question.keep)
    return asked, _choices(made, question.choices)


def _check_choices(caller: Caller, count: int) -> None:
    """Raises: Refused for more choices than the tenant's tasks that may wait, of which there would never be enough."""
    most = caller.waiting_max
    if most is not None and count > most:
        said = f"n asks for {count} tasks, and tenant {caller.tenant!r} may have {most:,} at a time; ask for fewer"
        raise Refused(422, "invalid", said, param="n")


def _in_their_words(why: TaskInvalid | Refused, question: Question) -> TaskInvalid | Refused:
    if isinstance(why, Refused) or why.parameter is None:
        return why
    return TaskInvalid(str(why), parameter=question.names.get(why.parameter, why.parameter))


def _choices(made: Submission, count: int) -> list[Submission]:
    """One for each; its key and its body's fingerprint tell it from the others, and from another number of them."""
    if count == 1:
        return [made]
    told = replace(made, fingerprint=f"{made.fingerprint}*{count}")
    keys = [made.key and f"{made.key} {number}" for number in range(1, count)]  # no caller's key has a blank
    return [told, *(replace(told, task_id=uuid4().hex, key=key) for key in keys)]


async def _sent(
    client: AsyncClient, admissions: Admissions, caller: Caller, asked: Asked, submissions: Sequence[Submission]
) -> Taken:
    """The first is sent alone: it tells whether its key is free."""
    first, *others = submissions
    (taken,) = await admissions.take_in(caller, [first])
    if not others:
        return Taken([taken.task_id], taken.replayed)
    try:
        more = await admissions.take_in(caller, others)
    except (RouterError, Refused):
        await given_up(client, asked, [taken.task_id, *(submission.task_id for submission in others)])
        raise
    return Taken([taken.task_id, *(one.task_id for one in more)], taken.replayed)


async def _known_already(client: AsyncClient, question: Question) -> tuple[Asked, Taken] | None:
    """The tasks that the key of a request stands for, whatever its policy is today. Raises: TaskGone."""
    policy, order = question.target.policy, question.order
    if order.key is None:
        return None
    for given, source in await _may_have_been(client, question):
        first = again(policy, given, order)
        known = await client.recall(_choices(first, question.choices)) if first is not None else [None]
        tasks = [one.task_id for one in known if one is not None]
        if len(tasks) == len(known):
            asked = Asked(question.model, policy, NO_VERSION, "text", source, order, question.keep)
            return asked, Taken(tasks, replayed=True)
    return None


async def _may_have_been(client: AsyncClient, question: Question) -> list[tuple[dict[str, Json], Source]]:
    """The inputs that a request stands for under some version of its policy, as far as that can be told."""
    found: list[tuple[dict[str, Json], Source]] = []
    with suppress(UnknownPolicy, TaskInvalid):
        card = await client.known(question.target.policy)
        found.append(task_input(card, question.messages, question.given))
    if question.given is not None:
        found.append((dict(question.given), "router.input"))
    elif question.messages:
        found.append(({"messages": list(question.messages)}, "messages"))
    return found


async def settled(client: AsyncClient, tasks: Sequence[str], *, wait_s: float | None) -> list[Record]:
    """Wait until every task has ended, or needs a person. Raises: Refused after *wait_s*."""
    states = await asyncio.gather(*(client.reach(task, SETTLED, timeout_s=wait_s) for task in tasks))
    for task, state in zip(tasks, states, strict=True):
        if state not in SETTLED:
            raise still_going(task, wait_s or 0)
    return list(await asyncio.gather(*(client.read(task) for task in tasks)))


async def as_of(client: AsyncClient, asked: Asked, record: Record) -> Asked:
    """The request as its task was asked: under a known key that may have been an earlier version of the policy."""
    if record.task.policy == asked.digest:
        return asked
    _, kind = await client.version(record.task.policy)
    return replace(asked, digest=record.task.policy, output=kind)


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
