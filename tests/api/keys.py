"""Applications that need a key, and callers that hold one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import StreamingResponse

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.api.caller import GUARDED, Caller, Door, needs
from router.api.problems import Refused
from router.apikey import CHANCE_BYTES, Scope, Token
from router.io.commands.key import KeyCommands, Wish
from router.io.haste import SILENCE_S
from router.settings import Settings

routes = APIRouter(prefix="/v1/probe", responses=GUARDED)

Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Reviewer = Annotated[Caller, Depends(needs(Scope.REVIEW))]


@routes.get("/me")
async def me(caller: Reader) -> dict[str, Any]:
    return {"tenant": caller.tenant, "scopes": sorted(caller.scopes), "key": caller.key_id}


@routes.get("/review")
async def review(caller: Reviewer) -> str:
    return caller.tenant


@routes.get("/both")
async def both(reader: Reader, reviewer: Reviewer) -> str:
    return reader.tenant


@routes.get("/stream")
async def stream(caller: Reader) -> StreamingResponse:
    return StreamingResponse(iter([b"data: 1\n\n"]), media_type="text/event-stream")


@routes.get("/refused")
async def refused(caller: Reader) -> str:
    raise Refused(404, "unknown_task", "there is no such task")


@routes.get("/broken")
async def broken(caller: Reader) -> str:
    raise KeyError(caller.tenant)


@dataclass
class Stopwatch:
    """The clock of one process; stands still until a test moves it."""

    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


@dataclass(frozen=True)
class Guarded:
    """A process of the service with routes of its own, and whoever makes its keys."""

    backend: Backend
    app: FastAPI
    http: httpx.AsyncClient
    clock: Stopwatch = field(default_factory=Stopwatch)

    @property
    def commands(self) -> KeyCommands:
        return KeyCommands(prefix=self.backend.settings.prefix)

    async def key(self, tenant: str = "acme", *scopes: Scope, **wished: Any) -> Token:
        token = Token.made_of(secrets.token_bytes(CHANCE_BYTES))
        wish = Wish(tenant, scopes or (Scope.READ,), **wished)
        await self.backend.link.run(self.commands.create(token, wish))
        return token

    async def get(self, path: str, token: Token | str | None = None) -> httpx.Response:
        shown = token.text if isinstance(token, Token) else token
        headers = {} if shown is None else {"authorization": f"Bearer {shown}".encode("latin-1")}
        return await self.http.get(f"/v1/probe/{path}", headers=headers)


@asynccontextmanager
async def a_guarded(
    settings: Settings, *, insecure: bool = False, silence_s: float = SILENCE_S
) -> AsyncIterator[Guarded]:
    async with open_backend(settings, insecure=insecure) as backend:
        app, clock = create_app(backend, silence_s=silence_s), Stopwatch()
        app.include_router(routes)
        app.state.door = Door(backend, clock_s=clock)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
            yield Guarded(backend, app, http, clock)
