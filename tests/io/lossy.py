"""A way to a Unix socket on which a reply gets lost: the server has done what it was asked, and nobody hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

_CHUNK = 1 << 16


class LossyWay:
    """
    Passes bytes between clients and the server at *target*. After `lose_next()`, the reply to the next script call is
    swallowed and its connection cut; `lost` counts these.
    """

    def __init__(self, target: str, socket: Path) -> None:
        self._target = target
        self._socket = socket
        self._losing = False
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._pass, self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def lose_next(self) -> None:
        self._losing = True

    async def _pass(self, asking: asyncio.StreamReader, answering: asyncio.StreamWriter) -> None:
        replies, commands = await asyncio.open_unix_connection(self._target)
        try:
            while asked := await asking.read(_CHUNK):
                commands.write(asked)
                reply = await replies.read(_CHUNK)
                if self._losing and b"EVALSHA" in asked:
                    self._losing = False
                    self.lost += 1
                    return
                answering.write(reply)
        finally:
            answering.close()
            commands.close()
