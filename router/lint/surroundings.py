"""What a policy is linted against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ..cost import PriceBook
from ..tier import Tiers


@dataclass(frozen=True, slots=True)
class Measured:
    """What traffic showed of one tier: the share of its replies that were accepted, and what one of them cost."""

    accepted: float
    cost_nusd: float
    replies: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The tiers that a policy will meet, the prices on a `day`, and what was `measured` of its tiers, if anything."""

    tiers: Tiers
    prices: PriceBook
    day: date
    measured: Mapping[str, Measured] = field(default_factory=dict)
