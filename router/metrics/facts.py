"""What metrics are made of: values that somebody else has gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..budget import BudgetUse
from ..health.service import Service
from ..spending.counters import Change
from ..submission import Card
from ..tier import Tier
from ..timings import Timings


@dataclass(frozen=True, slots=True)
class Asked:
    """The HTTP requests that one process has answered: how many, by method, route and status; how long they took."""

    answered: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    took: Mapping[tuple[str, str], Timings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What the store shows. `tiers` are those of the tiers file, none where it cannot be read; `counts` is what the ledger
    has come to since its beginning, and `fold_lag_s` how long its first line has waited that is in no counter yet;
    `full` says that new tasks are refused for want of memory.
    """

    service: Service = field(default_factory=Service)
    budgets: Sequence[BudgetUse] = ()
    cards: Mapping[str, Card] = field(default_factory=dict)
    tiers: Mapping[str, Tier] = field(default_factory=dict)
    counts: Sequence[Change] = ()
    fold_lag_s: float = 0.0
    full: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is told at one moment; without `facts` the store could not be reached."""

    version: str
    python: str
    asked: Asked = field(default_factory=Asked)
    facts: Facts | None = None
