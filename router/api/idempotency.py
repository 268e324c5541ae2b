"""The header `Idempotency-Key`: the same text is the same key, however it is sent."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Header
from pydantic import AfterValidator

from ..tenant import name_mistake


def _as_utf8(header: str) -> str:
    """Read the bytes that ASGI servers take for Latin-1, and hold them to the rule for keys. Raises: ValueError."""
    try:
        key = header.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8; send ASCII, or the text in UTF-8 as in a body") from None
    if mistake := name_mistake("key", key):
        raise ValueError(mistake)
    return key


Key: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Say the same again under the same key, at any time, and get the same task. ASCII or UTF-8.",
    ),
    AfterValidator(lambda header: None if header is None else _as_utf8(header)),
]
