"""How threads of a producer hear that their tasks have ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis

from .commands.scripted import as_text
from .redis_keys import Keys
from .redis_link import connect


class Waiter:
    """Reads this process's wake list in one thread, started when somebody first waits, and wakes who waits here."""

    def __init__(self, redis_url: str, keys: Keys) -> None:
        self._redis_url = redis_url
        self._keys = keys
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._name = f"client-{uuid4().hex[:12]}"
        self._lock = threading.Lock()
        self._woken: dict[str, list[threading.Event]] = {}
        self._reader: threading.Thread | None = None
        self._closed = threading.Event()

    def _begin_after_fork(self) -> None:
        """A process that forked off has a wake list of its own, and locks that no thread of its parent holds."""
        if self._pid != os.getpid():
            self._begin()

    @property
    def name(self) -> str:
        """The name of the wake list."""
        self._begin_after_fork()
        return self._name

    @contextmanager
    def expecting(self, task_id: str) -> Iterator[threading.Event]:
        """While entered, the event that it gives is set when something of the task is to be looked at."""
        self._begin_after_fork()
        event = threading.Event()
        with self._lock:
            self._woken.setdefault(task_id, []).append(event)
            self._read_on()
        try:
            yield event
        finally:
            self._begin_after_fork()
            with self._lock:
                self._forget(task_id, event)

    def close(self) -> None:
        self._begin_after_fork()
        self._closed.set()

    def _read_on(self) -> None:
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._read, name="router-waiter", daemon=True)
            self._reader.start()

    def _read(self) -> None:
        client = connect(self._redis_url)
        while not self._closed.is_set():
            try:
                popped = client.blpop([self._keys.wake(self.name)], timeout=1)
            except (redis.ConnectionError, redis.TimeoutError):
                self._closed.wait(1)
                continue
            if popped is not None:
                self._wake(as_text(popped[1]))
        client.close()

    def _wake(self, task_id: str) -> None:
        with self._lock:
            for event in self._woken.get(task_id, ()):
                event.set()

    def _forget(self, task_id: str, event: threading.Event) -> None:
        """Without effect in a process that forked off meanwhile: nobody expects anything there yet."""
        events = self._woken.get(task_id, [])
        if event not in events:
            return
        events.remove(event)
        if not events:
            del self._woken[task_id]
