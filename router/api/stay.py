"""How long a caller may stay: a stream or a wait ends soon after its caller's key does."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import log
from ..errors import RouterError, StoreUnavailable
from .problems import Refused, problem, refusal

LOOK_S: Final = 1.0
"""How often it is looked at the keys of all requests that are being answered."""
SAY_S: Final = 10.0
"""How long a client may take to hear why it has to leave: one that does not read is let go without."""
_STAY: Final = "router.stay"


class Stays:
    """
    The requests of one process that are being answered, by the key of their caller.

    *refusal* says why a key is not taken any more, None where it is. It is asked once a second for each key, and asks
    the store as seldom as for new requests. A key that cannot be read opens nothing, so what it opened ends.
    """

    def __init__(self, refusal: Callable[[str], Awaitable[Refused | None]], *, look_s: float = LOOK_S) -> None:
        self._refusal = refusal
        self._look_s = look_s
        self._here: defaultdict[str, set[_Stay]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    def begin(self, scope: Scope, key_id: str) -> None:
        """From now on a request stays as long as this key is taken."""
        stay: _Stay | None = scope.get(_STAY)
        if stay is None:
            return
        self._here[key_id].add(stay)
        stay.leave = lambda: self._leave(key_id, stay)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def _leave(self, key_id: str, stay: _Stay) -> None:
        self._here[key_id].discard(stay)
        if not self._here[key_id]:
            del self._here[key_id]

    async def _look(self) -> None:
        try:
            while self._here:
                await asyncio.sleep(self._look_s)
                for key_id in list(self._here):
                    if (refused := await self._refused(key_id)) is not None:
                        for stay in self._here.pop(key_id, ()):
                            stay.end(refused)
        finally:
            self._looking = None

    async def _refused(self, key_id: str) -> Refused | None:
        try:
            return await self._refusal(key_id)
        except StoreUnavailable:
            return None
        except (RouterError, LookupError, ValueError) as why:  # of this key alone: those of others are looked at next
            log.logger().warning("key.unreadable", key=key_id, kind=type(why).__name__)
            return refusal(why if isinstance(why, RouterError) else RouterError())


class Staying:
    """ASGI middleware: what was not answered yet when its caller had to leave is refused, what had begun ends there."""

    def __init__(self, app: ASGIApp, *, say_s: float = SAY_S) -> None:
        self._app = app
        self._say_s = say_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stay = scope[_STAY] = _Stay(send)
        try:
            await self._app(scope, receive, stay.send)
        except asyncio.CancelledError as cut:
            if stay.refused is None:
                raise
            stay.task.uncancel()
            try:
                async with asyncio.timeout(self._say_s):
                    await stay.say_why(scope, receive)
            except TimeoutError:
                raise cut from None
        finally:
            stay.leave()


class _Stay:
    """One request; the task that answers it is that which it is made in."""

    def __init__(self, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None, "requests are answered in tasks"
        self.task = task
        self.refused: Refused | None = None
        self.leave: Callable[[], None] = lambda: None
        self._send = send
        self._begun = self._ended = False

    async def send(self, message: Message) -> None:
        self._begun = True
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    def end(self, refused: Refused) -> None:
        self.refused = refused
        self.leave = lambda: None
        self.task.cancel()

    async def say_why(self, scope: Scope, receive: Receive) -> None:
        if not self._begun:
            assert self.refused is not None
            await problem(Request(scope), self.refused)(scope, receive, self.send)
        elif not self._ended:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})
