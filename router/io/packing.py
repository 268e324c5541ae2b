"""How values lie in Redis: a byte for the format, then compressed JSON."""

from __future__ import annotations

import zlib

from ..errors import FormatTooNew
from ..formats import FORMAT

_DICTIONARY = (
    b'{"input":{"text":"","subject":"","photo":""},"metadata":{}}'
    b'{"answer":{"finish_reason":"tool_calls","text":"{\\"label\\":\\"","tokens":[{"text":"","logprob":-0.0,"size":1},'
    b'"usage":{"input_tokens":,"cached_input_tokens":,"output_tokens":},"model":"","request_id":"","latency_ms":},'
    b'"spent":{"failure":{"kind":"rate_limit","message":"","billed":"no","status":429,"retry_after_s":}'
    b'{"number":2,"tier":"small","why":"escalate"{"number":1,"tier":"mini","why":"first",'
    b'"answer":{"output":{"name":"","arguments":{},"merchant":"","date":"2026-","total":,"currency":"","items":null},'
    b'"confidence":{"label":0.9,"merchant":0.9,"date":1.0,"total":0.99,"currency":1.0}},'
    b'"verdict":{"outcome":"unsure","outcome":"fail","reason":"confidence  in  is below ","outcome":"pass","findings":['
    b'{"check":"refusal","outcome":"pass"},{"check":"schema","outcome":"pass"},{"check":"grounding","outcome":"pass"},'
    b'{"check":"confidence","outcome":"pass"}]},"calls":[{"call":"","purpose":"answer","tier":"mini","model":"openai/gpt-'
    b'4o-mini","cost_nusd":,"usage":{"input_tokens":,"output_tokens":},"latency_ms":}],"started_ms":17,"ended_ms":17}'
)
"""Text that tasks have in common: small values shrink to half. Never changed: another one is another format."""


def pack(text: str | bytes, format: int = 1) -> bytes:
    """Compress *text*, with the format of what it says in front: the lowest that says it, see `formats`."""
    data = text.encode() if isinstance(text, str) else text
    squeeze = zlib.compressobj(level=6, wbits=-15, zdict=_DICTIONARY)
    return bytes([format]) + squeeze.compress(data) + squeeze.flush()


def unpack(stored: bytes, what: str = "a stored value", *, reads: int = FORMAT) -> bytes:
    """
    Read a value of a format up to *reads*; *what* it is goes into the message.

    Raises: FormatTooNew, ValueError for a value that is not whole.
    """
    require_format(stored[0] if stored else 0, what, reads=reads)
    unfolded = zlib.decompressobj(wbits=-15, zdict=_DICTIONARY)
    data = unfolded.decompress(stored[1:])
    if not unfolded.eof:
        raise ValueError(f"{what} ends after {len(stored)} bytes, in the middle of its data")
    return data


def require_format(found: int, what: str, *, reads: int = FORMAT) -> None:
    """Raises: FormatTooNew, ValueError for a number that no version ever wrote."""
    if found < 1:
        raise ValueError(f"{what} has no format in front: it was not written by this service")
    if found > reads:
        raise FormatTooNew(too_new(f"{what} is of format {found}, and this process reads formats up to {reads}"))


def too_new(said: str) -> str:
    return f"{said}: upgrade this process to the version that wrote it; processes of that version can read it meanwhile"
