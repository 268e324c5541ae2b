"""The client of backend services: submit tasks, wait for their ends. Safe to share among threads."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from .errors import ResultPending, TaskInvalid, UnknownPolicy
from .event import Event
from .health.pressure import Pressure
from .io.commands.client import ClientCommands
from .io.commands.producer import record
from .io.redis_link import Link, connect
from .io.task_lists import NEWEST
from .io.waiter import Waiter
from .output import Kind
from .producing import Order, admitted, again, again_many, known_again, prepare, prepare_many, webhook_of
from .record import Record
from .result import Result
from .ruling import Ruling
from .settings import Settings
from .submission import Admission, Card, Submission, Submitted
from .summary import Cursor, Page, Summary, TaskList, Wanted
from .task import ENDS, Priority, TaskState
from .values import Json

T = TypeVar("T")

CARD_FRESH_S = 5.0
"""How long a producer goes by the policy version it knows before it asks again which one is current."""
MANY = 200
"""Tasks in one round trip of `submit_many`: the script holds Redis for a few milliseconds."""
LOOK_AGAIN_S = 5.0
"""A waiter that is not woken looks at the task by itself after so long."""
_PATIENCE_MS = Priority.NORMAL.patience_ms
LISTED = 50
"""Tasks in a list, unless somebody asks for more."""


@dataclass(frozen=True)
class Handle:
    """A submitted task. `replayed` says that its key had been used before, with the same body."""

    id: str
    replayed: bool
    _client: Client

    def wait(self, *, timeout_s: float | None = None) -> Result:
        """Wait for the end. Raises: ResultPending after *timeout_s*, UnknownTask, StoreUnavailable."""
        return self._client.wait(self.id, timeout_s=timeout_s)

    def result(self) -> Result:
        """How the task stands now."""
        return self._client.get(self.id)

    def cancel(self) -> str:
        """End the task unless it has ended; returns the status it has then."""
        return self._client.cancel(self.id)


class Client:
    """
    Talks to Redis alone: policies resolve by what was published there, no folder is needed.

    Arguments: where Redis is, and the prefix of our keys there.
    """

    def __init__(self, redis_url: str = "redis://localhost:6379/0", *, prefix: str = "r:") -> None:
        self._commands = ClientCommands(prefix=prefix)
        self._link = Link(connect(redis_url), prefix=prefix)
        self._waiter = Waiter(redis_url, self._commands.keys)
        self._cards: dict[str, tuple[float, Card]] = {}
        self._seen = "-"

    @classmethod
    def from_env(cls) -> Self:
        """A client for ROUTER_REDIS_URL and ROUTER_PREFIX. Raises: SettingsInvalid."""
        settings = Settings.from_env()
        return cls(settings.redis_url, prefix=settings.prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._waiter.close()
        self._link.close()

    def submit(
        self,
        policy: str,
        input: Mapping[str, Any],
        *,
        key: str | None = None,
        tenant: str = "default",
        deadline_s: float | None = None,
        priority: str = "normal",
        metadata: Mapping[str, Any] | None = None,
        webhook: str | Mapping[str, Any] | None = None,
    ) -> Handle:
        """
        Hand a task over; when this returns it will not be lost.

        With a *key* the call may be repeated: the same key and body give the same task, at any time, whatever the
        policy takes by then.
        A *webhook*, a URL or `{"url": ..., "payload": "full"}`, is told of the end, signed with the tenant's secret.
        Raises: UnknownPolicy, TaskInvalid, TaskConflict, TaskGone, Backlogged, StoreUnavailable.
        """
        order = Order(
            key=key,
            tenant=tenant,
            deadline_s=deadline_s,
            priority=priority,
            metadata=metadata,
            webhook=webhook_of(webhook),
        )
        try:
            submission = prepare(self.known(policy), input, order, reply_to=self._waiter.name)
        except (TaskInvalid, UnknownPolicy):
            asked = again(policy, input, order)
            (known,) = self.recall([asked]) if asked is not None else [None]
            if known is None:
                raise
            return Handle(known.task_id, known.replayed, self)
        return self.send([submission])[0]

    def submit_many(
        self,
        policy: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        keys: Sequence[str] | None = None,
        tenant: str = "default",
        deadline_s: float | None = None,
        priority: str = "normal",
        webhook: str | Mapping[str, Any] | None = None,
    ) -> list[Handle]:
        """Hand many tasks over, a few hundred a round trip; nothing is sent if one input is invalid. As `submit`."""
        told = webhook_of(webhook)
        order = Order(tenant=tenant, deadline_s=deadline_s, priority=priority, webhook=told)
        every, known = list(inputs), dict[int, Handle]()
        try:
            prepared = prepare_many(self.known(policy), every, keys, order, reply_to=self._waiter.name)
        except (TaskInvalid, UnknownPolicy):
            known = self._known_already(again_many(policy, every, keys, order))
            if not known:
                raise
            if len(known) == len(every):
                return [known[number] for number in range(len(every))]
            prepared = prepare_many(self.known(policy), every, keys, order, reply_to=self._waiter.name, without=known)
        batches = [prepared[i : i + MANY] for i in range(0, len(prepared), MANY)]
        sent = iter([handle for batch in batches for handle in self.send(batch)])
        return [known[number] if number in known else next(sent) for number in range(len(every))]

    def run(self, policy: str, input: Mapping[str, Any], *, timeout_s: float | None = None, **order: Any) -> Result:
        """Submit and wait."""
        return self.submit(policy, input, **order).wait(timeout_s=timeout_s)

    def wait(self, task_id: str, *, timeout_s: float | None = None) -> Result:
        """Wait for the end of a task that anybody submitted. Raises as `Handle.wait`."""
        state = self.reach(task_id, ENDS, timeout_s=timeout_s)
        if not state.terminal:
            raise pending(task_id, state, timeout_s)
        return self.get(task_id)

    def reach(self, task_id: str, states: Collection[TaskState], *, timeout_s: float | None = None) -> TaskState:
        """Wait until a task is in one of *states*; after *timeout_s* whatever it is in. Raises: UnknownTask."""
        until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._waiter.expecting(task_id) as woken:
                state = self._link.run(self._commands.watch(task_id, self._waiter.name))
                left_s = min(LOOK_AGAIN_S, until_s - time.monotonic())
                if state in states or left_s <= 0:
                    return state
                woken.wait(left_s)

    def get(self, task_id: str) -> Result:
        """How a task stands now. Raises: UnknownTask, StoreUnavailable."""
        return Result.of(self.read(task_id))

    def read(self, task_id: str) -> Record:
        """Everything that is known of a task. Raises: UnknownTask, StoreUnavailable."""
        fields, packed_input, trail = self._link.run_all(self._commands.read(task_id))
        return record(task_id, fields, packed_input, trail)

    def cancel(self, task_id: str) -> str:
        """End a task unless it has ended; returns its status then. Raises: UnknownTask, StoreUnavailable."""
        return self._link.run(self._commands.cancel(task_id)).value

    def tasks(
        self,
        *,
        status: str | None = None,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
        limit: int = LISTED,
    ) -> TaskList:
        """The newest tasks, by their end, or by when they came where they have not ended. Raises: StoreUnavailable."""
        since_ms = self._link.carry_out(self._commands.since_ms(since_s))
        state = None if status is None else TaskState(status)
        wanted = Wanted(status=state, policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        return self._link.carry_out(self._commands.tasks(wanted, limit=limit))

    def ended(
        self,
        *,
        status: str | None = None,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
    ) -> Iterator[Summary]:
        """All tasks that ended and are still kept, the newest first, read page by page. Raises: StoreUnavailable."""
        since_ms = self._link.carry_out(self._commands.since_ms(since_s))
        state = None if status is None else TaskState(status)
        wanted = Wanted(status=state, policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        names: dict[str, str] = {}
        before: str | None = NEWEST
        while before is not None:
            page, before = self._link.carry_out(self._commands.ended(wanted, names, before=before))
            yield from page

    def dead(
        self,
        *,
        policy: str | None = None,
        reason: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
        redriven: bool | None = None,
        limit: int | None = LISTED,
    ) -> list[Summary]:
        """
        The newest dead letters; *limit* None lists all.

        *reason* is looked for within theirs; with *redriven* only those that were sent again, without it (False) only
        those that were not. Raises: StoreUnavailable.
        """
        since_ms = self._link.carry_out(self._commands.since_ms(since_s))
        wanted = Wanted(policy=policy, reason=reason, tenant=tenant, redriven=redriven, tag=tag, since_ms=since_ms)
        return self._link.carry_out(self._commands.dead(wanted, limit=limit))

    def redrive(self, task_id: str) -> Handle:
        """
        Send a dead letter again, as a new task under its policy's current version; repeated, it is the same new task.

        Raises: UnknownTask, NotDead, UnknownPolicy, TaskInvalid, Backlogged, StoreUnavailable.
        """
        sent = self._link.carry_out(self._commands.redrive(task_id, reply_to=self._waiter.name))
        return Handle(sent.task_id, sent.replayed, self)

    def drop(self, task_id: str) -> None:
        """Erase a dead letter with all it holds; what it cost stays booked. Raises as `redrive`."""
        self._link.carry_out(self._commands.drop(task_id))

    def review(
        self,
        *,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
        limit: int | None = LISTED,
    ) -> list[Summary]:
        """The tasks that wait for a person, those that wait longest first. Raises: StoreUnavailable."""
        since_ms = self._link.carry_out(self._commands.since_ms(since_s))
        wanted = Wanted(policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        return self._link.carry_out(self._commands.reviews(wanted, limit=limit))

    def resolve(self, task_id: str, ruling: Ruling, *, output: Json = None, attempt: int | None = None) -> str:
        """
        Carry out what a person decided of a task in review; *output*, or that of *attempt*, is what they accept.

        Returns the status it has then; harmless to repeat. Raises: UnknownTask, NotInReview, RulingInvalid,
        StoreUnavailable.
        """
        return self._link.carry_out(self._commands.resolve(task_id, ruling, output=output, attempt=attempt)).value

    def erase(self, task_id: str) -> str:
        """
        Erase what a task was asked and answered, after ending it if it has not ended; returns its status.

        Its id, times, costs and the shape of its trail stay. Raises: UnknownTask, StoreUnavailable.
        """
        return self._link.carry_out(self._commands.erase(task_id)).value

    def page(self, tenant: str, wanted: Wanted, *, after: Cursor | None = None, limit: int = LISTED) -> Page:
        """A tenant's tasks by when they came, newest first, page by page. Raises: StoreUnavailable."""
        return self._link.carry_out(self._commands.page(tenant, wanted, after=after, limit=limit))

    def pressure(self, tier: str, tenant: str, *, patience_ms: int = _PATIENCE_MS) -> Pressure:
        """
        How full a tier's queue is for a task that comes now, and is urgent so long from now.

        Raises: StoreUnavailable.
        """
        return self._link.run(self._commands.pressure(tier, tenant, patience_ms=patience_ms))

    def policies(self) -> list[str]:
        """The names of all that is published. Raises: StoreUnavailable."""
        return self._link.run(self._commands.policies())

    def card(self, policy: str) -> Card:
        """What is published under a name. Raises: UnknownPolicy, StoreUnavailable."""
        return self._link.run(self._commands.card(policy))

    def policy_name(self, digest: str) -> str:
        """The name of the policy version that a task was submitted under."""
        return self._link.run(self._commands.policy_name(digest))

    def events(self, *, wait_s: float) -> Iterator[Event]:
        """What happened since the last call, at once, or after *wait_s* where there was nothing yet."""
        news = self._link.run(self._commands.events(self._seen))
        if not news:
            time.sleep(wait_s)
            news = self._link.run(self._commands.events(self._seen))
        for self._seen, event in news:
            yield event

    def send(self, submissions: Sequence[Submission]) -> list[Handle]:
        """Hand over tasks that are made already. Raises: TaskConflict, TaskGone, Backlogged, StoreUnavailable."""
        return [Handle(s.task_id, s.replayed, self) for s in admitted(self.offer(submissions))]

    def offer(self, submissions: Sequence[Submission], *, only_known: bool = False) -> list[Admission]:
        """
        As `send`, with what became of each; with *only_known* only keys that were used before get their task.

        Raises: StoreUnavailable; Backlogged where Redis has no memory at all.
        """
        return self._link.run(self._commands.submit(submissions, only_known=only_known))

    def recall(self, submissions: Sequence[Submission]) -> list[Submitted | None]:
        """Which of their keys stand for the same bodies already; `again` makes them. Raises: TaskGone."""
        batches = [submissions[i : i + MANY] for i in range(0, len(submissions), MANY)]
        return [one for batch in batches for one in known_again(self.offer(batch, only_known=True))]

    def _known_already(self, asked: Mapping[int, Submission]) -> dict[int, Handle]:
        found = zip(asked, self.recall([*asked.values()]), strict=True)
        return {number: Handle(one.task_id, one.replayed, self) for number, one in found if one is not None}

    def summary(self, task_id: str) -> Summary:
        """How a task stands now, without its contents. Raises: UnknownTask, StoreUnavailable."""
        return self._link.carry_out(self._commands.summary(task_id))

    def summaries(self, task_ids: Iterable[str]) -> list[Summary]:
        """The same of many; those that are not there are left out. Raises: StoreUnavailable."""
        return self._link.carry_out(self._commands.summaries(task_ids, {}))

    def version(self, digest: str) -> tuple[str, Kind]:
        """The name of a published version, and the kind of its outputs. Raises: UnknownPolicy, StoreUnavailable."""
        return self._link.run(self._commands.version(digest))

    def now_ms(self) -> int:
        """The store's clock, Unix ms. Raises: StoreUnavailable."""
        return self._link.run(self._commands.time())

    @property
    def name(self) -> str:
        """The name of its wake list: tasks that are to wake somebody here reply to it."""
        return self._waiter.name

    def known(self, policy: str) -> Card:
        """What is published under a name, as it was a few seconds ago at most. Raises as `card`."""
        known = self._cards.get(policy)
        if known is None or time.monotonic() - known[0] > CARD_FRESH_S:
            known = self._cards[policy] = (time.monotonic(), self.card(policy))
        return known[1]


def pending(task_id: str, state: TaskState, timeout_s: float | None) -> ResultPending:
    if state is TaskState.REVIEW:
        return ResultPending(f"task {task_id} waits for a person: `router review show {task_id}`")
    return ResultPending(f"task {task_id} is {state} after {timeout_s} s; it goes on, wait for it again")
