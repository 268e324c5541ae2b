"""A task as a visitor may see it: with its contents, or only how it went and what it cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..api.backend import Backend
from ..api.caller import Caller
from ..api.owned import own_record
from ..api.taskshape import TaskLine, TaskShown, shown
from ..apikey import Scope
from ..erasure import erased, erased_task
from ..errors import UnknownPolicy
from ..policy import Policy
from ..record import Record
from ..task import TaskState
from ..values import Json
from .visitor import Visitor

_PICTURE: Final = re.compile(r"data:image/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=\s]+")
"""Pictures of points: a browser shows them without running anything, and asks nobody for them."""

WITHHELD: Final = "told to keys with the scope read"


async def dossier(backend: Backend, visitor: Visitor, caller: Caller, task_id: str) -> tuple[TaskShown, Record]:
    """A task of the visitor's tenant. Raises: UnknownTask, StoreUnavailable."""
    record = await own_record(backend, caller, task_id)
    if not visitor.may(Scope.READ, Scope.REVIEW):
        record = _emptied(record)
    return shown(record, await backend.client.policy_name(record.task.policy)), record


def withheld(line: TaskLine, visitor: Visitor) -> TaskLine:
    """A line of a list without its reason, which may quote contents, and its tags, for who may not read those."""
    if visitor.may(Scope.READ, Scope.REVIEW):
        return line
    return line.model_copy(update={"reason": None if line.reason is None else WITHHELD, "tags": []})


async def version_of(backend: Backend, record: Record) -> Policy | None:
    """The version of the policy that a task runs under; None where its record is gone."""
    try:
        return await backend.store.policy(record.task.policy)
    except UnknownPolicy:
        return None


def waits_until_ms(policy: Policy | None, record: Record) -> int | None:
    """When a task in review has waited as long as it may, and ends by itself (Unix ms); its deadline holds no more."""
    if record.state is not TaskState.REVIEW or policy is None or not record.trail:
        return None
    return record.trail[-1].ended_ms + int(policy.limits.wait_at_most_s * 1000)


def pictures(policy: Policy | None, given: Json) -> list[tuple[str, str]]:
    """The images in an input that can be looked at here, with the names of their fields."""
    fields = policy.prompt.images if policy is not None and policy.prompt is not None else ()
    return [(name, url) for name in fields for url in _urls(given.get(name)) if _PICTURE.fullmatch(url)]


def without_pictures(given: Json) -> Json:
    """An input whose pictures are told by their size alone."""
    match given:
        case dict():
            return {name: without_pictures(value) for name, value in given.items()}
        case list():
            return [without_pictures(value) for value in given]
        case str() if _PICTURE.fullmatch(given):
            return f"{given[:22]}… ({len(given):,} characters, shown as a picture)"
        case _:
            return given


def _urls(value: Json) -> Iterator[str]:
    yield from (url for url in (value if isinstance(value, list) else [value]) if isinstance(url, str))


def _emptied(record: Record) -> Record:
    return replace(
        record,
        task=erased_task(record.task),
        trail=tuple(map(erased, record.trail)),
        reason=WITHHELD if record.reason else None,
    )
