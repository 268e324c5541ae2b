"""Evidence as arrays: one row a task, with what each tier below `against` answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..certificate import lot
from ..signals import SIGNALS
from .sample import Sample

NAMES = tuple(SIGNALS)


@dataclass(frozen=True, slots=True)
class Table:
    """
    Tasks (n) with the replies of some tiers (t), in the policy's order.

    `signals` is (n, t, signals), NaN where one does not apply; `tags` (n, t) and `passed` (n, t: the policy's own
    checks); `wrong` and `loss` (n, t) are 1 or 0, NaN where nobody knows; `loss` is what the promise is about. `cost`
    and `latency` (n, t + 1) are nano-dollars and milliseconds, `against` last, NaN where unknown. `ties` (n) lie
    between 0 and 1.
    """

    ids: tuple[str, ...]
    tiers: tuple[str, ...]
    signals: Any
    tags: Any
    passed: Any
    wrong: Any
    loss: Any
    cost: Any
    latency: Any
    ties: Any

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def known(self) -> Any:
        """The tasks of which every loss is known that could come about."""
        return ~np.isnan(self.loss).any(axis=1)

    @property
    def labelled(self) -> Any:
        """Those of them of which it is known which replies are right; the others count at their worst."""
        return self.known & ~np.isnan(self.wrong).any(axis=1)

    def priced(self) -> Table:
        """With costs that are not known taken at the mean of their tier; NaN where none of a tier is known."""
        known = ~np.isnan(self.cost)
        sums, counts = np.where(known, self.cost, 0.0).sum(axis=0), known.sum(axis=0)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return replace(self, cost=np.where(known, self.cost, means))

    def take(self, rows: Any, ids: Sequence[str] | None = None) -> Table:
        """Some tasks, in that order; *ids* where a task drawn twice is to count as two."""
        named = tuple(ids) if ids is not None else tuple(self.ids[row] for row in rows)
        parts = {
            name: getattr(self, name)[rows]
            for name in ("signals", "tags", "passed", "wrong", "loss", "cost", "latency")
        }
        return replace(self, ids=named, ties=np.array([lot(task) for task in named]), **parts)


def table(samples: Sequence[Sample], tiers: Sequence[str]) -> Table:
    """The samples that know a reply of every one of *tiers*."""
    whole = [sample for sample in samples if all(tier in sample.seen for tier in tiers)]
    rows = [[sample.seen[tier] for tier in tiers] for sample in whole]
    shape = (len(whole), len(tiers))
    return Table(
        ids=tuple(sample.id for sample in whole),
        tiers=tuple(tiers),
        signals=np.array(
            [[[seen.signals.get(name, np.nan) for name in NAMES] for seen in row] for row in rows], dtype=float
        ).reshape(*shape, len(NAMES)),
        tags=np.array([[seen.tag or "" for seen in row] for row in rows], dtype=object).reshape(shape),
        passed=np.array([[seen.passed for seen in row] for row in rows], dtype=bool).reshape(shape),
        wrong=_numbers([[seen.wrong for seen in row] for row in rows], shape),
        loss=_numbers([[seen.loss for seen in row] for row in rows], shape),
        cost=_numbers(
            [[*(seen.cost_nusd for seen in row), s.cost_nusd] for row, s in zip(rows, whole, strict=True)],
            (0, len(tiers) + 1),
        ),
        latency=_numbers(
            [[*(seen.latency_ms for seen in row), s.latency_ms] for row, s in zip(rows, whole, strict=True)],
            (0, len(tiers) + 1),
        ),
        ties=np.array([lot(sample.id) for sample in whole]),
    )


def _numbers(rows: Sequence[Sequence[float | bool | None]], shape: tuple[int, ...]) -> Any:
    """With NaN for None."""
    return np.array([[np.nan if value is None else float(value) for value in row] for row in rows]).reshape(
        (len(rows), -1) if rows else shape
    )
