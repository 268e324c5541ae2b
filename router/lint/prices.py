"""Prices that may not hold any more, or that are not those of what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from ..cost import Price, PriceBook
from ..problem import Code, Mistake
from ..tier import Tier
from .surroundings import Surroundings

_OLD = timedelta(days=365)
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
_READ: Final = re.compile(rf"(\d{{4}})-(\d{{2}})(?:-\d{{2}})?|\b({'|'.join(_MONTHS)})\s+(\d{{4}})", re.IGNORECASE)


def price_doubts(prices: PriceBook, tiers: frozenset[str], day: date) -> Iterator[Mistake]:
    """Doubts about a price book; only models that *tiers* are booked at can be out of date."""
    for model, rows in prices.prices.items():
        for index, (row, later) in enumerate(pairwise(rows)):
            if later.since <= row.since:
                said = f"{model}: this price begins on {later.since}, not after the one above it; put them in order"
                yield Mistake(("prices", model, index + 1, "from"), said, Code.OLD_PRICE)
        if model in tiers and (current := prices.price(model, day)) is not None:
            yield from _old(model, rows.index(current), current, day)


def _old(model: str, index: int, price: Price, day: date) -> Iterator[Mistake]:
    read = read_on(price.source)
    if read is not None and day - read > _OLD:
        said = f"{model}: this price was read in {read:%B %Y}; see whether it still holds, and say so in `source`"
        yield Mistake(("prices", model, index, "source"), said, Code.OLD_PRICE)


def read_on(source: str) -> date | None:
    """The first of the month that a source names last; None where it names none."""
    found = [match.groups() for match in _READ.finditer(source)]
    if not found:
        return None
    year, month, name, named_year = found[-1]
    try:
        return date(int(named_year), _MONTHS.index(name.lower()) + 1, 1) if name else date(int(year), int(month), 1)
    except ValueError:
        return None


def deployment_doubts(tier: Tier, around: Surroundings) -> Iterator[Mistake]:
    """Doubts about deployments whose model has a price of its own: their calls are booked at the tier's."""
    booked = around.prices.price(tier.priced_model, around.day)
    for index, place in enumerate(tier.deployments):
        own = around.prices.price(place.model, around.day) if place.model is not None else None
        if own is not None and booked is not None and own.pusd_per_token != booked.pusd_per_token:
            said = f"{place.model} has another price than {tier.priced_model}, at which its calls are booked"
            yield Mistake(("tiers", tier.name, "deployments", index, "model"), said, Code.OLD_PRICE)
