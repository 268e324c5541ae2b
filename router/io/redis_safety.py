"""Whether a server keeps what it acknowledges."""

from __future__ import annotations

from ..errors import StoreUnsafe
from ..health.server import keeping
from ..health.sign import Level
from .server_facts import read_server, shown


def require_safe(url: str) -> None:
    """Refuse a server that would lose tasks or money. Raises: StoreUnsafe, naming each setting; StoreUnavailable."""
    signs = keeping(read_server(url))
    if wrong := [f"{sign.seen}: {sign.advice}" for sign in signs if sign.level is Level.PROBLEM]:
        raise StoreUnsafe(f"Redis at {shown(url)} would lose tasks: {'; '.join(wrong)} (or start with --unsafe)")
