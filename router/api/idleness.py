"""How long a client is waited for that neither sends nor reads."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Message, Receive, Send

IDLE_S: Final = 60.0
"""As long as a client may take between two parts of a body."""


class Idleness:
    """
    Of one request that is answered while it is read: who sends without reading is waited for, and so is who reads what
    was sent before; who does neither for *seconds* is let go.
    """

    def __init__(self, *, seconds: float = IDLE_S) -> None:
        self._seconds = seconds
        self._limit: asyncio.Timeout | None = None

    def hearing(self, receive: Receive) -> Receive:
        """Receive as *receive* does; what comes gives the client its time anew."""

        async def heard() -> Message:
            message = await receive()
            if self._limit is not None and not self._limit.expired():
                self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
            return message

        return heard

    def sending(self, send: Send) -> Send:
        """Send as *send* does. Its sending raises: CancelledError for who is let go, as where a process drains."""

        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds) as self._limit:
                    await send(message)
            except TimeoutError:
                raise asyncio.CancelledError("nobody reads what is sent") from None
            finally:
                self._limit = None

        return sent
