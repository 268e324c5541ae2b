"""
Tiered routing and escalation for language-model work.

A producer needs `Client` or `AsyncClient`; they are loaded when first asked for, so that `import router` costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient as AsyncClient
    from .async_client import AsyncHandle as AsyncHandle
    from .client import Client as Client
    from .client import Handle as Handle
    from .result import Result as Result

__version__ = "0.1.0"
__all__ = ["AsyncClient", "AsyncHandle", "Client", "Handle", "Result", "__version__"]

_HOMES = {
    "AsyncClient": "async_client",
    "AsyncHandle": "async_client",
    "Client": "client",
    "Handle": "client",
    "Result": "result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'router' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
