"""How values stand on a page: amounts, shares, ages, moments, and texts of others, which may be anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup, escape

from ..cost import NUSD_PER_USD, nusd, rounded, usd
from ..values import Json

TEXT_MAX: Final = 20_000
"""Characters of one text that a page shows."""
LINE_MAX: Final = 300
"""Characters of a text that stands in a line of a table."""
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
"""Control characters, those that turn the direction of what follows, and those that nobody sees."""


def visible(text: str) -> str:
    """What others wrote, with what would steer a reader's screen spelled out, such as `\\u202e`."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def finalize(value: Any) -> Any:
    """Every value on its way into a page: texts of ours and of others alike, but for what is markup already."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def shortened(text: str, most: int = LINE_MAX) -> str:
    """The beginning of a text that is too long for its place; it says how much is left out, where that is shorter."""
    cut = f" … ({len(text) - most:,} more characters)"
    return text if len(text) <= most + len(cut) else text[:most] + cut


def pretty(value: Json) -> str:
    """JSON for people, a text as it is; the beginning of what is too long."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return shortened(text, TEXT_MAX)


def verbatim(text: str) -> Markup:
    """A text to be written on and sent back: whole, and every character as it is, in a field that holds it together."""
    return escape(text)


def returned(text: str) -> str:
    """A text as it comes back from such a field, where all ends of lines become alike, and a zero byte a mark."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def draft(value: Json, *, plain: bool) -> str:
    """An output to be corrected, the whole of it: a text as it is, else JSON with what steers a screen as escapes."""
    if plain and isinstance(value, str):
        return value
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, indent=2, ensure_ascii=False))


def dollars(amount: int | str | None, places: int | None = None) -> str:
    """
    Nano-dollars, or dollars as a decimal string: to the micro-dollar, finer where that would read as nothing.

    *places* are those of a column in which all amounts have as many.
    """
    if amount is None:
        return "–"
    exact = nusd(Decimal(amount)) if isinstance(amount, str) else amount
    if not exact and places is None:
        return "$0"
    shown = _places(exact) if places is None else places
    return f"{'−' if exact < 0 else ''}${rounded(abs(exact), shown):,.{shown}f}"


def places_of(amounts: Iterable[int]) -> int:
    """The decimal places with which none of a column's amounts (nano-dollars) loses what it would show alone."""
    return max((_places(amount) for amount in amounts if amount), default=2)


def _places(nusd: int) -> int:
    size = abs(nusd)
    return 2 if size >= 1000 * NUSD_PER_USD else 4 if size >= NUSD_PER_USD else 6 if size >= 1000 else 9


def money(amount: int | str | None, places: int | None = None) -> Markup:
    """
    The same with the whole of it, to the nano-dollar, for who reads more closely, and for programs.

    Room is left for the digits that larger amounts go without: in a column of sums the points stand below each other.
    """
    if amount is None:
        return Markup("–")
    exact, text = usd(amount) if isinstance(amount, int) else amount, dollars(amount, places)
    digits = len(text.partition(".")[2])
    room = Markup('<span class="d{}"></span>').format(digits) if places is None and digits in (2, 4) else ""
    return Markup('<data value="{0}" title="${0}">{1}{2}</data>').format(exact, text, room)


def share(part: float | None) -> str:
    return "–" if part is None else f"{part:.1%}"


def ticked(text: str) -> Markup:
    """A sentence of ours in which `commands` stand between ticks."""
    parts = visible(text).split("`")
    return Markup("").join(command(part) if at % 2 else part for at, part in enumerate(parts))


def command(text: str) -> Markup:
    """Something to type, whose options are not broken at their dashes."""
    words = (
        Markup('<span class="nowrap">{}</span>').format(word) if word.startswith("-") else word
        for word in visible(text).split(" ")
    )
    return Markup("<code>{}</code>").format(Markup(" ").join(words))


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def age(ms: int | float | None) -> str:
    """How long something takes, or is ago, in the two units that matter."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms" if ms else "0 s"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds) % 60} s" if minutes < 10 else f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def moment(at: datetime | int | None) -> str:
    """A time (or Unix ms) in UTC, to the second."""
    if at is None:
        return "–"
    when = datetime.fromtimestamp(at / 1000, UTC) if isinstance(at, int) else at.astimezone(UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S")


def between(first: datetime | None, last: datetime | None) -> str:
    """How long it took from one to the other."""
    return "–" if first is None or last is None else age((last - first).total_seconds() * 1000)


FILTERS: Final = {
    "visible": visible,
    "shortened": shortened,
    "pretty": pretty,
    "dollars": dollars,
    "money": money,
    "share": share,
    "age": age,
    "moment": moment,
    "ticked": ticked,
    "verbatim": verbatim,
    "command": command,
}
