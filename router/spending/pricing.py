"""What calls would have cost otherwise: at the top tier of their policy, and without the provider's cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..cost import Price, PriceBook
from ..ledger import Entry
from ..values import Json


@dataclass(frozen=True, slots=True)
class Rungs:
    """What a version of a policy says of prices: its top tier, and the model by whose price each tier is booked."""

    top: str
    models: Mapping[str, str]

    @classmethod
    def of(cls, published: Json) -> Rungs:
        """Read a published policy."""
        models = {tier: told.get("price_of") or told["model"] for tier, told in published.get("models", {}).items()}
        return cls(top=published["tiers"][-1]["tier"], models=models)


class Pricing:
    """Implements `counters.Prices` by a price book. Versions of policies are learnt as their lines come."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices
        self._versions: dict[str, Rungs | None] = {}

    def unknown(self, entries: Iterable[Entry]) -> list[str]:
        """The versions that have to be learnt before these lines."""
        return sorted({entry.version for entry in entries if entry.version} - self._versions.keys())

    def learn(self, version: str, rungs: Rungs | None) -> None:
        """Know a version from now on; None where it is published no more."""
        self._versions[version] = rungs

    def top(self, entry: Entry) -> int | None:
        rungs = self._versions.get(entry.version)
        if rungs is None or entry.usage is None:
            return None
        day = datetime.fromtimestamp(entry.at_ms / 1000, UTC).date()
        price = self._prices.price(rungs.models.get(rungs.top, ""), day)
        return None if price is None else price.of(entry.usage)

    def cache_saved(self, entry: Entry) -> int:
        usage, price = entry.usage, self._booked_at(entry)
        if usage is None or price is None or not usage.cached_input_tokens:
            return 0
        return price.of(usage.model_copy(update={"cached_input_tokens": 0})) - price.of(usage)

    def _booked_at(self, entry: Entry) -> Price | None:
        rungs = self._versions.get(entry.version)
        model = rungs.models.get(entry.tier, "") if rungs is not None else ""
        dated = self._prices.prices.get(model, ())
        return next((price for price in dated if price.since == entry.price_since), None)
