"""Reading the ledger, the balances and a bill, for the commands that need them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click

from ..app import open_store
from ..ledger import Balance, Entry
from ..settings import Settings


def read_books(settings: Settings) -> tuple[Sequence[Entry], Balance]:
    """Every line, and the running balances. Raises: StoreUnavailable."""

    async def read() -> tuple[Sequence[Entry], Balance]:
        async with open_store(settings) as store:
            return await store.ledger(), await store.balance()

    return asyncio.run(read())


def read_bill(path: Path) -> dict[str, int]:
    """
    A provider's bill: one JSON object a line with `call_id` and `amount_nusd` (nano-dollars); lines of one call add up.

    Raises: click.UsageError.
    """
    bill: dict[str, int] = defaultdict(int)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            bill[row["call_id"]] += int(row["amount_nusd"])
        except (ValueError, KeyError, TypeError) as why:
            raise click.UsageError(
                f'{path}:{number}: expected {{"call_id": ..., "amount_nusd": ...}}, got {line[:80]!r} ({why})'
            ) from None
    return dict(bill)
