"""Tasks, newest first, and the way of each: `/tasks`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from ..api.backend import Served
from ..api.owned import TaskId
from ..api.problems import Refused
from ..api.tasks import list_tasks
from ..api.taskshape import AttemptShown
from ..apikey import Scope
from ..task import TaskState
from .dossier import dossier, pictures, version_of, waits_until_ms, withheld, without_pictures
from .page import PageRoute, render
from .visitor import Guest, require

routes = APIRouter(prefix="/tasks", route_class=PageRoute)

PAGE = 50

Text = Annotated[str, Query(max_length=200)]


@routes.get("")
async def tasks_page(
    request: Request,
    visitor: Guest,
    backend: Served,
    *,
    status: Text = "",
    policy: Text = "",
    tag: Text = "",
    since: Text = "",
    until: Text = "",
    cursor: Text = "",
) -> Response:
    """The tenant's tasks by when they came; what is asked is asked of the server, page by page."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    wanted = tag if visitor.may(Scope.READ) else ""
    page = await list_tasks(
        backend,
        caller,
        status=_state(status),
        policy=policy or None,
        tag=wanted or None,
        since=_moment("since", since),
        until=_moment("until", until),
        limit=PAGE,
        cursor=cursor or None,
    )
    asked = {"status": status, "policy": policy, "tag": wanted, "since": since, "until": until}
    more = urlencode({name: value for name, value in asked.items() if value} | {"cursor": page.next or ""})
    return render(
        request,
        visitor,
        "tasks.html",
        tasks=[withheld(line, visitor) for line in page.data],
        asked=asked,
        first=not cursor,
        more=more if page.next else None,
        states=[state.value for state in TaskState],
        policies=await backend.client.policies(),
    )


@routes.get("/{task_id}")
async def task_page(request: Request, visitor: Guest, backend: Served, task_id: TaskId) -> Response:
    """One task: what was asked, each attempt with its findings and its cost, and what came of it."""
    caller = require(visitor, Scope.READ, Scope.ADMIN, Scope.REVIEW)
    task, record = await dossier(backend, visitor, caller, task_id)
    policy = await version_of(backend, record)
    return render(
        request,
        visitor,
        "task.html",
        task=task,
        given=without_pictures(task.input),
        pictures=pictures(policy, task.input),
        readable=visitor.may(Scope.READ, Scope.REVIEW),
        simulated=simulated(task.trail),
        until_ms=waits_until_ms(policy, record),
    )


def simulated(trail: Iterable[AttemptShown]) -> bool:
    """Whether models of the demo answered."""
    return any("local-" in call.model for attempt in trail for call in attempt.calls)


def _state(text: str) -> TaskState | None:
    if not text:
        return None
    try:
        return TaskState(text)
    except ValueError:
        raise Refused(422, "invalid", f"there is no status {text!r}; take one of the list") from None


def _moment(name: str, text: str) -> datetime | None:
    """A time as the browser's own field writes it, or any of ISO 8601; without a zone it is UTC."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(422, "invalid", f"{name} is {text!r}, expected a time such as 2026-11-20T14:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
