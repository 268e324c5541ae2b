"""What happens to a task, live: `/v1/tasks/{id}/events`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final, assert_never

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from ..cost import usd
from ..errors import StoreUnavailable, UnknownTask
from ..event import Again, Alarm, Event, Moved, Stands
from ..summary import Summary
from ..values import iso
from .backend import Backend, Served
from .caller import GUARDED
from .news import News, Newsroom
from .owned import Reader, TaskId, own
from .problems import answers
from .strict import StrictRoute

routes = APIRouter(prefix="/v1/tasks", route_class=StrictRoute, tags=["tasks"])

HEARTBEAT_S: Final = 15.0
"""A stream is never silent for longer, so that nothing on the way takes it for dead."""
HEADERS: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}
CATCH_UP_S: Final = 0.25
"""What has happened is heard within that; where somebody comes back to nothing new, it is looked whether all ended."""
_AN_EVENT: Final = {
    "type": "object",
    "description": "An event; `data` is JSON, with the `id` of the task.",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["id", "event", "data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `task.stands` first, then what happens; the last one is the task's end.",
        "content": {"text/event-stream": {"schema": _AN_EVENT}},
    }
}
_AN_ID: Final = re.compile(r"\d{1,16}-\d{1,9}")


def _newsroom(request: Request) -> Newsroom:
    newsroom: Newsroom = request.app.state.newsroom
    return newsroom


Listening = Annotated[Newsroom, Depends(_newsroom)]
"""The newsroom of the application that a route is part of."""


@routes.get("/{task_id}/events", response_class=StreamingResponse, responses=_STREAM | GUARDED | answers(404, 422, 503))
async def watch_task(
    task_id: TaskId,
    backend: Served,
    caller: Reader,
    newsroom: Listening,
    last_event_id: Annotated[str | None, Header(max_length=100, description="Go on after this event.")] = None,
) -> StreamingResponse:
    """
    Tell a task's moves as server-sent events: how it stands first, then what happens, until it has ended.

    With `Last-Event-ID` what was missed is told instead, as far as it is known.
    """
    await own(backend, caller, task_id)
    after = last_event_id if last_event_id and _AN_ID.fullmatch(last_event_id) else None
    told = _told(backend, newsroom, task_id, after)
    return StreamingResponse(told, media_type="text/event-stream", headers=HEADERS)


async def _told(backend: Backend, newsroom: Newsroom, task_id: str, after: str | None) -> AsyncIterator[bytes]:
    """Whoever comes back is told the rest: a stream may end early where a record or Redis is gone."""
    with suppress(UnknownTask, StoreUnavailable):
        async for line in _lines(backend, newsroom, task_id, after):
            yield line


async def _lines(backend: Backend, newsroom: Newsroom, task_id: str, after: str | None) -> AsyncIterator[bytes]:
    with newsroom.listen(task_id) as heard:
        await newsroom.begun()
        last = newsroom.last
        missed = newsroom.since(task_id, after) if after is not None else None
        if missed is None:
            task = await backend.client.summary(task_id)
            yield _stands(task, last)
            if task.state.terminal:
                return
        for news in missed or ():
            yield _line(news)
            if _ends(news.event):
                return
        patience_s = HEARTBEAT_S if missed is None else CATCH_UP_S
        while not newsroom.closed:
            heard_of = await _next(heard, patience_s)
            patience_s = HEARTBEAT_S
            if heard_of is not None:
                yield _line(heard_of)
                if _ends(heard_of.event):
                    return
                continue
            if newsroom.closed:
                return
            # Events are trimmed some day, and nobody may wait for one that is gone.
            with suppress(StoreUnavailable):
                task = await backend.client.summary(task_id)
                if task.state.terminal and heard.empty():
                    yield _stands(task, newsroom.last)
                    return
            yield b": still there\n\n"


async def _next(heard: asyncio.Queue[News | None], seconds: float) -> News | None:
    try:
        async with asyncio.timeout(seconds):
            return await heard.get()
    except TimeoutError:
        return None


def _ends(event: Event) -> bool:
    return isinstance(event, Stands) and event.state.terminal


def _stands(task: Summary, at: str) -> bytes:
    told = {
        "id": task.id,
        "status": task.state,
        "tier": task.tier,
        "reason": task.reason,
        "cost_usd": usd(task.cost_nusd),
        "created_at": iso(task.created_ms),
        "ended_at": iso(task.ended_ms) if task.ended_ms is not None else None,
    }
    return _event(at, "task.stands", told)


def _line(news: News) -> bytes:
    at = iso(int(news.id.partition("-")[0]))
    match news.event:
        case Moved(task=task, left=left, reached=reached, reason=reason):
            told = {"from": left, "to": reached, "reason": reason}
            kind = "task.moved"
        case Again(task=task, repaired=repaired, reason=reason):
            told = {"reason": reason}
            kind = "task.repaired" if repaired else "task.reclaimed"
        case Stands(task=task, state=state, reason=reason):
            told = {"status": state.value, "reason": reason}
            kind = f"task.{state}"
        case Alarm(about=task):
            return b""
        case never:
            assert_never(never)
    return _event(news.id, kind, {"id": task, "at": at} | told)


def _event(name: str, kind: str, told: dict[str, Any]) -> bytes:
    """JSON has no raw line breaks that could end an event early."""
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return f"id: {name}\nevent: {kind}\ndata: {data}\n\n".encode()
