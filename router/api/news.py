"""What happens to tasks, read once for all listeners of a process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ..event import Alarm, Event
from ..io.event_stream import EventStream
from ..settings import Settings

KEPT: Final = 20_000
"""Events that a process has by heart, for listeners who come back."""
_LEARNT: Final = 2000
_HEARD_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class News:
    """One event, with its id in the stream."""

    id: str
    event: Event


class Newsroom:
    """
    Reads the stream of events as long as somebody listens, on a connection of its own.

    A listener hears what happens to one task, and None once the process is about to end (`closed`). Who is too slow to
    take what is told misses the oldest of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: OrderedDict[str, Event] = OrderedDict()
        self._listeners: defaultdict[str, set[asyncio.Queue[News | None]]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self.closed = False
        self._begun = asyncio.Event()
        self._last = self._known_after = "0-0"

    @property
    def listening(self) -> int:
        return sum(map(len, self._listeners.values()))

    @property
    def last(self) -> str:
        """The id of the newest event that was heard."""
        return self._last

    @contextmanager
    def listen(self, task_id: str) -> Iterator[asyncio.Queue[News | None]]:
        """While entered, what happens to the task is put into the queue."""
        heard: asyncio.Queue[News | None] = asyncio.Queue()
        self._listeners[task_id].add(heard)
        if self._reader is None:
            self._begun = asyncio.Event()
            self._reader = asyncio.create_task(self._read())
        try:
            yield heard
        finally:
            self._listeners[task_id].discard(heard)
            if not self._listeners[task_id]:
                del self._listeners[task_id]

    def close(self) -> None:
        """Tell all listeners that the process is about to end."""
        self.closed = True
        for listeners in self._listeners.values():
            for heard in listeners:
                heard.put_nowait(None)

    async def begun(self) -> None:
        """Wait until everything that happens from now on is heard."""
        await self._begun.wait()

    def since(self, task_id: str, after: str) -> list[News] | None:
        """
        What happened to a task after the event of that id; None where that is too long ago to be known, or is still to
        come: the stream is another one then, or this process is behind.
        """
        seen = _place(after)
        if not _place(self._known_after) <= seen <= _place(self._last):
            return None
        return [
            News(name, event)
            for name, event in self._kept.items()
            if not isinstance(event, Alarm) and event.task == task_id and _place(name) > seen
        ]

    async def _read(self) -> None:
        stream = EventStream(self._settings.redis_url, prefix=self._settings.prefix)
        try:
            self._learn(await stream.newest(_LEARNT))
            self._begun.set()
            while self._listeners:
                for name, event in await stream.after(self._last):
                    self._keep(name, event)
                    self._tell(News(name, event))
        finally:
            self._reader = None  # before anybody else has a turn: who listens from now on starts another one
            self._begun.set()
            await stream.close()

    def _learn(self, newest: Sequence[tuple[str, Event]]) -> None:
        """Know the newest events by heart, in the place of what was known."""
        self._kept.clear()
        self._known_after = newest[0][0] if len(newest) == _LEARNT else "0-0"
        for name, event in newest:
            self._keep(name, event)

    def _keep(self, name: str, event: Event) -> None:
        self._last = name
        self._kept[name] = event
        if len(self._kept) > KEPT:
            self._known_after, _ = self._kept.popitem(last=False)

    def _tell(self, news: News) -> None:
        if isinstance(news.event, Alarm):
            return
        for heard in self._listeners.get(news.event.task, ()):
            if heard.qsize() >= _HEARD_MAX:
                heard.get_nowait()
            heard.put_nowait(news)


def _place(name: str) -> tuple[int, int]:
    """Where an event stands in the stream. Raises: ValueError for what is no id."""
    ms, _, number = name.partition("-")
    return int(ms), int(number or 0)
