"""The client for event loops: the same names as `Client`, with `await`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import uuid4

import redis

from .client import CARD_FRESH_S, LISTED, LOOK_AGAIN_S, MANY, pending
from .errors import TaskInvalid, UnknownPolicy
from .event import Event
from .health.pressure import Pressure
from .io.commands.client import ClientCommands
from .io.commands.producer import record
from .io.commands.scripted import as_text
from .io.redis_link import AsyncLink, connect_async
from .io.task_lists import NEWEST
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

_PATIENCE_MS = Priority.NORMAL.patience_ms


@dataclass(frozen=True)
class AsyncHandle:
    """A submitted task. `replayed` says that its key had been used before, with the same body."""

    id: str
    replayed: bool
    _client: AsyncClient

    async def wait(self, *, timeout_s: float | None = None) -> Result:
        """Wait for the end. Raises: ResultPending after *timeout_s*, UnknownTask, StoreUnavailable."""
        return await self._client.wait(self.id, timeout_s=timeout_s)

    async def result(self) -> Result:
        """How the task stands now."""
        return await self._client.get(self.id)

    async def cancel(self) -> str:
        """End the task unless it has ended; returns the status it has then."""
        return await self._client.cancel(self.id)


class AsyncClient:
    """As `Client`; belongs to the event loop in which it is first used. One reader serves any number of waiters."""

    def __init__(self, redis_url: str = "redis://localhost:6379/0", *, prefix: str = "r:") -> None:
        self._redis_url = redis_url
        self._commands = ClientCommands(prefix=prefix)
        self._link = AsyncLink(connect_async(redis_url), prefix=prefix)
        self._cards: dict[str, tuple[float, Card]] = {}
        self._name = f"client-{uuid4().hex[:12]}"
        self._woken: dict[str, list[asyncio.Event]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._closed = False
        self._seen = "-"

    @classmethod
    def from_env(cls) -> Self:
        """A client for ROUTER_REDIS_URL and ROUTER_PREFIX. Raises: SettingsInvalid."""
        settings = Settings.from_env()
        return cls(settings.redis_url, prefix=settings.prefix)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self._closed = True
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._link.close()

    @property
    def name(self) -> str:
        """The name of its wake list: tasks that are to wake somebody here reply to it."""
        return self._name

    async def submit(
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
    ) -> AsyncHandle:
        """As `Client.submit`."""
        order = Order(
            key=key,
            tenant=tenant,
            deadline_s=deadline_s,
            priority=priority,
            metadata=metadata,
            webhook=webhook_of(webhook),
        )
        try:
            submission = prepare(await self.known(policy), input, order, reply_to=self._name)
        except (TaskInvalid, UnknownPolicy):
            asked = again(policy, input, order)
            (known,) = await self.recall([asked]) if asked is not None else [None]
            if known is None:
                raise
            return AsyncHandle(known.task_id, known.replayed, self)
        return (await self.send([submission]))[0]

    async def submit_many(
        self,
        policy: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        keys: Sequence[str] | None = None,
        tenant: str = "default",
        deadline_s: float | None = None,
        priority: str = "normal",
        webhook: str | Mapping[str, Any] | None = None,
    ) -> list[AsyncHandle]:
        """As `Client.submit_many`."""
        told = webhook_of(webhook)
        order = Order(tenant=tenant, deadline_s=deadline_s, priority=priority, webhook=told)
        every, known = list(inputs), dict[int, AsyncHandle]()
        try:
            prepared = prepare_many(await self.known(policy), every, keys, order, reply_to=self._name)
        except (TaskInvalid, UnknownPolicy):
            known = await self._known_already(again_many(policy, every, keys, order))
            if not known:
                raise
            if len(known) == len(every):
                return [known[number] for number in range(len(every))]
            prepared = prepare_many(await self.known(policy), every, keys, order, reply_to=self._name, without=known)
        batches = [prepared[i : i + MANY] for i in range(0, len(prepared), MANY)]
        sent = iter([handle for batch in batches for handle in await self.send(batch)])
        return [known[number] if number in known else next(sent) for number in range(len(every))]

    async def run(
        self, policy: str, input: Mapping[str, Any], *, timeout_s: float | None = None, **order: Any
    ) -> Result:
        """Submit and wait."""
        return await (await self.submit(policy, input, **order)).wait(timeout_s=timeout_s)

    async def wait(self, task_id: str, *, timeout_s: float | None = None) -> Result:
        """Wait for the end of a task that anybody submitted. Raises as `AsyncHandle.wait`."""
        state = await self.reach(task_id, ENDS, timeout_s=timeout_s)
        if not state.terminal:
            raise pending(task_id, state, timeout_s)
        return await self.get(task_id)

    async def reach(self, task_id: str, states: Collection[TaskState], *, timeout_s: float | None = None) -> TaskState:
        """Wait until a task is in one of *states*; after *timeout_s* whatever it is in. Raises: UnknownTask."""
        clock = asyncio.get_running_loop().time
        until_s = math.inf if timeout_s is None else clock() + timeout_s
        woken = self._expect(task_id)
        try:
            while (state := await self._link.run(self._commands.watch(task_id, self._name))) not in states:
                left_s = min(LOOK_AGAIN_S, until_s - clock())
                if left_s <= 0:
                    break
                await _woken_within(woken, left_s)
            return state
        finally:
            self._forget(task_id, woken)

    async def get(self, task_id: str) -> Result:
        """How a task stands now. Raises: UnknownTask, StoreUnavailable."""
        return Result.of(await self.read(task_id))

    async def read(self, task_id: str) -> Record:
        """Everything that is known of a task. Raises: UnknownTask, StoreUnavailable."""
        parts = await asyncio.gather(*(self._link.run(command) for command in self._commands.read(task_id)))
        return record(task_id, *parts)

    async def cancel(self, task_id: str) -> str:
        """End a task unless it has ended; returns its status then. Raises: UnknownTask, StoreUnavailable."""
        return (await self._link.run(self._commands.cancel(task_id))).value

    async def tasks(
        self,
        *,
        status: str | None = None,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
        limit: int = LISTED,
    ) -> TaskList:
        """As `Client.tasks`."""
        since_ms = await self._link.carry_out(self._commands.since_ms(since_s))
        state = None if status is None else TaskState(status)
        wanted = Wanted(status=state, policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        return await self._link.carry_out(self._commands.tasks(wanted, limit=limit))

    async def ended(
        self,
        *,
        status: str | None = None,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
    ) -> AsyncIterator[Summary]:
        """As `Client.ended`."""
        since_ms = await self._link.carry_out(self._commands.since_ms(since_s))
        state = None if status is None else TaskState(status)
        wanted = Wanted(status=state, policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        names: dict[str, str] = {}
        before: str | None = NEWEST
        while before is not None:
            page, before = await self._link.carry_out(self._commands.ended(wanted, names, before=before))
            for task in page:
                yield task

    async def dead(
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
        """As `Client.dead`."""
        since_ms = await self._link.carry_out(self._commands.since_ms(since_s))
        wanted = Wanted(policy=policy, reason=reason, tenant=tenant, redriven=redriven, tag=tag, since_ms=since_ms)
        return await self._link.carry_out(self._commands.dead(wanted, limit=limit))

    async def redrive(self, task_id: str) -> AsyncHandle:
        """As `Client.redrive`."""
        sent = await self._link.carry_out(self._commands.redrive(task_id, reply_to=self._name))
        return AsyncHandle(sent.task_id, sent.replayed, self)

    async def drop(self, task_id: str) -> None:
        """As `Client.drop`."""
        await self._link.carry_out(self._commands.drop(task_id))

    async def review(
        self,
        *,
        policy: str | None = None,
        tenant: str | None = None,
        tag: str | None = None,
        since_s: float | None = None,
        limit: int | None = LISTED,
    ) -> list[Summary]:
        """As `Client.review`."""
        since_ms = await self._link.carry_out(self._commands.since_ms(since_s))
        wanted = Wanted(policy=policy, tenant=tenant, tag=tag, since_ms=since_ms)
        return await self._link.carry_out(self._commands.reviews(wanted, limit=limit))

    async def resolve(self, task_id: str, ruling: Ruling, *, output: Json = None, attempt: int | None = None) -> str:
        """As `Client.resolve`."""
        flow = self._commands.resolve(task_id, ruling, output=output, attempt=attempt)
        return (await self._link.carry_out(flow)).value

    async def erase(self, task_id: str) -> str:
        """As `Client.erase`."""
        return (await self._link.carry_out(self._commands.erase(task_id))).value

    async def page(self, tenant: str, wanted: Wanted, *, after: Cursor | None = None, limit: int = LISTED) -> Page:
        """As `Client.page`."""
        return await self._link.carry_out(self._commands.page(tenant, wanted, after=after, limit=limit))

    async def pressure(self, tier: str, tenant: str, *, patience_ms: int = _PATIENCE_MS) -> Pressure:
        """As `Client.pressure`."""
        return await self._link.run(self._commands.pressure(tier, tenant, patience_ms=patience_ms))

    async def policy_name(self, digest: str) -> str:
        """As `Client.policy_name`."""
        return await self._link.run(self._commands.policy_name(digest))

    async def version(self, digest: str) -> tuple[str, Kind]:
        """The name of a published version, and the kind of its outputs. Raises: UnknownPolicy, StoreUnavailable."""
        return await self._link.run(self._commands.version(digest))

    async def now_ms(self) -> int:
        """The store's clock, Unix ms. Raises: StoreUnavailable."""
        return await self._link.run(self._commands.time())

    async def policies(self) -> list[str]:
        """As `Client.policies`."""
        return await self._link.run(self._commands.policies())

    async def card(self, policy: str) -> Card:
        """What is published under a name. Raises: UnknownPolicy, StoreUnavailable."""
        return await self._link.run(self._commands.card(policy))

    async def events(self, *, wait_s: float) -> AsyncIterator[Event]:
        """What happened since the last call, at once, or after *wait_s* where there was nothing yet."""
        news = await self._link.run(self._commands.events(self._seen))
        if not news:
            await asyncio.sleep(wait_s)
            news = await self._link.run(self._commands.events(self._seen))
        for self._seen, event in news:
            yield event

    async def send(self, submissions: Sequence[Submission]) -> list[AsyncHandle]:
        """Hand over tasks that are made already. Raises: TaskConflict, TaskGone, Backlogged, StoreUnavailable."""
        return [AsyncHandle(s.task_id, s.replayed, self) for s in admitted(await self.offer(submissions))]

    async def offer(self, submissions: Sequence[Submission], *, only_known: bool = False) -> list[Admission]:
        """
        As `send`, with what became of each; with *only_known* only keys that were used before get their task.

        Raises: StoreUnavailable; Backlogged where Redis has no memory at all.
        """
        return await self._link.run(self._commands.submit(submissions, only_known=only_known))

    async def recall(self, submissions: Sequence[Submission]) -> list[Submitted | None]:
        """Which of their keys stand for the same bodies already; `again` makes them. Raises: TaskGone."""
        batches = [submissions[i : i + MANY] for i in range(0, len(submissions), MANY)]
        return [one for batch in batches for one in known_again(await self.offer(batch, only_known=True))]

    async def _known_already(self, asked: Mapping[int, Submission]) -> dict[int, AsyncHandle]:
        found = zip(asked, await self.recall([*asked.values()]), strict=True)
        return {number: AsyncHandle(one.task_id, one.replayed, self) for number, one in found if one is not None}

    async def summary(self, task_id: str) -> Summary:
        """How a task stands now, without its contents. Raises: UnknownTask, StoreUnavailable."""
        return await self._link.carry_out(self._commands.summary(task_id))

    async def summaries(self, task_ids: Iterable[str]) -> list[Summary]:
        """The same of many; those that are not there are left out. Raises: StoreUnavailable."""
        return await self._link.carry_out(self._commands.summaries(task_ids, {}))

    async def known(self, policy: str) -> Card:
        """What is published under a name, as it was a few seconds ago at most. Raises as `card`."""
        now_s = asyncio.get_running_loop().time()
        known = self._cards.get(policy)
        if known is None or now_s - known[0] > CARD_FRESH_S:
            known = self._cards[policy] = (now_s, await self.card(policy))
        return known[1]

    def _expect(self, task_id: str) -> asyncio.Event:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        event = asyncio.Event()
        self._woken.setdefault(task_id, []).append(event)
        return event

    def _forget(self, task_id: str, event: asyncio.Event) -> None:
        events = self._woken[task_id]
        events.remove(event)
        if not events:
            del self._woken[task_id]

    async def _read(self) -> None:
        client = connect_async(self._redis_url)
        try:
            while not self._closed:  # Python 3.11's `wait_for`, below, may swallow a cancellation
                try:
                    popped = await client.blpop([self._commands.keys.wake(self._name)], timeout=1)
                except (redis.ConnectionError, redis.TimeoutError):
                    await asyncio.sleep(1)
                    continue
                for event in self._woken.get(as_text(popped[1]), ()) if popped else ():
                    event.set()
        finally:
            await client.aclose()


async def _woken_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
