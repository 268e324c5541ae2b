"""POST /v1/responses, and what can be done with a response later."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from ...errors import UnknownTask
from ...producing import Order
from ...record import Record
from ...task import TaskState
from ...values import Json
from ...webhook import Dialect
from ..backend import Backend, Served
from ..caller import GUARDED, Caller
from ..events import Listening
from ..idempotency import Key
from ..news import Newsroom
from ..owned import Canceller, Reader, Submitter
from ..pressure import Admitting
from ..problems import Refused, answers
from ..strict import StrictRoute
from ..webhooks import webhook_of
from . import sse
from .asked import RouterAsk, one_key, one_metadata
from .desk import (
    LEFT,
    Asked,
    Left,
    Patience,
    Question,
    Taken,
    addressed,
    given_up,
    given_up_if_left,
    not_erased,
    patience,
    settled,
    taken_in,
    while_there,
)
from .items import messages
from .outcome import headers, not_accepted
from .progress import progress
from .responseanswer import Responding, task_id
from .responserequest import NAMES, ResponseRequest, wishes
from .shown import RESPONSE_ANSWER

routes = APIRouter(route_class=StrictRoute, tags=["openai"])

_SHOWN = {200: RESPONSE_ANSWER, **GUARDED}


class Deleted(BaseModel):
    """A response whose contents are erased."""

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


@routes.post(
    "/v1/responses",
    response_model=None,
    responses=_SHOWN | answers(404, 408, 409, 410, 413, 415, 422, 502, 503, 504),
)
async def create_response(
    *,
    request: Request,
    body: ResponseRequest,
    backend: Served,
    caller: Submitter,
    admissions: Admitting,
    newsroom: Listening,
    idempotency_key: Key = None,
) -> Response:
    """
    Answer with an output that passed the checks of a policy, in the words of OpenAI's responses.

    With `background: true` the response is `queued` at once; GET /v1/responses/{id} has it later.
    """
    question = _question(caller, body, idempotency_key)
    asked, taken = await taken_in(backend, admissions, caller, question)
    (task,) = taken.tasks
    if body.stream:
        waiter = None if body.background else asked
        waits = patience(request, body.router, stream=True)
        lines = _stream(request, backend, newsroom, task, waits, given_up_by=waiter)
        return sse.streamed(sse.to_the_end(request, lines), taken.headers)
    with taken.told():
        if body.background:
            begun = await _responding(backend, await backend.client.read(task), asked)
            return JSONResponse(begun.whole() if taken.replayed else begun.begun("queued"), headers=taken.headers)
        try:
            waiting = settled(backend.client, [task], wait_s=patience(request, body.router).wait_s)
            (record,) = await while_there(request, waiting)
        except Left:
            await given_up(backend.client, asked, [task])
            return Response(status_code=LEFT)
        return await _answer(backend, asked, taken, record)


async def _answer(backend: Backend, asked: Asked, taken: Taken, record: Record) -> Response:
    """What became of the task of a request. Raises: Refused where it was not accepted."""
    answer = await _responding(backend, record, asked)
    if not asked.keep:
        await backend.client.erase(record.task.id)
    if record.state is not TaskState.SUCCEEDED:
        raise not_accepted(record, asked.policy)
    return JSONResponse(answer.whole() | {"store": asked.keep}, headers=headers([record]) | taken.headers)


@routes.get("/v1/responses/{response}", response_model=None, responses=_SHOWN | answers(404, 422, 503))
async def retrieve_response(
    response: str,
    *,
    request: Request,
    backend: Served,
    caller: Reader,
    newsroom: Listening,
    stream: bool = False,
    starting_after: Annotated[int, Query(ge=0)] | None = None,
    include: Annotated[list[Literal["message.output_text.logprobs"]] | None, Query(alias="include[]")] = None,
) -> Response:
    """
    Show a response as it stands; with `stream=true` its events, those after `starting_after` where that is given.

    Log-probabilities are there if the response was asked for with them.
    """
    record = await _found(backend, caller, response)
    if stream:
        waits = patience(request, RouterAsk(), stream=True)
        lines = _stream(request, backend, newsroom, record.task.id, waits, after=starting_after)
        return sse.streamed(sse.to_the_end(request, lines), headers([record]))
    return JSONResponse((await _responding(backend, record)).whole(), headers=headers([record]))


@routes.post("/v1/responses/{response}/cancel", response_model=None, responses=_SHOWN | answers(404, 422, 503))
async def cancel_response(response: str, backend: Served, caller: Canceller) -> Response:
    """End a response unless it has ended; show it as it stands then."""
    task = (await _found(backend, caller, response)).task.id
    await backend.client.cancel(task)
    record = await backend.client.read(task)
    return JSONResponse((await _responding(backend, record)).whole(), headers=headers([record]))


@routes.delete("/v1/responses/{response}", responses=GUARDED | answers(404, 422, 503))
async def delete_response(response: str, backend: Served, caller: Canceller) -> Deleted:
    """Erase the contents of a response, after ending it if it has not ended; what it cost stays booked."""
    record = await _found(backend, caller, response)
    await backend.client.erase(record.task.id)
    return Deleted(id=response)


def _question(caller: Caller, body: ResponseRequest, header_key: str | None) -> Question:
    target = addressed(body.model, body.router)
    key = one_key(header_key, body.router)
    if key is not None and body.store is False:
        raise Refused(
            422, "invalid", "store: false erases the answer: an Idempotency-Key could not give it again", param="store"
        )
    order = Order(
        key=key,
        tenant=caller.tenant,
        deadline_s=body.router.deadline_s,
        priority=body.router.priority or "normal",
        metadata=one_metadata(body.metadata, body.router),
        wishes=wishes(body, target),
        webhook=webhook_of(body.router.webhook, dialect=Dialect.RESPONSE),
        background=bool(body.background),
    )
    said = messages(body.instructions, body.input)
    return Question(body.model, target, said, body.router.input, order, keep=body.store is not False, names=NAMES)


async def _found(backend: Backend, caller: Caller, response: str) -> Record:
    """The task that a response is, if it is the caller's to see. Raises: Refused."""
    unknown = Refused(404, "response_not_found", f"there is no response {response!r}, or its time is over", param="id")
    task = task_id(response)
    if task is None:
        raise unknown
    try:
        record = await backend.client.read(task)
    except UnknownTask:
        raise unknown from None
    if record.task.tenant != caller.tenant or record.erased_ms is not None:
        raise unknown
    return record


async def _responding(backend: Backend, record: Record, asked: Asked | None = None) -> Responding:
    not_erased(record)
    if asked is not None and asked.digest == record.task.policy:
        return Responding(record, asked.policy, asked.output, asked.source)
    policy, kind = await backend.client.version(record.task.policy)
    return Responding(record, policy, kind, asked.source if asked is not None else None)


async def _stream(
    request: Request,
    backend: Backend,
    newsroom: Newsroom,
    task: str,
    waits: Patience,
    *,
    given_up_by: Asked | None = None,
    after: int | None = None,
) -> AsyncGenerator[bytes]:
    """That it began, comments while it goes on, and the whole answer once it is accepted; each event has its number."""
    numbers = count()
    client = backend.client
    news = progress(client, newsroom, [task], waits)
    async with given_up_if_left(request, client, given_up_by, [task]), aclosing(news):
        for event in (await _responding(backend, await client.read(task), given_up_by)).beginning():
            yield _line(event, next(numbers), after)
        async for comment in news:
            yield comment
    ended = await _responding(backend, await client.read(task), given_up_by)
    if given_up_by is not None and not given_up_by.keep:
        await client.erase(task)
    for event in ended.events():
        yield _line(event, next(numbers), after)


def _line(event: dict[str, Json], number: int, after: int | None) -> bytes:
    """One event with its number; nothing for one that the caller has had."""
    if after is not None and number <= after:
        return b""
    return sse.event(event | {"sequence_number": number}, kind=str(event["type"]))
