"""Two thin transports for the same commands: one for threads, one for an event loop, which sends in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import hiredis
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import Backlogged, StoreRefused, StoreUnavailable
from .haste import Haste, haste, is_reading
from .redis_scripts import READING, scripts

T = TypeVar("T")
_Words: TypeAlias = tuple[bytes | int, ...]

_BATCH_MAX = 256
PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""After each try that failed; then Redis counts as away."""
PATIENCE_S = 15.0
"""Later no new try begins: where Redis hangs each takes `_TIMEOUT_S`, and people and their web servers wait for it."""
_TIMEOUT_S = 10.0
_LOST = (redis.ConnectionError, redis.TimeoutError, OSError)
_AWAY = (*_LOST, redis.exceptions.ReadOnlyError)
"""Nobody answers, or a replica does: another server is the one to write to, and may be at this address in a moment."""
_SILENT: Exception = TimeoutError("no answer so far")
_REFUSING = ("MISCONF", "NOREPLICAS")
"""How the replies begin of a server that cannot write now: to its disk, or to enough replicas."""
_FORBIDDEN_IN_SCRIPT = "ACL failure in script"
_NO_DATABASE = "DB index is out of range"
_DEFAULTS = {"host": "localhost", "port": 6379}


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """
    What to send and how to read the reply: no I/O of its own, so both transports serve it.

    `words` is a whole Redis command; with `script` they are the arguments of that script instead. `aside`: it writes,
    but nobody asks what became of that.
    """

    words: tuple[str | bytes | int, ...]
    parse: Callable[[Any], T]
    script: str | None = None
    aside: bool = False

    @property
    def changes(self) -> bool:
        """Whether somebody has to know if it was carried out."""
        reads = is_reading(self.words[0]) if self.script is None else self.script in READING
        return not reads and not self.aside

    def encoded(self, prefix: str) -> tuple[bytes | int, ...]:
        """All of it in bytes. Raises: UnicodeEncodeError, for whoever made the command, not for who sends it."""
        words = self.words
        if self.script is not None:
            words = ("EVALSHA", scripts()[self.script].sha, 1, prefix, *words)
        return tuple(word.encode() if isinstance(word, str) else word for word in words)


Flow: TypeAlias = Generator[Sequence[Command[Any]], list[Any], T]
"""What takes several round trips: it yields the commands of each, is sent their replies, and returns the outcome."""


def connect(url: str, *, timeout_s: float = _TIMEOUT_S) -> redis.Redis:
    """A client of ours for threads: raw bytes, and no retries by the library, which repeats what is not idempotent."""
    return redis.Redis.from_url(url, **_settings(timeout_s))


def connect_async(url: str) -> redis.asyncio.Redis:
    """A client of ours for an event loop."""
    client = redis.asyncio.Redis.from_url(url, **_settings(_TIMEOUT_S))
    pool = client.connection_pool
    pool.connection_class = type("PackingConnection", (_PackingInC, pool.connection_class), {})
    return client


class _PackingInC:
    """Packs commands with hiredis: the client's own loop takes 40 us for a script with ten arguments, this 2."""

    def pack_command(self, name: str | bytes, *words: Any) -> list[bytes]:
        return [hiredis.pack_command((*name.split(), *words))]  # the client has names of two words: "SCRIPT LOAD"


def _settings(timeout_s: float) -> dict[str, Any]:
    return {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": Retry(NoBackoff(), 0)}


class Link:
    """Sends commands from threads, a list of them in one round trip."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        prefix: str,
        pauses_s: Sequence[float] = PAUSES_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._pauses_s = pauses_s
        self._patience_s = patience_s

    def run(self, command: Command[T]) -> T:
        """Raises: StoreUnavailable, StoreRefused; Backlogged where Redis has no memory for it."""
        return self.run_all([command])[0]

    def run_all(self, commands: Sequence[Command[T]]) -> list[T]:
        """Send all in one pipeline; repeated while Redis is away, which every command of ours survives."""
        begun_s = time.monotonic()
        for pause_s in self._pauses_s:
            try:
                replies = _raised(self._send([command.encoded(self._prefix) for command in commands]))
                return [command.parse(reply) for command, reply in zip(commands, replies, strict=True)]
            except _AWAY as why:
                reason = why
            if time.monotonic() - begun_s >= self._patience_s:
                break
            time.sleep(pause_s)
        raise _unavailable(time.monotonic() - begun_s, reason)

    def carry_out(self, flow: Flow[T]) -> T:
        """Send what *flow* asks for, round trip after round trip. Raises as `run_all`, and what the flow raises."""
        try:
            commands = next(flow)
            while True:
                commands = flow.send(self.run_all(commands) if commands else [])
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def _send(self, commands: Sequence[_Words]) -> list[Any]:
        replies = self._pipeline(commands)
        if missing := _missing_scripts(replies):
            for script in scripts().values():
                self._client.script_load(script.text)
            for index, reply in zip(missing, self._pipeline([commands[i] for i in missing]), strict=True):
                replies[index] = reply
        return _accepted(replies)

    def _pipeline(self, commands: Sequence[_Words]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command(*words)  # type: ignore[no-untyped-call]
            try:
                replies: list[Any] = pipe.execute(raise_on_error=False)
            except redis.RedisError as why:
                raise refusal(self._client, why) or why from None
            return replies

    def close(self) -> None:
        self._client.close()


class _Asked:
    """
    A command on its way. Where its request is in haste it is given up after so long a silence: at any time if it only
    reads, else as long as it was not sent.
    """

    def __init__(self, command: Command[Any], words: _Words, request: Haste | None) -> None:
        self.words = words
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._request = request
        self._changes = command.changes
        self._late: asyncio.TimerHandle | None = None

    def limit(self, silent_s: float, why: Callable[[], Exception]) -> None:
        """Begin to wait, while nothing was heard for *silent_s* by now; *why* is asked for if that goes on."""
        if self._request is not None and not self._request.over:
            left_s = max(0.0, self._request.silence_s - silent_s)
            self._late = self.future.get_loop().call_later(left_s, self._give_up, self._request.silence_s, why)

    @property
    def given_up(self) -> bool:
        """Whether its caller was told so; who was cancelled may have left it to be carried out."""
        return self.future.done() and not self.future.cancelled()

    def sent(self) -> None:
        """It leaves now."""
        if self._changes:
            self.heard()
            if self._request is not None:
                self._request.over = True

    def heard(self) -> None:
        """It is not to be given up any more."""
        if self._late is not None:
            self._late.cancel()

    def _give_up(self, silence_s: float, why: Callable[[], Exception]) -> None:
        if not self.future.done():
            self.future.set_exception(_unavailable(silence_s, why()))


class AsyncLink:
    """Sends commands from an event loop: what tasks ask for while a batch is under way leaves together in the next."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        prefix: str,
        pauses_s: Sequence[float] = PAUSES_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._pauses_s = pauses_s
        self._patience_s = patience_s
        self._waiting: list[_Asked] = []
        self._sender: asyncio.Task[None] | None = None
        self._silent_since_s: float | None = None
        self._lost = _SILENT
        self.trips = 0
        self.sent = 0

    async def run(self, command: Command[T]) -> T:
        """Raises: StoreUnavailable, StoreRefused; Backlogged where Redis has no memory for it."""
        asked = _Asked(command, command.encoded(self._prefix), haste())
        silent_s = 0.0 if self._silent_since_s is None else time.monotonic() - self._silent_since_s
        asked.limit(silent_s, lambda: self._lost)
        self._waiting.append(asked)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        try:
            return command.parse(await asked.future)
        finally:
            asked.heard()

    async def carry_out(self, flow: Flow[T]) -> T:
        """As `Link.carry_out`."""
        try:
            commands = next(flow)
            while True:
                commands = flow.send(await asyncio.gather(*(self.run(command) for command in commands)))
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    async def close(self) -> None:
        if self._sender is not None:
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._client.aclose()

    async def _send_all(self) -> None:
        await asyncio.sleep(0)  # whoever is ready to run now may join the first batch
        while self._waiting:
            waiting = [asked for asked in self._waiting if not asked.given_up]
            batch, self._waiting = waiting[:_BATCH_MAX], waiting[_BATCH_MAX:]
            for asked in batch:
                asked.sent()
            self._silent_since_s, self._lost = time.monotonic(), _SILENT
            replies = await self._replies([asked.words for asked in batch]) if batch else []
            self._silent_since_s = None
            for asked, reply in zip(batch, replies, strict=True):
                if asked.future.done():
                    continue
                if isinstance(reply, Exception):
                    asked.future.set_exception(reply)
                else:
                    asked.future.set_result(reply)

    async def _replies(self, commands: Sequence[_Words]) -> list[Any]:
        """What came for each command; an exception for each where sending failed: everybody who waits is told."""
        begun_s = time.monotonic()
        for pause_s in self._pauses_s:
            try:
                return await self._send(commands)
            except _AWAY as why:
                reason = self._lost = why
            except Exception as why:  # noqa: BLE001  # else whoever waits in this batch would wait for ever
                return [why] * len(commands)
            if time.monotonic() - begun_s >= self._patience_s:
                break
            await asyncio.sleep(pause_s)
        return [_unavailable(time.monotonic() - begun_s, reason)] * len(commands)

    async def _send(self, commands: Sequence[_Words]) -> list[Any]:
        replies = await self._pipeline(commands)
        if missing := _missing_scripts(replies):
            for script in scripts().values():
                await self._client.script_load(script.text)
            for index, reply in zip(missing, await self._pipeline([commands[i] for i in missing]), strict=True):
                replies[index] = reply
        return _accepted(replies)

    async def _pipeline(self, commands: Sequence[_Words]) -> list[Any]:
        self.trips += 1
        self.sent += len(commands)
        async with self._client.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command(*words)
            try:
                replies: list[Any] = await pipe.execute(raise_on_error=False)
            except redis.RedisError as why:
                raise refusal(self._client, why) or why from None
            return replies


def refusal(client: redis.Redis | redis.asyncio.Redis, why: Exception) -> StoreRefused | None:
    """What to tell where a server answered, but does not let us in as its address says; None for any other reason."""
    words = client.connection_pool.connection_kwargs
    server = f"Redis at {words.get('path') or '{host}:{port}'.format(**_DEFAULTS | words)}"
    if isinstance(why.__cause__, redis.RedisError):
        why = why.__cause__  # over a Unix socket the client for asyncio makes a lost connection of each refusal
    if _NO_DATABASE in str(why):
        said = f"{server} has no database {words.get('db')} ({why}); correct its number in ROUTER_REDIS_URL"
    elif not isinstance(why, redis.AuthenticationError):
        return None
    elif words.get("password"):
        said = f"{server} does not take the password of ROUTER_REDIS_URL ({str(why).rstrip('.')}); correct it"
    else:
        said = f"{server} wants a password; write it into ROUTER_REDIS_URL, as in redis://:PASSWORD@HOST:6379/0"
    return StoreRefused(said)


def forbidden(reply: object) -> StoreRefused | None:
    """What to tell where the user of the address may not do what was asked; None for any other reply."""
    in_script = isinstance(reply, redis.ResponseError) and str(reply).startswith(_FORBIDDEN_IN_SCRIPT)
    if not in_script and not isinstance(reply, redis.exceptions.NoPermissionError):
        return None
    return StoreRefused(
        f"Redis does not let the user of ROUTER_REDIS_URL do this ({reply}); take the user that may, or give it what "
        "deploy/redis.acl does, for keys behind ROUTER_PREFIX"
    )


@contextmanager
def telling_what_is_forbidden() -> Iterator[None]:
    """For whoever asks a client directly. Raises: StoreRefused where its user may not."""
    try:
        yield
    except redis.ResponseError as why:
        raise forbidden(why) or why from None


def _missing_scripts(replies: Sequence[Any]) -> list[int]:
    """A server that was restarted has forgotten the scripts."""
    return [i for i, reply in enumerate(replies) if isinstance(reply, redis.exceptions.NoScriptError)]


def _accepted(replies: list[Any]) -> list[Any]:
    """
    Raises the first reply of a server that cannot write now: the whole batch may be sent again. Memory does not come
    back within seconds: whoever needs more is told at once.
    """
    for index, reply in enumerate(replies):
        if isinstance(reply, redis.exceptions.OutOfMemoryError):
            replies[index] = Backlogged(f"the memory of Redis is full ({reply}); try again later, or raise maxmemory")
        if isinstance(reply, redis.exceptions.ReadOnlyError):
            raise reply
        if isinstance(reply, redis.ResponseError) and str(reply).startswith(_REFUSING):
            raise OSError(str(reply))
        replies[index] = forbidden(reply) or replies[index]
    return replies


def _raised(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _unavailable(waited_s: float, why: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"Redis could not be used for {waited_s:.0f} s ({why}); check ROUTER_REDIS_URL and that the server runs"
    )
