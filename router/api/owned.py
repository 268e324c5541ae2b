"""Whose a task is: a caller hears of those of its own tenant alone, and of no other that there is one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from ..apikey import Scope
from ..errors import UnknownTask
from ..io.commands.scripted import no_task
from ..record import Record
from ..summary import Summary
from .backend import Backend
from .caller import Caller, needs

Submitter = Annotated[Caller, Depends(needs(Scope.SUBMIT))]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Overseer = Annotated[Caller, Depends(needs(Scope.READ, Scope.ADMIN))]
"""Who reads what holds no contents of tasks: their own tenant's part, and with the scope admin that of all."""
Canceller = Annotated[Caller, Depends(needs(Scope.CANCEL))]
Reviewer = Annotated[Caller, Depends(needs(Scope.REVIEW))]

TaskId = Annotated[str, Path(max_length=100, description="The whole id of a task.")]


async def own(backend: Backend, caller: Caller, task_id: str) -> Summary:
    """How a task of the caller's stands. Raises: UnknownTask, for one of another's as for one of nobody's."""
    found = await backend.client.summary(task_id)
    if found.tenant != caller.tenant:
        raise UnknownTask(no_task(task_id))
    return found


async def own_record(backend: Backend, caller: Caller, task_id: str) -> Record:
    """Everything that is known of a task of the caller's. Raises as `own`."""
    found = await backend.client.read(task_id)
    if found.task.tenant != caller.tenant:
        raise UnknownTask(no_task(task_id))
    return found
