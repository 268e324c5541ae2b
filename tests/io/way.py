"""A way to a server on which replies get lost, everything stalls or is late, and connections break."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Self

_CHUNK = 1 << 16
_LOOK_S = 0.005
_SCRIPT = b"EVALSHA"


class Way:
    """
    Passes bytes between clients and the server on the Unix socket *target*; clients come by the Unix socket *at*, or by
    TCP where that is None. What a test calls may be called from another thread.

    Names and passwords in the target's address are in its own address, too.

    A lost reply: the server has done what it was asked, the connection breaks, and nobody hears of it. `lost` and
    `broken` count the replies and the connections.
    """

    def __init__(self, target: str, at: Path | None = None) -> None:
        user, place = _parted(target)
        self._target = place
        self._at = at
        self._next: bytes | None = None
        self._losses: tuple[Sequence[bytes], float, Random] | None = None
        self._stalled = False
        self._delay_s = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None] | None] = set()
        self._loop: asyncio.AbstractEventLoop
        self._user = user
        self.url = f"unix://{user}{at}"
        self.lost = 0
        self.broken = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if self._at is not None:
            self._server = await asyncio.start_unix_server(self._pass, self._at)
        else:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
            self.url = f"redis://{self._user}127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.flow()
        self._break_all()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def lose_next(self, word: bytes | str = _SCRIPT) -> None:
        """Lose the reply to the next command that has this word in it, such as the SHA-1 of a script."""
        self._next = word.encode() if isinstance(word, str) else word

    def lose_often(self, words: Sequence[str], share: float, *, seed: int) -> None:
        """Lose this share of the replies to commands with one of these words; 0 ends it."""
        self._losses = ([word.encode() for word in words], share, Random(seed)) if share else None

    def stall(self) -> None:
        """Nothing passes any more, and no connection ends."""
        self._stalled = True

    def flow(self) -> None:
        """Everything passes again, what was held first."""
        self._stalled = False

    def delay(self, seconds: float) -> None:
        """Each reply comes so much later."""
        self._delay_s = seconds

    def reset(self) -> None:
        """Break all connections in the middle of whatever they do."""
        self._loop.call_soon_threadsafe(self._break_all)

    def _break_all(self) -> None:
        for writer in self._open:
            self.broken += 1
            _break(writer)
        self._open.clear()

    async def _pass(self, asking: asyncio.StreamReader, answering: asyncio.StreamWriter) -> None:
        self._passing.add(task := asyncio.current_task())
        self._open.add(answering)
        try:
            await self._pass_both(asking, answering)
        finally:
            self._open.discard(answering)
            self._passing.discard(task)
            _break(answering)

    async def _pass_both(self, asking: asyncio.StreamReader, answering: asyncio.StreamWriter) -> None:
        connection = _Connection()
        try:
            replies, commands = await asyncio.open_unix_connection(self._target)
        except OSError:
            return
        try:
            async with asyncio.TaskGroup() as both:
                back = both.create_task(self._answer(replies, answering, connection))
                await self._ask(asking, commands, connection)
                back.cancel()
        except* (OSError, _LostError):
            pass
        finally:
            commands.close()

    async def _ask(self, asking: asyncio.StreamReader, commands: asyncio.StreamWriter, connection: _Connection) -> None:
        while asked := await asking.read(_CHUNK):
            await self._hold()
            connection.losing = connection.losing or self._loses(asked)
            commands.write(asked)
            await commands.drain()

    async def _answer(
        self, replies: asyncio.StreamReader, answering: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        while reply := await replies.read(_CHUNK):
            await self._hold()
            if connection.losing:
                self.lost += 1
                raise _LostError
            await asyncio.sleep(self._delay_s)
            answering.write(reply)
            await answering.drain()
        raise ConnectionResetError  # the server has gone: so must we

    def _loses(self, asked: bytes) -> bool:
        if self._next is not None and self._next in asked:
            self._next = None
            return True
        if self._losses is None:
            return False
        words, share, luck = self._losses
        return any(word in asked for word in words) and luck.random() < share

    async def _hold(self) -> None:
        while self._stalled:
            await asyncio.sleep(_LOOK_S)


class _Connection:
    """Whether the reply that comes next on it gets lost."""

    losing = False


class _LostError(Exception):
    """A reply was swallowed."""


def _break(writer: asyncio.StreamWriter) -> None:
    """End a connection; over TCP with a reset, as a firewall or a dying host does it."""
    with suppress(OSError):
        if (raw := writer.get_extra_info("socket")) is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def in_thread(way: Way) -> Iterator[Way]:
    """Run a way in a thread of its own, for processes that a test starts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="way", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(way.__aenter__(), loop).result()
    try:
        yield way
    finally:
        asyncio.run_coroutine_threadsafe(way.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _parted(url: str) -> tuple[str, str]:
    """The name and password before the place, with the @ behind them, and the place."""
    user, at, place = url.removeprefix("unix://").rpartition("@")
    return user + at, place
