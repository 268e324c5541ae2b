"""What is said of a policy that is not published: which ones are, for callers can start no worker."""

from __future__ import annotations

from typing import Final

from ..apikey import Scope
from ..errors import UnknownPolicy
from ..problem import closest
from .backend import Backend
from .caller import Caller

_NAMED_MAX: Final = 10


async def unknown_policy(backend: Backend, caller: Caller, name: str) -> UnknownPolicy:
    """The error for a policy of a name that nothing is published under; names are told to whoever may list them."""
    if not caller.may(Scope.READ):
        hint = f"GET /v1/policies lists them, to keys with the scope {Scope.READ.value!r}"
    else:
        hint = _hint(name, sorted(await backend.client.policies()))
    return UnknownPolicy(f"no policy {name!r} is published; {hint}")


def _hint(name: str, published: list[str]) -> str:
    if not published:
        return "none is"
    near = closest(name, published)
    return f"did you mean {near!r}?" if near else f"there are {_named(published)}"


def _named(published: list[str]) -> str:
    rest = len(published) - _NAMED_MAX
    return ", ".join(map(repr, published[:_NAMED_MAX])) + (f" and {rest:,} more" if rest > 0 else "")
