"""Why a call got no reply, told from the facts on the wire first and from the exception only where it must."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from time import time

import aiohttp
import httpx
import openai

from ..call import Billed, Failure, FailureKind
from .litellm_wire import AnswerCompressed, AnswerTooLarge, Redirected, SecondRequest, Wire

_RETRY_AFTER_MAX_S = 86_400.0
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
"""What a provider's error code looks like; anything else may be an echo of the prompt or of a key."""

_BY_CODE = {
    (429, "insufficient_quota"): FailureKind.QUOTA,
    (429, "resource_unavailable"): FailureKind.OVERLOAD,
    (400, "context_length_exceeded"): FailureKind.CONTEXT_WINDOW,
    (400, "content_policy_violation"): FailureKind.CONTENT_POLICY,
    (400, "content_filter"): FailureKind.CONTENT_POLICY,
    (400, "invalid_prompt"): FailureKind.CONTENT_POLICY,
}

_BY_STATUS = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,
    429: FailureKind.RATE_LIMIT,
    503: FailureKind.OVERLOAD,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOAD,
}

_BY_EXCEPTION: tuple[tuple[type[BaseException], FailureKind, str], ...] = (
    (SecondRequest, FailureKind.INTERNAL, "litellm tried to send a second request; it was stopped"),
    (Redirected, FailureKind.NOT_FOUND, "the provider redirects elsewhere; put the final address into api_base"),
    (AnswerTooLarge, FailureKind.MALFORMED, "the answer is larger than 8 MB"),
    (AnswerCompressed, FailureKind.MALFORMED, "the answer is compressed though identity was asked for"),
    (TimeoutError, FailureKind.TIMEOUT, "no full answer within the time given"),
    (httpx.TimeoutException, FailureKind.TIMEOUT, "no full answer within the time given"),
    (aiohttp.InvalidURL, FailureKind.BAD_REQUEST, "api_base is no http address"),
    (aiohttp.NonHttpUrlClientError, FailureKind.BAD_REQUEST, "api_base is no http address"),
    (aiohttp.ClientResponseError, FailureKind.MALFORMED, "the answer is no HTTP"),
    (aiohttp.ClientConnectorError, FailureKind.NETWORK, "no connection to the provider"),
    (aiohttp.ClientError, FailureKind.NETWORK, "the connection broke"),
    (httpx.TransportError, FailureKind.NETWORK, "the connection broke"),
)
"""In order: the first line that fits anything in the chain of causes speaks."""


def failure(exc: BaseException, wire: Wire, *, latency_ms: int) -> Failure:
    """Make a failure of whatever litellm raised. Nothing of the exception's text is kept: it may hold the prompt."""
    kind, message = _explain(exc, wire)
    return Failure(
        kind=kind,
        message=message,
        billed=_billed(wire),
        status=wire.status,
        retry_after_s=retry_after_s(wire.headers),
        request_id=request_id(wire.headers),
        latency_ms=latency_ms,
    )


def unusable(message: str, wire: Wire, *, latency_ms: int) -> Failure:
    """Make a failure of an answer that came but can not be read."""
    return Failure(
        kind=FailureKind.MALFORMED,
        message=message,
        billed="unknown",
        status=wire.status,
        request_id=request_id(wire.headers),
        latency_ms=latency_ms,
    )


def unsent(kind: FailureKind, message: str) -> Failure:
    """Make a failure of a call that never left."""
    return Failure(kind=kind, message=message, billed="no")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Give the provider's own name for the request, to quote in a complaint."""
    found = headers.get("x-request-id") or headers.get("request-id")
    return found[:128].encode("ascii", "replace").decode() if found else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read `retry-after-ms`, or `Retry-After` in seconds or as a date; nonsense is None, a day is the most."""
    if (wait_ms := _number(headers.get("retry-after-ms"))) is not None:
        return _clamped(wait_ms / 1000)
    after = headers.get("retry-after")
    if (wait_s := _number(after)) is not None:
        return _clamped(wait_s)
    until = _date(after)
    return None if until is None else _clamped(until - time())


def _explain(exc: BaseException, wire: Wire) -> tuple[FailureKind, str]:
    """Prefer the true status; then what broke on the way; a 2xx that nothing broke is no answer litellm can read."""
    causes = tuple(_causes(exc))
    if wire.status is not None and wire.status >= 400:
        return _explain_status(wire.status, _code(causes))
    for kind_of, kind, message in _BY_EXCEPTION:
        if any(isinstance(cause, kind_of) for cause in causes):
            return kind, message
    if wire.status is not None:
        return FailureKind.MALFORMED, f"HTTP {wire.status}, but not a chat completion"
    return _explain_unmade(exc, causes)


def _explain_unmade(exc: BaseException, causes: tuple[BaseException, ...]) -> tuple[FailureKind, str]:
    if isinstance(exc, openai.BadRequestError):
        return FailureKind.BAD_REQUEST, "litellm does not know the provider of that model; write provider/model"
    if any(isinstance(cause, UnicodeEncodeError) for cause in causes):
        return FailureKind.BAD_REQUEST, "the prompt holds a lone surrogate and has no UTF-8 form"
    return FailureKind.INTERNAL, f"the request could not be made ({type(exc).__name__})"


def _explain_status(status: int, code: str | None) -> tuple[FailureKind, str]:
    default = FailureKind.SERVER if status >= 500 else FailureKind.BAD_REQUEST
    kind = _BY_CODE.get((status, code or "")) or _BY_STATUS.get(status, default)
    return kind, f"HTTP {status} {code}" if code else f"HTTP {status}"


def _billed(wire: Wire) -> Billed:
    """Say "no" only when sure: nothing left this machine, or the provider refused (a 408 may come after the work)."""
    stayed = not wire.sent and (wire.watched or wire.requests > 0)
    refused = wire.status is not None and 400 <= wire.status < 500 and wire.status != 408
    return "no" if stayed or refused else "unknown"


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to what caused it; litellm's own classes are guesses and are passed over."""
    seen: set[int] = set()
    cause: BaseException | None = exc
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if not type(cause).__module__.startswith("litellm"):
            yield cause
        cause = cause.__cause__ or cause.__context__


def _code(causes: tuple[BaseException, ...]) -> str | None:
    bodies = (cause.body for cause in causes if isinstance(cause, openai.APIError))
    codes = (body.get("code") for body in bodies if isinstance(body, dict))
    return next((code for code in codes if isinstance(code, str) and len(code) <= 40 and _CODE.fullmatch(code)), None)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) else None


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _clamped(wait_s: float) -> float:
    return min(max(wait_s, 0.0), _RETRY_AFTER_MAX_S)
