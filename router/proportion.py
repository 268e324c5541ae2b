"""A share, as it was seen and as it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

Z_95: Final = 1.959964
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
        n, p, z = self.of, self.count / self.of, Z_95
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low = 0.0 if self.count == 0 else middle - half
        high = 1.0 if self.count == self.of else middle + half
        return low, high


def paired_difference(both: int, first: int, second: int, neither: int) -> tuple[float, float, float]:
    """
    The second share less the first, of the same things, with its 95 % interval.

    Arguments: how many are so both times, the first time only, the second time only, and never. Newcombe's method 10
    (Newcombe 1998, Statistics in Medicine 17, 2635-2650); without anything the interval is everything.
    """
    of = both + first + second + neither
    if not of:
        return 0.0, -1.0, 1.0
    one, two = Proportion(both + second, of), Proportion(both + first, of)
    difference = (second - first) / of
    (p, low, high), (q, low_q, high_q) = ((x.count / of, *x.interval) for x in (one, two))
    phi = _correlation(both, first, second, neither)
    below = math.hypot(p - low, high_q - q) ** 2 - 2 * phi * (p - low) * (high_q - q)
    above = math.hypot(high - p, q - low_q) ** 2 - 2 * phi * (high - p) * (q - low_q)
    return difference, difference - math.sqrt(max(0.0, below)), difference + math.sqrt(max(0.0, above))


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """The correlation of the two, corrected for continuity."""
    scale = (both + first) * (second + neither) * (both + second) * (first + neither)
    if not scale:
        return 0.0
    product, half = both * neither - first * second, (both + first + second + neither) / 2
    return (max(product - half, 0.0) if product > 0 else product) / math.sqrt(scale)
