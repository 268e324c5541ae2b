"""A share, as it was seen and as it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_Z_95: Final = 1.959964
"""97.5th percentile of the standard normal distribution: both sides together leave out 5 %."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """`count` of `of` in a sample, with the 95 % interval of the share that the sample was drawn from."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval (Wilson 1927, JASA 22, 209-212); everything is possible where nothing was seen."""
        if not self.of:
            return 0.0, 1.0
        n, p, z = self.of, self.count / self.of, _Z_95
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low = 0.0 if self.count == 0 else middle - half
        high = 1.0 if self.count == self.of else middle + half
        return low, high
