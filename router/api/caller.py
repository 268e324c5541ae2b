"""Who calls: a bearer key becomes a caller, whose tenant is the key's alone."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import Scope as AsgiScope

from ..apikey import Scope, Token, Unusable
from ..errors import StoreUnavailable
from ..io.commands.key import KeyCommands, Known
from ..io.redis_link import AsyncLink
from ..values import iso
from .backend import Backend
from .pace import Pace
from .problems import Refused, answers
from .stay import LOOK_S, Stays

T = TypeVar("T")

KNOWN_S = 5.0
"""How long a process goes by what it knows of a key: a revocation takes effect within that time."""
KNOWN_MAX = 10_000
"""Keys that a process knows, and ids that it knows to be nobody's: whoever guesses costs Redis and memory little."""
NOTED_S = 60.0
"""A key's last use is noted once in that time."""

GUARDED = answers(401, 403, 422, 429)
"""What a route that needs a caller may answer with; for its `responses`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who calls. `requests_per_minute` and `waiting_max` (tasks that have not ended) are limits of the tenant.

    `key_id` is None where nobody needs a key.
    """

    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    requests_per_minute: int | None = None
    waiting_max: int | None = None

    def may(self, scope: Scope) -> bool:
        """Tell whether the caller's key has a scope."""
        return scope in self.scopes

    def sees(self, tenant: str) -> bool:
        """Tell whether costs, budgets, queues and dead letters of a tenant are the caller's to read."""
        return tenant == self.tenant or Scope.ADMIN in self.scopes


ANYBODY = Caller(tenant="default", scopes=frozenset(Scope))
"""Who calls where nobody needs a key."""


class Fresh(Generic[T]):
    """What was found out lately: the newest *most* of it, for *seconds*."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._found: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, name: str, now_s: float) -> T | None:
        at_s, found = self._found.get(name, (0.0, None))
        return found if now_s - at_s < self._seconds else None

    def put(self, name: str, now_s: float, found: T) -> None:
        self._found[name] = (now_s, found)
        self._found.move_to_end(name)
        if len(self._found) > self._most:
            self._found.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Read:
    """What the store said, and when by the clock of this process."""

    known: Known
    at_s: float

    def now_ms(self, now_s: float) -> int:
        """The time by the clock of the store, which all processes share."""
        return self.known.now_ms + int((now_s - self.at_s) * 1000)


class Keyring:
    """Knows the keys of one process's callers."""

    def __init__(
        self, link: AsyncLink, commands: KeyCommands, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._link = link
        self._commands = commands
        self._clock_s = clock_s
        self._known: Fresh[_Read] = Fresh(KNOWN_S, KNOWN_MAX)
        self._nobody: Fresh[bool] = Fresh(KNOWN_S, KNOWN_MAX)
        self._noted: Fresh[bool] = Fresh(NOTED_S, KNOWN_MAX)

    async def caller(self, shown: str) -> Caller:
        """Say whose token this is. Raises: Refused, StoreUnavailable."""
        token = Token.parse(shown)
        read = await self._read(token.id) if token is not None else None
        if token is None or read is None or not read.known.key.is_of(token):
            raise _stranger()
        if (refused := self._judged(read)) is not None:
            raise refused
        await self._note(read.known.key.id)
        return _caller(read.known)

    async def refusal(self, key_id: str) -> Refused | None:
        """Why a key that was taken is not taken any more; None where it is. Raises: StoreUnavailable."""
        read = await self._read(key_id)
        return _stranger() if read is None else self._judged(read)

    def _judged(self, read: _Read) -> Refused | None:
        key = read.known.key
        match key.unusable(read.now_ms(self._clock_s())):
            case Unusable.REVOKED:
                return _stranger()
            case Unusable.EXPIRED:  # whoever holds the secret may know
                return _unauthorized(f"this API key expired at {iso(key.expires_ms or 0)}; have a new one made")
        return None

    async def _read(self, key_id: str) -> _Read | None:
        now_s = self._clock_s()
        if read := self._known.get(key_id, now_s):
            return read
        if self._nobody.get(key_id, now_s):
            return None
        known = await self._link.run(self._commands.find(key_id))
        if known is None:
            self._nobody.put(key_id, now_s, True)
            return None
        read = _Read(known, now_s)
        self._known.put(key_id, now_s, read)
        return read

    async def _note(self, key_id: str) -> None:
        now_s = self._clock_s()
        if not self._noted.get(key_id, now_s):
            self._noted.put(key_id, now_s, True)
            await self._link.run(self._commands.used(key_id))


class Door:
    """Who may come in, how often, and how long they stay."""

    def __init__(
        self, backend: Backend, *, clock_s: Callable[[], float] = time.monotonic, look_s: float = LOOK_S
    ) -> None:
        commands = KeyCommands(prefix=backend.settings.prefix)
        self._insecure = backend.insecure
        self._keyring = Keyring(backend.link, commands, clock_s=clock_s)
        self._pace = Pace(backend.link, commands)
        self._stays = Stays(self._keyring.refusal, look_s=look_s)

    async def let_in(self, request: Request, shown: str | None) -> Caller:
        """Say who calls. Raises: Refused, StoreUnavailable."""
        if self._insecure:
            return ANYBODY
        if shown is None:
            raise _stranger()
        caller = await self._keyring.caller(shown)
        await self._pace.step(request, caller.tenant, caller.requests_per_minute)
        return caller

    def stay(self, scope: AsgiScope, caller: Caller) -> None:
        """From now on a request goes on as long as its caller's key is taken."""
        if caller.key_id is not None:
            self._stays.begin(scope, caller.key_id)


_CALLER = "router.caller"
_NEEDED: Final[dict[object, frozenset[Scope]]] = {}
_BEARER = HTTPBearer(auto_error=False, description="An API key, made with `router key create`.")


async def _calling(
    request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    """Asked once a request, however many of its parts need the caller."""
    if _CALLER not in request.scope:
        door: Door = request.app.state.door
        request.scope[_CALLER] = await door.let_in(request, shown.credentials if shown is not None else None)
        door.stay(request.scope, request.scope[_CALLER])
    caller: Caller = request.scope[_CALLER]
    return caller


async def let_in(request: Request, needs: Iterable[frozenset[Scope]]) -> None:
    """Look at who calls before anything else of a request. Raises: Refused, StoreUnavailable."""
    calling = await _calling(request, await _BEARER(request))
    for any_of in needs:
        _check(calling, any_of)


def needs(*scopes: Scope) -> Callable[..., Awaitable[Caller]]:
    """Make a dependency that gives the caller of a request, if the caller's key has one of those scopes."""
    any_of = frozenset(scopes)

    async def caller(calling: Annotated[Caller, Depends(_calling)]) -> Caller:
        _check(calling, any_of)
        return calling

    _NEEDED[caller] = any_of
    return caller


def needed(dependant: Dependant) -> set[frozenset[Scope]]:
    """What scopes a route's parts need: one of each set."""
    own = {_NEEDED[dependant.call]} if dependant.call in _NEEDED else set()
    return own.union(*map(needed, dependant.dependencies))


def needs_unless_away(*scopes: Scope) -> Callable[..., Awaitable[Caller | None]]:
    """
    As `needs`, but with None where the store is away: a key that is formed like one cannot be looked up then, and who
    shows it is told nothing but what this process knows of itself.
    """
    any_of = frozenset(scopes)

    async def caller(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Caller | None:
        try:
            calling = await _calling(request, shown)
        except StoreUnavailable:
            return None
        _check(calling, any_of)
        return calling

    return caller


def _check(caller: Caller, any_of: frozenset[Scope]) -> None:
    if not any_of & caller.scopes:
        raise _lacking(caller, any_of)


def _caller(known: Known) -> Caller:
    return Caller(
        tenant=known.key.tenant,
        scopes=frozenset(known.key.scopes),
        key_id=known.key.id,
        requests_per_minute=known.limits.requests_per_minute,
        waiting_max=known.limits.waiting_max,
    )


def _stranger() -> Refused:
    """The same for all whom we do not know: it must not tell who guesses how near they came."""
    return _unauthorized(
        "send an API key that is in use, as `Authorization: Bearer rk_...`; `router key create` makes one"
    )


def _unauthorized(detail: str) -> Refused:
    return Refused(401, "unauthorized", detail, headers={"www-authenticate": "Bearer"})


def _lacking(caller: Caller, any_of: frozenset[Scope]) -> Refused:
    wanted = " or ".join(repr(scope.value) for scope in Scope if scope in any_of)
    has = ", ".join(sorted(caller.scopes))
    return Refused(403, "scope_missing", f"this needs an API key with the scope {wanted}; yours has {has}")
