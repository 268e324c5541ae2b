"""What becomes of tasks that wait for a person: listed, resolved. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import RulingInvalid
from ...record import Record
from ...ruling import Ruling
from ...summary import Cursor, Page, Summary, Wanted
from ...task import TaskState
from ...trail import Attempt
from ...values import Json
from ..packing import unpack
from ..redis_link import Command, Flow
from ..task_lists import PAGE, TaskLists
from .producer import record
from .scripted import as_text, scored

if TYPE_CHECKING:  # with all its checks
    from ...policy import Policy


class ReviewCommands(TaskLists):
    """Tasks in review, until somebody resolves them or their time is over."""

    def reviews(self, wanted: Wanted, *, limit: int | None) -> Flow[list[Summary]]:
        """The tasks in review that are wanted, those that wait longest first, the first *limit* of them."""
        return list((yield from self.review_page(wanted, limit=limit)).tasks)

    def review_page(self, wanted: Wanted, *, limit: int | None, after: Cursor | None = None) -> Flow[Page]:
        """
        The next *limit* of the tasks in review that are wanted, those that wait longest first.

        What comes or is resolved while somebody reads page after page moves no other task.
        """
        names: dict[str, str] = {}
        found: list[Summary] = []
        seen = (after.ms, after.id) if after is not None else (0, "")
        start, count, last = seen[0], PAGE, after
        while True:
            (waiting,) = yield [self._in_review(start, count)]
            since_ms = {task_id: ms for task_id, ms in waiting if (ms, task_id) > seen}
            for task in (yield from self.summaries(since_ms, names)):
                if task.state is not TaskState.REVIEW or not wanted(task):
                    continue
                if len(found) == limit:
                    return Page(tuple(found), last)
                found.append(task)
                last = Cursor(since_ms[task.id], task.id)
            if len(waiting) < count:
                return Page(tuple(found), None)
            seen = max(seen, (waiting[-1][1], waiting[-1][0]))
            # Those of one moment are read from their first on: a place among them is another when one was resolved.
            start, count = seen[0], 2 * count if seen[0] == start else PAGE

    def resolve(
        self, task_id: str, ruling: Ruling, *, output: Json = None, attempt: int | None = None
    ) -> Flow[TaskState]:
        """
        Carry out what a person decided; *output*, or that of *attempt*, is what they accept. Returns the new state.

        Harmless to repeat. Raises: UnknownTask, NotInReview, RulingInvalid.
        """
        # Policies with their checks: producers, who have nothing to do with them, stay light.
        from ...reviewing import check_ruling, chosen, ruled  # noqa: PLC0415

        fields, packed_input, trail, since_ms, now_ms = yield [*self.read(task_id), self._since(task_id), self.time()]
        known = record(task_id, fields, packed_input, trail)
        if attempt is not None:
            output = chosen(known, attempt)
        patience_ms = 0
        if known.state is TaskState.REVIEW:
            (packed,) = yield [self._version(known)]
            policy = _policy(known, packed)
            check_ruling(policy, ruling, output)
            patience_ms = int(policy.limits.deadline_s * 1000)
        decided: Attempt = ruled(known, ruling, output, since_ms=since_ms or now_ms, now_ms=now_ms)
        (state,) = yield [self.rule(task_id, decided, patience_ms=patience_ms)]
        return TaskState(state)

    def _in_review(self, since_ms: int, count: int) -> Command[list[tuple[str, int]]]:
        """The first so many tasks that began to wait at that time or later, with when they did."""
        words = ("ZRANGEBYSCORE", self.keys.review, since_ms, "+inf", "WITHSCORES", "LIMIT", 0, count)
        return Command(words, lambda reply: [(as_text(task_id), int(float(ms))) for task_id, ms in scored(reply)])

    def _since(self, task_id: str) -> Command[int | None]:
        words = ("ZSCORE", self.keys.review, task_id)
        return Command(words, lambda reply: None if reply is None else int(float(reply)))

    def _version(self, known: Record) -> Command[bytes | None]:
        return Command(("GET", self.keys.policy(known.task.policy)), lambda reply: reply)


def _policy(known: Record, packed: bytes | None) -> Policy:
    """The version that the task runs under, as its caller's wishes change it. Raises: RulingInvalid."""
    from ...policy import Policy  # noqa: PLC0415
    from ...tailoring import tailored  # noqa: PLC0415

    if packed is None:
        raise RulingInvalid(f"version {known.task.policy} of its policy is gone; publish it again")
    return tailored(
        Policy.model_validate_json(unpack(packed, f"policy version {known.task.policy}")), known.task.wishes
    )
