"""A process that serves HTTP until SIGTERM or Ctrl-C, which drains it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.middleware import Middleware

from .. import log
from ..errors import SettingsInvalid
from ..settings import Settings
from .app import create_app
from .backend import open_backend
from .head import BoundedHead
from .news import Newsroom
from .thismachine import ThisMachine, is_loopback

_DRAIN_S = 10
"""After this long, streams and waiters that are still open are cut: their tasks go on, and can be asked for again."""
_KEEP_ALIVE_S = 75
"""Longer than load balancers keep a connection, so that it is they who close it."""
_BACKLOG = 2048
_STOPS = (signal.SIGTERM, signal.SIGINT)


def listen(host: str, port: int, *, insecure: bool) -> socket.socket:
    """
    Bind the address; port 0 takes a free one.

    Raises: SettingsInvalid where it is taken, or where *insecure* would open it to others than this machine.
    """
    if insecure and not is_loopback(host):
        raise SettingsInvalid(
            f"--insecure lets everybody in who reaches {host}; bind 127.0.0.1, or make keys with `router key create`"
        )
    try:
        return socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
    except OSError as why:
        raise SettingsInvalid(f"cannot listen on {host} port {port}: {why.strerror}; choose another --port") from None


def serve(settings: Settings, listening: socket.socket, *, insecure: bool, furnish: Callable[[FastAPI], None]) -> None:
    """Serve until told to stop; *furnish* adds to the application what stands above it, such as the dashboard."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listening, insecure=insecure, furnish=furnish))


async def _serve(
    settings: Settings, listening: socket.socket, *, insecure: bool, furnish: Callable[[FastAPI], None]
) -> None:
    async with open_backend(settings, insecure=insecure) as backend:
        app = create_app(backend)
        furnish(app)
        if insecure:
            app.user_middleware.append(Middleware(ThisMachine))  # innermost: what it refuses has an id and is logged
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            http=BoundedHead,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_DRAIN_S,
        )
        server = _Server(config, app.state.newsroom)
        loop = asyncio.get_running_loop()
        for signum in _STOPS:
            loop.add_signal_handler(signum, server.handle_exit, signum, None)
        host, port = listening.getsockname()[:2]
        log.logger().info("http.listening", host=host, port=port, insecure=insecure)
        await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """
    uvicorn's own handlers raise the signal again when all is done, and would end the process before its clean-up. Who
    listens to a task's moves would keep it waiting: they are let go at once, and go on at another process.
    """

    def __init__(self, config: uvicorn.Config, newsroom: Newsroom) -> None:
        super().__init__(config)
        self._newsroom = newsroom
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._newsroom.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _is_no_cut(record: logging.LogRecord) -> bool:
    """Who is cut when the time to drain is over is told in one line, not with a traceback for each."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
