"""What all commands print alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

SIMULATED = (
    "local demo models, not LLMs: this shows the mechanics;\n"
    "costs are simulated at the list prices of the models they stand for"
)


def console() -> Console:
    """Wide where nobody looks: a table in a log must not be cut to 80 columns."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=160)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> Table:
    """A table whose first *texts* columns are texts, the rest numbers."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        shown.add_column(column, justify="left" if index < texts else "right", header_style="bold")
    for row in rows:
        shown.add_row(*row)
    return shown


def dollars(nusd: int) -> str:
    """Nano-dollars for people: six places, more only where they would read as zero."""
    amount = nusd / 1e9
    return f"${amount:,.6f}" if abs(nusd) >= 1000 or not nusd else f"${amount:.9f}"


def count(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
