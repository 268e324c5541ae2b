"""How answers that were paid for lie in Redis until their attempt ends."""

from __future__ import annotations

from pydantic import TypeAdapter

from ..formats import FORMAT, of_answer
from ..ports import Kept
from .packing import pack, unpack

_KEPT = TypeAdapter(Kept)


def pack_kept(kept: Kept) -> bytes:
    return pack(_KEPT.dump_json(kept, exclude_defaults=True), of_answer(kept.answer))


def unpack_kept(stored: bytes, *, reads: int = FORMAT) -> Kept:
    return _KEPT.validate_json(unpack(stored, "the answer kept of an attempt", reads=reads))
