"""How long whoever asks for a person or a program at the other end waits while Redis says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

SILENCE_S: Final = 5.0
"""Shorter than Prometheus (10 s) and load balancers wait, longer than a server stands still that writes to its disk."""

_READING: Final = frozenset(
    ("EXISTS", "GET", "HGET", "HGETALL", "HMGET", "LRANGE", "MGET", "SMEMBERS", "TIME", "XRANGE", "XREVRANGE")
) | frozenset(("ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYSCORE", "ZSCAN", "ZSCORE"))


@dataclass(slots=True)
class Haste:
    """
    One request. It is refused after so long a silence, as long as it has changed nothing: what it sent to be written
    may have been carried out, so from then on it waits (`over`) for as long as everybody else does.
    """

    silence_s: float
    over: bool = False


_HASTE: ContextVar[Haste | None] = ContextVar("router.haste", default=None)


@contextmanager
def hastening(silence_s: float = SILENCE_S) -> Iterator[None]:
    """While entered, what is asked for here, and in tasks that begin here, belongs to one such request."""
    token = _HASTE.set(Haste(silence_s))
    try:
        yield
    finally:
        _HASTE.reset(token)


def haste() -> Haste | None:
    """The request that this is a part of; None where nobody is in haste."""
    return _HASTE.get()


def is_reading(command: str | bytes | int) -> bool:
    """Tell whether a Redis command changes nothing, as far as we use such."""
    return command in _READING
