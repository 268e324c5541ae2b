"""
Lists of tasks, read in pages.

A tenant's tasks are listed by when they came, day by day. No index of all tenants' tasks by time is kept: those that
have not ended stand in `due`; those that have ended told so in `events`, newest first from its end, until their records
go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import UnknownTask
from ..summary import Cursor, Page, Summary, TaskList, Wanted, newest
from ..task import TaskState
from .commands.producer import ProducerCommands
from .commands.scripted import as_pairs, as_text, no_task
from .redis_link import Command, Flow

PAGE = 500
WAITING_MAX = 10_000
"""How many tasks that have not ended a list looks at."""
PAGE_MIN = 50
LOOKED_MAX = 10_000
"""How many of a tenant's tasks are looked at for one page."""
_AHEAD_MS = 3_600_000
"""Clocks are set back sometimes: a list begins so long after now."""
NEWEST = "+"
EVENTS_MAX = 100_000
"""How many events a list looks at, from the newest on."""
_FIELDS = ("s", "q", "n", "p", "c", "f", "w", "why", "origin", "redriven", "tags")


class TaskLists(ProducerCommands):
    """Which tasks there are."""

    def tasks(self, wanted: Wanted, *, limit: int) -> Flow[TaskList]:
        """The newest tasks that are wanted: by their end, or by when they came where they have not ended."""
        names: dict[str, str] = {}
        found: dict[str, Summary] = {}
        complete = True
        if wanted.status is None or not wanted.status.terminal:
            complete &= yield from self._waiting(wanted, found, names)
        if wanted.status is None or wanted.status.terminal:
            complete &= yield from self._ended(wanted, found, names, limit=limit)
        return TaskList(tuple(newest(list(found.values()))[:limit]), complete)

    def since_ms(self, since_s: float | None) -> Flow[int]:
        """A time so long before now by the server's clock; 0 for None."""
        if since_s is None:
            return 0
        (now_ms,) = yield [self.time()]
        return int(now_ms - since_s * 1000)

    def page(self, tenant: str, wanted: Wanted, *, after: Cursor | None, limit: int) -> Flow[Page]:
        """
        The next *limit* of a tenant's tasks that are wanted, the newest first by when they came.

        Those that come while somebody reads page after page are in none of them, and nothing is there twice. A page may
        hold fewer than *limit* where few are wanted of many: it says where to go on all the same.
        """
        names: dict[str, str] = {}
        found: list[Summary] = []
        looked, size = 0, max(limit, PAGE_MIN)
        (now_ms,) = yield [self.time()]
        at = after or Cursor(min(now_ms + _AHEAD_MS, wanted.until_ms or now_ms + _AHEAD_MS), "")
        while True:
            (came,) = yield [self._came(tenant, at, oldest_ms=wanted.since_ms, count=size)]
            read = yield from self.summaries([task_id for task_id, _ in came], names)
            for task in (task for task in read if wanted(task, by_creation=True)):
                if len(found) == limit:
                    return Page(tuple(found), Cursor(found[-1].created_ms, found[-1].id))
                found.append(task)
            looked += len(came)
            if len(came) < size:
                return Page(tuple(found), None)
            at = Cursor(came[-1][1], came[-1][0])
            if looked >= LOOKED_MAX:
                return Page(tuple(found), at)

    def _came(self, tenant: str, at: Cursor, *, oldest_ms: int, count: int) -> Command[list[tuple[str, int]]]:
        words: list[str | bytes | int] = [tenant, at.ms, at.id, oldest_ms, count]
        return self._script("listed", words, lambda reply: _came(list(map(as_text, reply))))

    def policies(self) -> Command[list[str]]:
        """The names of all that is published."""
        return Command(("SMEMBERS", self.keys.policies), lambda reply: sorted(as_text(name) for name in reply))

    def summaries(self, task_ids: Iterable[str], names: dict[str, str]) -> Flow[list[Summary]]:
        """How these tasks stand, without those whose records are gone; *names* are policies by digest, learnt here."""
        ids = list(task_ids)
        read: list[dict[str, str]] = yield [self._fields(task_id) for task_id in ids]
        unknown = sorted({fields["p"] for fields in read if fields} - set(names))
        names.update(zip(unknown, (yield [self.policy_name(digest) for digest in unknown]), strict=True))
        return [_summary(i, fields, names[fields["p"]]) for i, fields in zip(ids, read, strict=True) if fields]

    def summary(self, task_id: str) -> Flow[Summary]:
        """How one task stands. Raises: UnknownTask."""
        found = yield from self.summaries([task_id], {})
        if not found:
            raise UnknownTask(no_task(task_id))
        return found[0]

    def ended(self, wanted: Wanted, names: dict[str, str], *, before: str) -> Flow[tuple[list[Summary], str | None]]:
        """
        A page of the tasks that ended, from `NEWEST` back, and where the next page begins; None after the last.

        *names* are policies by digest, learnt here.
        """
        (page,) = yield [self._events_before(before)]
        ends = [task for _, task, state in page if state.terminal and wanted.status in (None, state)]
        read = yield from self.summaries(dict.fromkeys(ends), names)
        last = len(page) < PAGE or _at_ms(page[-1][0]) < wanted.since_ms
        return [task for task in read if wanted(task)], None if last else f"({page[-1][0]}"

    def _waiting(self, wanted: Wanted, found: dict[str, Summary], names: dict[str, str]) -> Flow[bool]:
        """Look at the tasks that have not ended; True where those were all."""
        count, ids = yield [
            Command(("ZCARD", self.keys.due), int),
            Command(("ZREVRANGE", self.keys.due, 0, WAITING_MAX - 1), lambda reply: [as_text(i) for i in reply]),
        ]
        for start in range(0, len(ids), PAGE):
            read = yield from self.summaries(ids[start : start + PAGE], names)
            found.update({task.id: task for task in read if wanted(task)})
        return bool(count <= WAITING_MAX)

    def _ended(self, wanted: Wanted, found: dict[str, Summary], names: dict[str, str], *, limit: int) -> Flow[bool]:
        """Look at the tasks that ended last until there are enough; True unless there were too many events."""
        before: str | None = NEWEST
        enough = len(found) + limit
        for _ in range(EVENTS_MAX // PAGE):
            tasks, before = yield from self.ended(wanted, names, before=before or NEWEST)
            found.update({task.id: task for task in tasks})
            if before is None or len(found) >= enough:
                return True
        return False

    def _events_before(self, before: str) -> Command[list[tuple[str, str, TaskState]]]:
        words = ("XREVRANGE", self.keys.events, before, "-", "COUNT", PAGE)
        return Command(words, lambda reply: [_told(line) for line in reply])

    def _fields(self, task_id: str) -> Command[dict[str, str]]:
        """Some fields of a task's hash; none where there is no such task."""
        return Command(("HMGET", self.keys.task(task_id), *_FIELDS), _present)


def _told(line: Any) -> tuple[str, str, TaskState]:
    """The id of an event, its task, and the state it reached; a task that only moved is taken for ready."""
    fields = {name: as_text(value) for name, value in as_pairs(line[1]).items()}
    state = TaskState(fields["e"]) if fields["e"] in _STATES else TaskState.READY
    return as_text(line[0]), fields["t"], state


_STATES = frozenset(TaskState)


def _present(reply: Sequence[bytes | None]) -> dict[str, str]:
    return {name: as_text(value) for name, value in zip(_FIELDS, reply, strict=True) if value is not None}


def _summary(task_id: str, fields: dict[str, str], policy: str) -> Summary:
    return Summary(
        id=task_id,
        policy=policy,
        state=TaskState(fields["s"]),
        tier=fields["q"],
        tenant=fields["n"],
        created_ms=int(fields["c"]),
        ended_ms=int(fields["f"]) if "f" in fields else None,
        cost_nusd=int(fields.get("w", 0)),
        reason=fields.get("why"),
        origin=fields.get("origin"),
        redriven=fields.get("redriven"),
        tags=tuple(json.loads(fields["tags"])) if "tags" in fields else (),
    )


def _came(reply: Sequence[str]) -> list[tuple[str, int]]:
    return [(task_id, int(float(ms))) for task_id, ms in zip(reply[::2], reply[1::2], strict=True)]


def _at_ms(event_id: str) -> int:
    return int(event_id.partition("-")[0])
