"""The few files that pages need beside themselves: one sheet of styles, one small script, one picture."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from ..api.problems import Refused

routes = APIRouter(prefix="/assets", include_in_schema=False)

_KINDS: Final = {
    "board.css": "text/css; charset=utf-8",
    "board.js": "text/javascript; charset=utf-8",
    "router.svg": "image/svg+xml",
}
_KEPT: Final = "public, max-age=31536000, immutable"
_HEADERS: Final = {
    "cache-control": _KEPT,
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


@routes.get("/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """A file under an address that changes with it; needs no key."""
    if name not in _KINDS or digest != _read(name)[1]:
        raise Refused(404, "unknown_asset", "there is no such file; reload the page")
    return Response(_read(name)[0], media_type=_KINDS[name], headers=_HEADERS)


def address(name: str) -> str:
    return f"{routes.prefix}/{_read(name)[1]}/{name}"


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (files(__package__) / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]
