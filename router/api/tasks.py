"""Tasks: `/v1/tasks`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ..errors import TaskInvalid, UnknownPolicy
from ..producing import Order, again, prepare
from ..record import Record
from ..submission import Submission, Submitted
from ..summary import Wanted
from ..task import ENDS, TaskState
from .backend import Backend, Served
from .caller import GUARDED, Caller
from .duration import Moment
from .idempotency import Key
from .owned import Canceller, Reader, Submitter, TaskId, own, own_record
from .paging import After, Tagged, listed, place
from .pressure import Admitting
from .problems import REPLAYED, Refused, answers
from .published import unknown_policy
from .strict import StrictRoute
from .taskshape import TaskAsked, TaskPage, TaskShown, TaskStands, TaskTaken, shown
from .webhooks import check_webhook, webhook_of

routes = APIRouter(prefix="/v1/tasks", route_class=StrictRoute, tags=["tasks"])

LISTED_MAX = 200
WAIT_MAX_S = 60
SETTLED = ENDS | {TaskState.REVIEW}

Wait = Annotated[
    float | None,
    Query(ge=0, le=WAIT_MAX_S, description="Seconds to wait until it has ended, or needs a person, before answering."),
]
_LOCATION = {"location": {"description": "Where the task is.", "schema": {"type": "string"}}}
_REPLAYED = {
    "idempotency-replayed": {
        "description": "`true` where the key had been used before, with the same body.",
        "schema": {"type": "string"},
    }
}
_TAKEN = {202: {"description": "It was taken in and goes on.", "headers": _LOCATION | _REPLAYED}}
_ENDED = {
    200: {
        "model": TaskShown,
        "description": "It has ended, or needs a person, within the time to wait.",
        "headers": _LOCATION | _REPLAYED,
    }
}


@routes.post("", status_code=202, responses=_TAKEN | _ENDED | GUARDED | answers(404, 408, 410, 413, 415, 422, 503))
async def submit_task(
    asked: TaskAsked,
    backend: Served,
    caller: Submitter,
    admissions: Admitting,
    response: Response,
    *,
    idempotency_key: Key = None,
    wait: Wait = None,
) -> TaskTaken:
    """
    Hand a task over; when this is answered it will not be lost.

    New tasks are refused (429) while they would wait too long for their turn; known keys never are.
    """
    made = await prepared(backend, caller, asked, idempotency_key)
    taken = made if isinstance(made, Submitted) else (await admissions.take_in(caller, [made]))[0]
    headers = {"location": f"{routes.prefix}/{taken.task_id}"} | (REPLAYED if taken.replayed else {})
    status = await _waited(backend, taken.task_id, wait)
    if status in SETTLED and wait:
        record = await own_record(backend, caller, taken.task_id)
        body = await _shown(backend, record)
        return Response(body.model_dump_json(), 200, headers, "application/json")  # type: ignore[return-value]
    response.headers.update(headers)
    if taken.replayed and status is None:
        status = (await own(backend, caller, taken.task_id)).state
    return TaskTaken(id=taken.task_id, status=status or TaskState.READY, policy=asked.policy, replayed=taken.replayed)


async def prepared(backend: Backend, caller: Caller, asked: TaskAsked, key: str | None) -> Submission | Submitted:
    """
    Write a caller's submission; where that cannot be any more, find the task that its key stands for already.

    Raises: UnknownPolicy, TaskInvalid, TaskGone, Refused for its webhook, StoreUnavailable.
    """
    order = Order(
        key=key,
        tenant=caller.tenant,
        deadline_s=asked.deadline_s,
        priority=asked.priority,
        metadata=asked.noted,
        wishes=asked.wishes,
        webhook=webhook_of(asked.webhook),
    )
    try:
        await check_webhook(backend, caller.tenant, order.webhook)
        return prepare(await backend.client.known(asked.policy), asked.input, order, reply_to=None)
    except (TaskInvalid, UnknownPolicy, Refused) as why:
        question = again(asked.policy, asked.input, order)
        (known,) = await backend.client.recall([question]) if question is not None else [None]
        if known is not None:
            return known
        if isinstance(why, UnknownPolicy):
            raise await unknown_policy(backend, caller, asked.policy) from None
        raise


@routes.get("", responses=GUARDED | answers(422, 503))
async def list_tasks(
    backend: Served,
    caller: Reader,
    *,
    status: TaskState | None = None,
    policy: Annotated[str | None, Query(max_length=100)] = None,
    tag: Tagged = None,
    since: Annotated[Moment | None, Query(description="Those that came at this time or later.")] = None,
    until: Annotated[Moment | None, Query(description="Those that came at this time or earlier.")] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 50,
    cursor: After = None,
) -> TaskPage:
    """
    List tasks, newest first by when they came, as long as they are kept.

    What comes while you read page after page is in none of them. A page may hold fewer than `limit` and still have a
    `next`: where few are wanted of many.
    """
    wanted = Wanted(status=status, policy=policy, tag=tag, since_ms=_ms(since) or 0, until_ms=_ms(until))
    page = await backend.client.page(caller.tenant, wanted, after=place(cursor), limit=limit)
    return listed(page)


@routes.get("/{task_id}", responses=GUARDED | answers(404, 422, 503))
async def get_task(task_id: TaskId, backend: Served, caller: Reader, wait: Wait = None) -> TaskShown:
    """Show a task with its whole trail: what each tier replied, what was found in it, its cost, and why it moved."""
    record = await own_record(backend, caller, task_id)
    if wait and record.state not in SETTLED:
        await _waited(backend, task_id, wait)
        record = await own_record(backend, caller, task_id)
    return await _shown(backend, record)


@routes.post("/{task_id}/cancel", responses=GUARDED | answers(404, 422, 503))
async def cancel_task(task_id: TaskId, backend: Served, caller: Canceller) -> TaskStands:
    """End a task unless it has ended; calls in flight are booked all the same. Says how it stands then."""
    await own(backend, caller, task_id)
    return TaskStands(id=task_id, status=TaskState(await backend.client.cancel(task_id)))


@routes.delete("/{task_id}", responses=GUARDED | answers(404, 422, 503))
async def erase_task(task_id: TaskId, backend: Served, caller: Canceller) -> TaskStands:
    """
    Erase what a task was asked and answered, at once; one that has not ended is cancelled first.

    Its id, times, costs and the shape of its trail stay, and so does its idempotency key. Harmless to repeat.
    """
    await own(backend, caller, task_id)
    return TaskStands(id=task_id, status=TaskState(await backend.client.erase(task_id)))


async def _waited(backend: Backend, task_id: str, wait_s: float | None) -> TaskState | None:
    return await backend.client.reach(task_id, SETTLED, timeout_s=wait_s) if wait_s else None


async def _shown(backend: Backend, record: Record) -> TaskShown:
    return shown(record, await backend.client.policy_name(record.task.policy))


def _ms(moment: datetime | None) -> int | None:
    """A time without a zone counts as UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0, int(aware.timestamp() * 1000))
