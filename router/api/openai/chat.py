"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ...async_client import AsyncClient
from ...cost import usd
from ...producing import Order
from ...record import Record
from ...task import TaskState
from ...values import Json
from ...webhook import Dialect
from ..backend import Served
from ..caller import GUARDED, Caller
from ..events import Listening
from ..idempotency import Key
from ..owned import Submitter
from ..pressure import Admitting
from ..problems import answers
from ..strict import StrictRoute
from ..webhooks import webhook_of
from . import sse
from .asked import one_key, one_metadata
from .chatanswer import Completion
from .chatrequest import NAMES, ChatRequest, wishes
from .conversation import plain
from .desk import (
    LEFT,
    Asked,
    Left,
    Question,
    addressed,
    as_of,
    given_up,
    given_up_if_left,
    not_erased,
    patience,
    settled,
    taken_in,
    while_there,
)
from .outcome import headers, not_accepted, routing, usage_total
from .progress import progress
from .said import said
from .shown import CHAT_ANSWER

routes = APIRouter(route_class=StrictRoute, tags=["openai"])


@routes.post(
    "/v1/chat/completions",
    response_model=None,
    responses={200: CHAT_ANSWER, **GUARDED, **answers(404, 408, 409, 410, 413, 415, 422, 502, 503, 504)},
)
async def create_chat_completion(
    *,
    request: Request,
    body: ChatRequest,
    backend: Served,
    caller: Submitter,
    admissions: Admitting,
    newsroom: Listening,
    idempotency_key: Key = None,
) -> Response:
    """
    Answer a conversation with an output that passed the checks of a policy, `model="policy/NAME"`.

    `tier/NAME` pins one tier. A policy with a prompt takes its fields from `router.input`, or where it has one field
    from the last message of the user. Without an accepted output the answer is an error.
    """
    question = _question(caller, body, idempotency_key)
    asked, taken = await taken_in(backend, admissions, caller, question)
    if body.stream:
        options = body.stream_options
        news = progress(backend.client, newsroom, taken.tasks, patience(request, body.router, stream=True))
        lines = _stream(
            request, backend.client, asked, taken.tasks, news, include_usage=bool(options and options.include_usage)
        )
        return sse.streamed(sse.to_the_end(request, lines), taken.headers)
    with taken.told():
        try:
            waiting = settled(backend.client, taken.tasks, wait_s=patience(request, body.router).wait_s)
            records = await while_there(request, waiting)
        except Left:
            await given_up(backend.client, asked, taken.tasks)
            return Response(status_code=LEFT)
        asked = await as_of(backend.client, asked, records[0])
        return JSONResponse(completion(asked, records).whole(), headers=headers(records) | taken.headers)


def _question(caller: Caller, body: ChatRequest, header_key: str | None) -> Question:
    target = addressed(body.model, body.router)
    order = Order(
        key=one_key(header_key, body.router),
        tenant=caller.tenant,
        deadline_s=body.router.deadline_s,
        priority=body.router.priority or "normal",
        metadata=one_metadata(body.metadata, body.router),
        wishes=wishes(body, target),
        webhook=webhook_of(body.router.webhook, dialect=Dialect.TASK),
    )
    return Question(
        body.model, target, plain(body.messages), body.router.input, order, choices=body.n or 1, names=NAMES
    )


def completion(asked: Asked, records: Sequence[Record]) -> Completion:
    """The answer of those tasks that have one. Raises: Refused where none has."""
    policy = asked.policy
    accepted = [record for record in records if record.state is TaskState.SUCCEEDED]
    if not accepted:
        why = not_accepted(records[0], policy, records[1:])
        why.more["router"] |= {} if len(records) == 1 else _together(records, policy)
        raise why
    for record in accepted:
        not_erased(record)
    first = accepted[0]
    way = routing(first, policy, asked.source)
    return Completion(
        id=f"chatcmpl-{first.task.id}",
        model=asked.model,
        created=(first.ended_ms or first.task.created_ms) // 1000,
        choices=[said(record, asked.output) for record in accepted],
        routing=way if len(records) == 1 else way | _together(records, policy),
    )


def _together(records: Sequence[Record], policy: str) -> dict[str, Json]:
    """What several choices cost, and each one's way: also of those that were not accepted."""
    return {
        "attempts": sum(len(record.trail) for record in records),
        "cost_usd": usd(sum(record.cost_nusd for record in records)),
        "usage_total": usage_total(records),
        "choices": [routing(record, policy) for record in records],
    }


async def _stream(
    request: Request,
    client: AsyncClient,
    asked: Asked,
    tasks: Sequence[str],
    news: AsyncGenerator[bytes],
    *,
    include_usage: bool,
) -> AsyncGenerator[bytes]:
    """Nothing but comments until an output is accepted; then chunks of it."""
    async with given_up_if_left(request, client, asked, tasks), aclosing(news):
        async for line in news:
            yield line
        records = await settled(client, tasks, wait_s=None)
    asked = await as_of(client, asked, records[0])
    for chunk in completion(asked, records).chunks(include_usage=include_usage):
        yield sse.event(chunk)
    yield sse.DONE
