"""Who looks at a page: an API key in a cookie, which the browser sends to nobody else."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from ..api.caller import Caller, Door
from ..api.problems import Refused
from ..apikey import Scope
from ..errors import RouterError
from .form import Form, read_form

Theme: TypeAlias = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")

_VISITOR: Final = "router.visitor"
_KEY: Final = "router-key"
_MARK: Final = "router-form"
_THEME: Final = "router-theme"
_MARK_BYTES: Final = 32
_KEPT_S: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    `caller` is None for who has not signed in. Forms carry `mark`, which only pages of ours know; `fresh` says that
    the browser has yet to be told it. `doors` says that there is something to sign out of.
    """

    caller: Caller | None
    mark: str
    fresh: bool
    theme: Theme
    doors: bool

    def may(self, *scopes: Scope) -> bool:
        """Tell whether the visitor's key has one of these scopes."""
        return self.caller is not None and any(self.caller.may(scope) for scope in scopes)

    @property
    def sees_all(self) -> bool:
        """Whether what is of all tenants may be shown: queues, workers, alarms."""
        return self.may(Scope.ADMIN, Scope.METRICS)


async def recognised(request: Request) -> Visitor:
    """Say who looks. Raises: Refused for a key that is not taken any more, StoreUnavailable."""
    door: Door = request.app.state.door
    shown = request.cookies.get(_named(request, _KEY))
    open_to_all = bool(request.app.state.backend.insecure)
    caller = await door.let_in(request, shown) if shown or open_to_all else None
    return _visitor(request, caller, doors=not open_to_all)


async def looked_up(request: Request) -> Visitor:
    """Say who looks at a page on which nobody has to have signed in; looked up once a request."""
    found: Visitor | None = request.scope.get(_VISITOR)
    if found is not None:
        return found
    try:
        return await recognised(request)
    except (Refused, RouterError):
        return stranger(request)


def stranger(request: Request) -> Visitor:
    """A visitor of whom nothing is known but what a browser says by itself."""
    return _visitor(request, None, doors=not request.app.state.backend.insecure)


def _visitor(request: Request, caller: Caller | None, *, doors: bool) -> Visitor:
    mark = request.cookies.get(_named(request, _MARK), "")
    fresh = len(mark) < _MARK_BYTES
    theme = request.cookies.get(_THEME, "")
    return Visitor(
        caller=caller,
        mark=secrets.token_urlsafe(_MARK_BYTES) if fresh else mark,
        fresh=fresh,
        theme=next((known for known in THEMES if known == theme), "auto"),
        doors=doors,
    )


async def _guest(request: Request) -> Visitor:
    """A visitor who has signed in. Raises: Refused."""
    visitor = request.scope[_VISITOR] = await recognised(request)
    if visitor.caller is None:
        raise Refused(401, "unauthorized", "sign in with an API key")
    return visitor


Anybody = Annotated[Visitor, Depends(stranger)]
Guest = Annotated[Visitor, Depends(_guest)]


def require(visitor: Visitor, *scopes: Scope) -> Caller:
    """The visitor as a caller with one of these scopes. Raises: Refused."""
    if visitor.caller is None or not visitor.may(*scopes):
        names = " or ".join(scope.value for scope in scopes)
        raise Refused(403, "scope_missing", f"this page needs an API key with the scope {names}")
    return visitor.caller


async def submitted(request: Request, visitor: Visitor) -> Form:
    """A form that a page of ours has sent. Raises: Refused for one that came from elsewhere."""
    form = await read_form(request)
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if elsewhere or visitor.fresh or not hmac.compare_digest(form.one("mark").encode(), visitor.mark.encode()):
        raise Refused(403, "form_expired", "this form is not of a page that is open here; go back, reload, send again")
    return form


def keep_key(request: Request, response: Response, token: str) -> None:
    """Have the browser show the key from now on, until it is closed."""
    _keep(request, response, _KEY, token)


def forget_key(request: Request, response: Response) -> None:
    _keep(request, response, _KEY, "", max_age=0)


def keep_mark(request: Request, response: Response, visitor: Visitor) -> None:
    if visitor.fresh:
        _keep(request, response, _MARK, visitor.mark)


def keep_theme(response: Response, theme: str) -> None:
    response.set_cookie(_THEME, theme, max_age=_KEPT_S, httponly=True, samesite="strict")


def _keep(request: Request, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    response.set_cookie(
        _named(request, name),
        value,
        max_age=max_age,
        secure=not _loopback(request),
        httponly=True,
        samesite="strict",
    )


def _named(request: Request, name: str) -> str:
    """With a prefix that browsers take from this very host alone, over TLS; on this machine there is none."""
    return name if _loopback(request) else f"__Host-{name}"


def _loopback(request: Request) -> bool:
    host = request.url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
