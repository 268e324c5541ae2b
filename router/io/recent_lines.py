"""The newest lines of the ledger, for what counters do not tell. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..ledger import Entry
from .ledger_lines import entry
from .redis_keys import Keys
from .redis_link import Command, Flow

PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Recent:
    """Lines, oldest first; `complete` where they reach as far back as was asked for."""

    lines: list[Entry]
    complete: bool


def recent_lines(keys: Keys, *, since_ms: int, at_most: int) -> Flow[Recent]:
    """Read lines back to a time (Unix ms), but not many more than *at_most*: a page at a time."""
    found: list[Entry] = []
    before = "+"
    while len(found) < at_most:
        (page,) = yield [_page(keys.ledger, before, since_ms)]
        found += [line for _, line in page]
        if len(page) < PAGE:
            return Recent(found[::-1], complete=True)
        before = f"({page[-1][0]}"
    return Recent(found[::-1], complete=False)


def _page(ledger: str, before: str, since_ms: int) -> Command[list[tuple[str, Entry]]]:
    words = ("XREVRANGE", ledger, before, since_ms, "COUNT", PAGE)
    return Command(words, lambda reply: [entry(line) for line in reply])
