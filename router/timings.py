"""How long things took: counts by classes of duration, as a histogram shows them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

BOUNDS_MS: Final = (5, 25, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000, 30_000, 60_000, 120_000)
"""From what a route takes that only reads, to the longest that a model may."""


@dataclass(slots=True)
class Timings:
    """`counts[i]` durations were above bound i - 1 and at most bound i, the last above all; all took `sum_ms`."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    sum_ms: int = 0

    def add(self, ms: int) -> None:
        self.counts[bisect_left(BOUNDS_MS, ms)] += 1
        self.sum_ms += ms

    def __add__(self, other: Timings) -> Timings:
        counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        return Timings(counts, self.sum_ms + other.sum_ms)

    @property
    def sum_s(self) -> float:
        return self.sum_ms / 1000

    def cumulative(self) -> list[tuple[str, float]]:
        """How many took at most each bound, in seconds as text; the last for all."""
        bounds = [*(str(ms / 1000) for ms in BOUNDS_MS), "+Inf"]
        return [(bound, float(count)) for bound, count in zip(bounds, accumulate(self.counts), strict=True)]
