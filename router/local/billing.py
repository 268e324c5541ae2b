"""
The provider's own bill: one line per billed call, at its own prices, kept apart from anything the router books.

Who puts a name before `/v1` in the URL finds it as the account on each line.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per token, in and out: a dollar per million tokens is a thousand of them."""

    input_nusd: int
    output_nusd: int

    def __call__(self, input_tokens: int, output_tokens: int) -> int:
        """The amount of one call in nano-dollars."""
        return input_tokens * self.input_nusd + output_tokens * self.output_nusd


PRICES = {
    "local-mini": Price(150, 600),  # as gpt-4o-mini: .15 / .60 dollars per million tokens
    "local-small": Price(750, 4_500),  # as gpt-5.4-mini: .75 / 4.50
    "local-large": Price(2_500, 15_000),  # as gpt-5.4: 2.50 / 15
    "local-frontier": Price(5_000, 30_000),  # as gpt-5.5: 5 / 30
}


@dataclass(frozen=True, slots=True)
class Charge:
    """One billed call."""

    call_id: str
    model: str
    input_tokens: int
    output_tokens: int
    account: str = ""

    @property
    def amount_nusd(self) -> int:
        """What the call costs at the list price of its model."""
        return PRICES[self.model](self.input_tokens, self.output_tokens)

    def line(self, at: datetime) -> bytes:
        """The charge as one line of the log."""
        entry = {
            "call_id": self.call_id,
            "account": self.account,
            "model": self.model,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "amount_nusd": self.amount_nusd,
            "at": at.isoformat(),
        }
        return orjson.dumps(entry) + b"\n"


class RequestLog:
    """An append-only file with a line for each request that arrives, billed or not; without a path, nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else _opened(path)

    def arrived(self, call_id: str, account: str, model: str) -> None:
        """Writes one line before anything is done about the request."""
        if self._file is not None:
            entry = {"call_id": call_id, "account": account, "model": model, "at": datetime.now(UTC).isoformat()}
            os.write(self._file, orjson.dumps(entry) + b"\n")

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)


class Bill:
    """An append-only file of charges and its running totals; opening an old file goes on with its totals."""

    def __init__(self, path: Path) -> None:
        self._calls: Counter[str] = Counter()
        self._billed_nusd: Counter[str] = Counter()
        for line in path.read_bytes().splitlines() if path.exists() else ():
            entry = orjson.loads(line)
            self._add(entry["model"], entry["amount_nusd"])
        self._file = _opened(path)

    def charge(self, charge: Charge) -> None:
        """Writes one line at once, unbuffered: a killed server leaves a complete bill."""
        os.write(self._file, charge.line(datetime.now(UTC)))
        self._add(charge.model, charge.amount_nusd)

    def totals(self) -> dict[str, Any]:
        """The bill as `GET /bill` shows it."""
        by_model = {
            model: {"billed_nusd": self._billed_nusd[model], "calls": calls}
            for model, calls in sorted(self._calls.items())
        }
        return {"billed_nusd": self._billed_nusd.total(), "calls": self._calls.total(), "by_model": by_model}

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _add(self, model: str, amount_nusd: int) -> None:
        self._calls[model] += 1
        self._billed_nusd[model] += amount_nusd


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
