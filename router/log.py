"""Structured logging: every event has a row in the table below; prompts, outputs and keys are never logged."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Final, TextIO

import structlog

# event                  level    when
# attempt.ended          info     a tier was asked and its answer judged
# call.refused           info     a budget or a rate left no room for a call; its task waits
# task.moved             info     a task went on, or ended, without being asked anything
# task.lost              warning  a shift's lease of a task was gone; its work is dropped, its money booked
# task.left              warning  a task was left to others: a newer version wrote it; once for each version of a policy
# task.surprise          error    an unforeseen exception while carrying a task; the sweep puts it back
# price.unknown          error    no price of a tier's model is in force; the call was not sent
# call.overrun           error    a provider charged more than the proven worst case
# shift.started          info     a shift begins to claim
# shift.draining         info     no new claims; calls in flight finish
# shift.ended            info     all leases are finished or released
# shift.died             warning  a shift's process ended by itself; its tasks were taken back, to run alone
# sweep.found            info     a sweep put something back
# sweep.failed           warning  a sweep could not reach Redis; the next one tries again
# count.failed           warning  the ledger could not be counted, for want of Redis or of a newer version; tried again
# count.surprise         error    an unforeseen exception while counting the ledger; its counters stand still
# worker.started         info     a supervised process runs
# worker.died            warning  a supervised process ended unasked; it is started again
# process.failed         error    an unforeseen exception ended a supervised process
# alarm                  warning  a budget, a breaker, escalations, a webhook or the ledger need somebody to look
# webhook.sent           info     a webhook was told of a task, or not: its status says which
# webhook.left           warning  a webhook was left to others: a newer version wrote its task; its lease runs out
# webhook.surprise       error    an unforeseen exception while telling a webhook; its lease runs out
# policies.published     info     a worker made its folder's versions current
# http.listening         info     the HTTP service takes requests
# http.answered          info     a request was answered; the route and the status, nothing of its contents
# http.surprise          error    an unforeseen exception in a request; it was answered with status 500
# key.unreadable         warning  an API key is of a newer version, or its record broken; requests it opened end
# store.unreachable      warning  Redis did not answer; tried again
# library.warned         warning  RQ, redis or asyncio warn: which, where, and in what words, without the values in them
# library.failed         error    as that, of an error


def configure(level: str = "info", *, console: bool | None = None, stream: TextIO | None = None) -> None:
    """Set structlog up: JSON lines, or coloured text where *stream* (default: standard error) is a terminal."""
    out = stream or sys.stderr
    if console if console is not None else out.isatty():
        renderers: list[Any] = [_without_orders, structlog.dev.ConsoleRenderer()]
        factory: Any = structlog.PrintLoggerFactory(out)
    else:
        renderers = [structlog.processors.JSONRenderer(serializer=_line)]
        factory = structlog.BytesLoggerFactory(out.buffer)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_its_words,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _take_over()


_LIBRARIES: Final = ("rq", "redis", "asyncio")
"""Whose loggers would write lines of their own between ours."""


def _take_over() -> None:
    """Make what libraries log events of ours, from warnings on."""
    for name in _LIBRARIES:
        theirs = logging.getLogger(name)
        theirs.handlers = [_Library(logging.WARNING)]
        theirs.propagate = False
        theirs.setLevel(logging.WARNING)


class _Library(logging.Handler):
    """Tells who says something, where, and the sentence without its values: they may quote what was asked."""

    def emit(self, record: logging.LogRecord) -> None:
        our_log = logger()
        told: dict[str, Any] = {"library": record.name, "where": f"{record.module}.{record.funcName}"}
        if record.args:  # else the sentence was put together by then, values and all
            told["said"] = record.msg
        if record.exc_info:
            told["exc_info"] = record.exc_info[1]
        if record.levelno >= logging.ERROR:
            our_log.error("library.failed", **told)
        else:
            our_log.warning("library.warned", **told)


def _without_its_words(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell where an exception came from and of what kind it is, never its message: it may quote a prompt or a key."""
    given = event.pop("exc_info", None)
    exc = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    told: list[str] = []
    while exc is not None:
        told.append(
            f"{type(exc).__module__}.{type(exc).__qualname__}\n{''.join(traceback.format_tb(exc.__traceback__))}"
        )
        exc = exc.__cause__ or exc.__context__
    return {**event, "exception": "from ".join(told)} if told else event


_STEERING: Final = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is, and some screens and readers of lines take for an order."""


_ORDERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it, or cannot show."""


def _without_orders(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show what a terminal would obey; the lines of a traceback, which quote nobody, stay lines."""
    return {
        name: _ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
        if isinstance(value, str) and name != "exception"
        else value
        for name, value in event.items()
    }


def _line(event: dict[str, Any], **_: Any) -> bytes:
    """One line of JSON, whatever an event holds."""
    import orjson  # noqa: PLC0415  # only workers log, and only they pay for it

    try:
        line = orjson.dumps(event, default=repr)
    except TypeError:  # a lone surrogate, a number over 64 bits: what is odd must not end who tells of it
        line = json.dumps(event, default=repr, skipkeys=True).encode()
    if line.isascii() and b"\x7f" not in line:
        return line
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()


def logger() -> Any:
    return structlog.get_logger()


def about(**names: str) -> AbstractContextManager[None]:
    """Have every event within, in this task and those that it starts, tell these too."""
    return structlog.contextvars.bound_contextvars(**names)
