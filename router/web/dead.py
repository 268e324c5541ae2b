"""Dead letters, to be sent again or dropped, many at once: `/dead`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from ..api.backend import Backend, Served
from ..api.caller import Caller
from ..api.dead import list_dead
from ..api.gathering import Gathering
from ..api.owned import own
from ..api.problems import Refused
from ..apikey import Scope
from ..errors import RouterError, StoreUnavailable
from .dossier import withheld
from .page import PageRoute, redirect, render
from .visitor import Guest, Visitor, require, submitted

routes = APIRouter(prefix="/dead", route_class=PageRoute)

LISTED: Final = 200
_TOLD_MAX: Final = 20

Text = Annotated[str, Query(max_length=200)]
Count = Annotated[int | None, Query(ge=0)]
Work: TypeAlias = Callable[[str], Awaitable[object]]
Done: TypeAlias = dict[str, int | None]
"""How many letters something was done to, by what it was."""


@routes.get("")
async def dead_page(
    request: Request,
    visitor: Guest,
    backend: Served,
    *,
    policy: Text = "",
    reason: Text = "",
    which: Text = "open",
    chosen: Text = "",
    redriven: Count = None,
    dropped: Count = None,
) -> Response:
    """What no tier could do."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    asked = {"policy": policy, "reason": reason, "which": which}
    done: Done = {"redriven": redriven, "dropped": dropped}
    return await _page(request, visitor, backend, caller, asked, done=done, chosen=chosen == "all")


@routes.post("")
async def act(request: Request, visitor: Guest, backend: Served) -> Response:
    """Send the chosen ones again, or drop them, which is asked once more. Harmless to repeat."""
    form = await submitted(request, visitor)
    ids, action = list(dict.fromkeys(form.all("id"))), form.one("action")
    asked = {"policy": form.one("policy"), "reason": form.one("reason"), "which": form.one("which") or "open"}
    work: dict[str, tuple[Scope, Work, str]] = {
        "redrive": (Scope.SUBMIT, backend.client.redrive, "redriven"),
        "drop": (Scope.CANCEL, backend.client.drop, "dropped"),
    }
    if action not in work:
        raise Refused(422, "invalid", "choose to send again or to drop")
    scope, do, told = work[action]
    caller = require(visitor, scope)
    if action == "drop" and ids and form.one("sure") != "yes":
        return render(request, visitor, "drop.html", ids=ids, asked=asked)
    failed = await _each(backend, caller, ids, do)
    if not failed and ids:
        return redirect(routes.prefix, **asked, **{told: len(ids)})
    wrong = failed or ["nothing was chosen: mark some letters first"]
    done: Done = {told: len(ids) - len(failed)}
    return await _page(request, visitor, backend, caller, asked, done=done, wrong=wrong, status=409)


async def _each(backend: Backend, caller: Caller, ids: list[str], work: Work) -> list[str]:
    """Do it to each that is the caller's; says what could not be done."""
    failed = []
    for task_id in ids:
        try:
            await own(backend, caller, task_id)
            await work(task_id)
        except StoreUnavailable:
            raise
        except RouterError as why:
            failed.append(str(why))
    return failed


async def _page(
    request: Request,
    visitor: Visitor,
    backend: Backend,
    caller: Caller,
    asked: dict[str, str],
    *,
    done: Done,
    chosen: bool = False,
    wrong: list[str] | None = None,
    status: int = 200,
) -> Response:
    reason = asked["reason"] if visitor.may(Scope.READ) else ""
    found = await list_dead(
        backend,
        caller,
        policy=asked["policy"] or None,
        reason=reason or None,
        redriven={"open": False, "redriven": True}.get(asked["which"]),
        limit=LISTED,
    )
    return render(
        request,
        visitor,
        "dead.html",
        status=status,
        letters=[withheld(line, visitor) for line in found.data],
        full=len(found.data) == LISTED,
        asked=asked,
        chosen=chosen,
        done={"redriven": None, "dropped": None} | done,
        wrong=(wrong or [])[:_TOLD_MAX],
        policies=await backend.client.policies(),
        of_all=None if found.data else await _of_all(request, visitor),
    )


async def _of_all(request: Request, visitor: Visitor) -> int | None:
    """How many dead letters of all tenants were not sent again; None where that is not known, or not to be told."""
    gathering: Gathering = request.app.state.gathering
    facts = await gathering.facts() if visitor.sees_all else None
    return facts.service.dead - facts.service.redriven if facts is not None else None
