"""Dead letters: `/v1/dead`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ..client import LISTED
from ..errors import NotDead
from ..io.commands.dead import DeadCommands, not_dead
from ..summary import Wanted
from ..task import TaskState
from .backend import Served
from .caller import GUARDED, Caller
from .duration import Since, since_s
from .owned import Canceller, Overseer, Reader, Submitter, TaskId, own, own_record
from .paging import After, Tagged, listed, place
from .problems import Refused, answers
from .strict import StrictRoute
from .taskshape import TaskPage, TaskShown, TaskTaken, shown

routes = APIRouter(prefix="/v1/dead", route_class=StrictRoute, tags=["dead letters"])

LISTED_MAX = 1000

Of = Annotated[str | None, Query(max_length=200, description="Of this tenant; others' with the scope admin alone.")]


def tenant_of(caller: Caller, asked: str | None) -> str:
    """The tenant whose things are meant: the caller's own, unless it may see others'. Raises: Refused."""
    tenant = asked if asked is not None else caller.tenant
    if not caller.sees(tenant):
        raise Refused(
            403, "scope_missing", "other tenants' are told to keys with the scope admin alone", param="tenant"
        )
    return tenant


@routes.get("", responses=GUARDED | answers(422, 503))
async def list_dead(
    backend: Served,
    caller: Overseer,
    *,
    policy: Annotated[str | None, Query(max_length=100)] = None,
    reason: Annotated[str | None, Query(max_length=200, description="Whose reason holds this text.")] = None,
    redriven: Annotated[bool | None, Query(description="Only those that were sent again, or were not.")] = None,
    tag: Tagged = None,
    since: Since = None,
    tenant: Of = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = LISTED,
    cursor: After = None,
) -> TaskPage:
    """
    List dead letters, the newest first, as long as their policies keep them.

    What dies while you read page after page is in none of them.
    """
    whose, after = tenant_of(caller, tenant), place(cursor)
    commands = DeadCommands(prefix=backend.settings.prefix)
    since_ms = await backend.link.carry_out(commands.since_ms(since_s(since)))
    wanted = Wanted(policy=policy, reason=reason, tenant=whose, redriven=redriven, tag=tag, since_ms=since_ms)
    return listed(await backend.link.carry_out(commands.dead_page(wanted, limit=limit, after=after)))


@routes.get("/{task_id}", responses=GUARDED | answers(404, 409, 422, 503))
async def get_dead(task_id: TaskId, backend: Served, caller: Reader) -> TaskShown:
    """Show a dead letter's whole trail: what each tier replied, what was found in it, and what it cost."""
    record = await own_record(backend, caller, task_id)
    if record.state is not TaskState.DEAD:
        raise NotDead(not_dead(task_id, record.state))
    return shown(record, await backend.client.policy_name(record.task.policy))


@routes.post("/{task_id}/redrive", status_code=202, responses=GUARDED | answers(404, 409, 422, 503))
async def redrive_dead(task_id: TaskId, backend: Served, caller: Submitter, response: Response) -> TaskTaken:
    """Send a dead letter again, as a new task under its policy's current version; repeated, it is the same new task."""
    letter = await own(backend, caller, task_id)
    handle = await backend.client.redrive(task_id)
    response.headers["location"] = f"/v1/tasks/{handle.id}"
    state = (await own(backend, caller, handle.id)).state if handle.replayed else TaskState.READY
    return TaskTaken(id=handle.id, status=state, policy=letter.policy, replayed=handle.replayed)


@routes.delete("/{task_id}", status_code=204, responses=GUARDED | answers(404, 409, 422, 503))
async def drop_dead(task_id: TaskId, backend: Served, caller: Canceller) -> None:
    """Erase a dead letter for good, with input, trail and record; what it cost stays booked."""
    await own(backend, caller, task_id)
    await backend.client.drop(task_id)
