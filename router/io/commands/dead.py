"""What becomes of dead letters: listed, sent again, dropped. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ...errors import NotDead, TaskInvalid, UnknownTask
from ...producing import Order, admitted, prepare
from ...submission import Admission, Submission, Submitted
from ...summary import Cursor, Page, Summary, Wanted, newest
from ...task import TaskState
from ...webhook import Webhook
from ..redis_link import Command, Flow
from ..task_lists import PAGE, TaskLists
from .producer import admission, submission_words, task_of
from .scripted import as_text, no_task


class DeadCommands(TaskLists):
    """Dead letters, as long as their policies keep them."""

    def dead(self, wanted: Wanted, *, limit: int | None) -> Flow[list[Summary]]:
        """The dead letters that are wanted, the newest *limit* of them: all are looked at, some at a time."""
        return (yield from self._dead(wanted, limit=limit, after=None))

    def dead_page(self, wanted: Wanted, *, limit: int, after: Cursor | None = None) -> Flow[Page]:
        """
        The next *limit* of the dead letters that are wanted, the newest first by their end.

        What dies while somebody reads page after page is in none of them. Each page looks at all of them.
        """
        found = yield from self._dead(wanted, limit=limit + 1, after=after)
        more = len(found) > limit
        return Page(tuple(found[:limit]), Cursor(found[limit - 1].at_ms, found[limit - 1].id) if more else None)

    def _dead(self, wanted: Wanted, *, limit: int | None, after: Cursor | None) -> Flow[list[Summary]]:
        seen = (-after.ms, after.id) if after is not None else None
        names: dict[str, str] = {}
        found: dict[str, Summary] = {}
        cursor = "0"
        while True:
            ((cursor, ids),) = yield [self._page(cursor)]
            read = yield from self.summaries(ids, names)
            dead = [task for task in read if task.state is TaskState.DEAD and wanted(task)]
            found.update({task.id: task for task in dead if seen is None or (-task.at_ms, task.id) > seen})
            if limit is not None and len(found) > limit + PAGE:
                found = {task.id: task for task in newest(list(found.values()))[:limit]}
            if cursor == "0":
                return newest(list(found.values()))[:limit]

    def redrive(self, task_id: str, *, reply_to: str | None) -> Flow[Submitted]:
        """
        Send a dead letter again under what is now current of its policy; once, however often this is carried out.

        Raises: UnknownTask, NotDead, UnknownPolicy, TaskInvalid (the current version does not take its input),
        Backlogged.
        """
        fields, packed_input = yield self.read(task_id)[:2]
        if not fields or packed_input is None:
            raise UnknownTask(no_task(task_id))
        text = {name: as_text(value) for name, value in fields.items()}
        _require_dead(task_id, text["s"])
        if "redriven" in text:
            return Submitted(text["redriven"], replayed=True)
        if "er" in text:
            raise TaskInvalid(f"the contents of task {task_id} were erased; there is nothing left to send again")
        task = task_of(task_id, [text[f] for f in ("n", "p", "c", "d", "h")], packed_input)
        (policy,) = yield [self.policy_name(task.policy)]
        (card,) = yield [self.card(policy)]
        order = Order(
            tenant=task.tenant,
            priority=task.priority,
            metadata=task.metadata,
            wishes=task.wishes,
            background=task.background,
            webhook=Webhook.of_word(text["hook"]) if "hook" in text else None,
        )
        again = replace(prepare(card, task.input, order, reply_to=reply_to), task_id=redriven_id(task_id))
        admissions: list[Admission] = yield [self._redrive(task_id, again)]
        return admitted(admissions)[0]

    def drop(self, task_id: str) -> Flow[None]:
        """Erase a dead letter. Raises: UnknownTask, NotDead."""
        (state,) = yield [Command(("HGET", self.keys.task(task_id), "s"), lambda reply: reply)]
        if state is None:
            raise UnknownTask(no_task(task_id))
        yield [self._drop(task_id)]

    def _page(self, cursor: str) -> Command[tuple[str, list[str]]]:
        """Some dead letters, and where to go on; "0" at the end."""
        words = ("ZSCAN", self.keys.dead, cursor, "COUNT", PAGE)
        return Command(words, lambda reply: (as_text(reply[0]), [as_text(member) for member in _members(reply[1])]))

    def _redrive(self, task_id: str, again: Submission) -> Command[Admission]:
        words: list[str | bytes | int] = [self._waiting_max, task_id, *submission_words(again)]
        return self._script("redrive", words, lambda reply: _readmission(reply, task_id))

    def _drop(self, task_id: str) -> Command[None]:
        def parse(reply: bytes) -> None:
            if as_text(reply) != "ok":
                _require_dead(task_id, as_text(reply))

        return self._script("drop", [task_id], parse)


def redriven_id(task_id: str) -> str:
    """The id of the task that is sent again for a dead letter: always the same, even if Redis forgot that it was."""
    return uuid5(NAMESPACE_OID, f"redriven {task_id}").hex


def _members(pairs: Any) -> Sequence[bytes]:
    """What a ZSCAN found, without the scores, in either form that a client may give it."""
    return list(pairs)[::2] if pairs and isinstance(pairs[0], bytes) else [member for member, _ in pairs]


def _readmission(reply: Sequence[bytes], task_id: str) -> Admission:
    if as_text(reply[0]) != "not":
        return admission(reply)
    if not reply[1]:
        raise UnknownTask(no_task(task_id))
    raise NotDead(not_dead(task_id, as_text(reply[1])))


def _require_dead(task_id: str, state: str) -> None:
    if state != TaskState.DEAD:
        raise NotDead(not_dead(task_id, state))


def not_dead(task_id: str, state: str) -> str:
    return f"task {task_id} is {state}; only a dead letter can be redriven or dropped"
