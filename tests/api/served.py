"""The application behind a real socket: streams both ways, which no transport inside the process can do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
from fastapi import FastAPI

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.io.redis_keys import Keys
from router.io.redis_link import Command


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve on a free port of this machine, in the test's own event loop; the address."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def heard(port: int, *pieces: bytes) -> bytes:
    """What the service on a port says until it closes, after each piece has left by itself."""
    loop, said = asyncio.get_running_loop(), b""
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(ConnectionError):
        connection.setblocking(False)
        for piece in pieces:
            await loop.sock_sendall(connection, piece)
        while data := await loop.sock_recv(connection, 65536):
            said += data
    return said


@asynccontextmanager
async def a_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that waits as long as it takes, on as many connections as it needs."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        yield client


@asynccontextmanager
async def elsewhere(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another process of the same service, which has seen nothing yet."""
    async with open_backend(backend.settings, insecure=True) as other:
        transport = httpx.ASGITransport(create_app(other))
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as client:
            yield client


async def forget(backend: Backend, task_id: str) -> None:
    """Take the record of a task away, as its time does."""
    keys = Keys(backend.settings.prefix)
    names = (keys.task(task_id), keys.input(task_id), keys.trail(task_id))
    await backend.link.run(Command(("UNLINK", *names), lambda reply: reply))
