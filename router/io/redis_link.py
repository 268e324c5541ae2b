"""Two thin transports for the same commands: one for threads, one for an event loop, which sends in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import StoreUnavailable
from .redis_scripts import scripts

T = TypeVar("T")

_BATCH_MAX = 256
_TRIES = 6
_FIRST_PAUSE_S = 0.1
_TIMEOUT_S = 10.0
_LOST = (redis.ConnectionError, redis.TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """
    What to send and how to read the reply: no I/O of its own, so both transports serve it.

    `words` is a whole Redis command; with `script` they are the arguments of that script instead.
    """

    words: tuple[str | bytes | int, ...]
    parse: Callable[[Any], T]
    script: str | None = None

    def encoded(self, prefix: str) -> tuple[str | bytes | int, ...]:
        if self.script is None:
            return self.words
        return ("EVALSHA", scripts()[self.script].sha, 1, prefix, *self.words)


def connect(url: str) -> redis.Redis:
    """A client of ours for threads: raw bytes, and no retries by the library, which repeats what is not idempotent."""
    return redis.Redis.from_url(url, **_settings())


def connect_async(url: str) -> redis.asyncio.Redis:
    """A client of ours for an event loop."""
    return redis.asyncio.Redis.from_url(url, **_settings())


def _settings() -> dict[str, Any]:
    return {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}


class Link:
    """Sends commands from threads, a list of them in one round trip."""

    def __init__(self, client: redis.Redis, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def run(self, command: Command[T]) -> T:
        """Raises: StoreUnavailable."""
        return self.run_all([command])[0]

    def run_all(self, commands: Sequence[Command[T]]) -> list[T]:
        """Send all in one pipeline; repeated while Redis is away, which every command of ours survives."""
        for pause_s in _pauses():
            try:
                return [c.parse(reply) for c, reply in zip(commands, self._send(commands), strict=True)]
            except _LOST:
                time.sleep(pause_s)
        raise StoreUnavailable(_unavailable())

    def _send(self, commands: Sequence[Command[Any]]) -> list[Any]:
        replies = self._pipeline(commands)
        if missing := _missing_scripts(replies):
            for script in scripts().values():
                self._client.script_load(script.text)
            for index, reply in zip(missing, self._pipeline([commands[i] for i in missing]), strict=True):
                replies[index] = reply
        return _raised(replies)

    def _pipeline(self, commands: Sequence[Command[Any]]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command.encoded(self._prefix))
            return pipe.execute(raise_on_error=False)

    def close(self) -> None:
        self._client.close()


class AsyncLink:
    """Sends commands from an event loop: what tasks ask for while a batch is under way leaves together in the next."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._waiting: list[tuple[Command[Any], asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None
        self.trips = 0
        self.sent = 0

    async def run(self, command: Command[T]) -> T:
        """Raises: StoreUnavailable."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        return command.parse(await future)

    async def close(self) -> None:
        if self._sender is not None:
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._client.aclose()

    async def _send_all(self) -> None:
        await asyncio.sleep(0)  # whoever is ready to run now may join the first batch
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH_MAX], self._waiting[_BATCH_MAX:]
            replies = await self._replies([command for command, _ in batch])
            for (_, future), reply in zip(batch, replies, strict=True):
                if future.done():
                    continue
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)

    async def _replies(self, commands: Sequence[Command[Any]]) -> list[Any]:
        for pause_s in _pauses():
            try:
                return await self._send(commands)
            except _LOST:
                await asyncio.sleep(pause_s)
        return [StoreUnavailable(_unavailable())] * len(commands)

    async def _send(self, commands: Sequence[Command[Any]]) -> list[Any]:
        replies = await self._pipeline(commands)
        if missing := _missing_scripts(replies):
            for script in scripts().values():
                await self._client.script_load(script.text)
            for index, reply in zip(missing, await self._pipeline([commands[i] for i in missing]), strict=True):
                replies[index] = reply
        return replies

    async def _pipeline(self, commands: Sequence[Command[Any]]) -> list[Any]:
        self.trips += 1
        self.sent += len(commands)
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command.encoded(self._prefix))
            replies: list[Any] = await pipe.execute(raise_on_error=False)
            return replies


def _pauses() -> list[float]:
    return [_FIRST_PAUSE_S * 2**i for i in range(_TRIES)]


def _missing_scripts(replies: Sequence[Any]) -> list[int]:
    """A server that was restarted has forgotten the scripts."""
    return [i for i, reply in enumerate(replies) if isinstance(reply, redis.exceptions.NoScriptError)]


def _raised(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _unavailable() -> str:
    waited_s = sum(_pauses())
    return f"Redis did not answer for {waited_s:.0f} s; check ROUTER_REDIS_URL and that the server runs"
