"""What all commands print alike."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:  # 15 ms, which commands without tables do not pay
    from rich.console import Console
    from rich.table import Table

SIMULATED = (
    "local demo models, not LLMs: this shows the mechanics;\n"
    "costs are simulated at the list prices of the models they stand for"
)

GAP: Final = 2
"""Blanks between the columns of a table."""
_NAME_MIN: Final = 5
"""What is left of a text where numbers need the screen: it goes on below."""

_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def console(width: int = 160) -> Console:
    """As wide as the screen, or *width* where nobody looks: a table in a log must not be cut to 80 columns."""
    from rich.console import Console  # noqa: PLC0415

    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=width)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """What others wrote, without what would steer a terminal: control characters are spelled out as `\\x1b`."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> Table:
    """
    A table whose first *texts* columns are texts, the rest numbers; on narrow screens texts give way, by lines. Cells
    stand there as they are: what looks like markup is none.
    """
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for index, column in enumerate(columns):
        if index < texts:
            shown.add_column(column, justify="left", header_style="bold", overflow="fold", min_width=_NAME_MIN)
        else:
            shown.add_column(column, justify="right", header_style="bold", no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def dollars(nusd: int) -> str:
    """Nano-dollars for people: six places, more only where they would read as zero."""
    from ..cost import rounded  # noqa: PLC0415  # 80 ms, which commands that tell of no money do not pay

    places = 6 if abs(nusd) >= 1000 or not nusd else 9
    return f"${rounded(nusd, places):,.{places}f}"


def count(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
