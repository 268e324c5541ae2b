"""Exact binomial bounds: what a count of losses says of the true rate, and how many more looks it takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import beta, binom

_STRIDE = 1.02
"""Beyond fifty losses every single one is not tried: the answer is right to two in a hundred."""

LABELS_MAX = 1_000_000
"""A promise that takes more labels than this is told to be out of reach."""


def upper_bound(losses: Any, n: int, delta: float) -> Any:
    """
    The rate that so many *losses* of *n* exclude from above at 1 - *delta*: one-sided, exact.

    Source: Clopper and Pearson 1934, Biometrika 26:404.
    """
    losses = np.asarray(losses, dtype=float)
    bound = beta.ppf(1 - delta, losses + 1, np.maximum(n - losses, 1e-12))
    return np.where(losses >= n, 1.0, bound)


def p_value(losses: Any, n: Any, at_most: float) -> Any:
    """How likely so few *losses* of *n* would be if the true rate were just above *at_most*: exact."""
    return binom.cdf(losses, np.maximum(n, 1), at_most)


@lru_cache(maxsize=1024)
def losses_allowed(n: int, at_most: float, delta: float) -> int:
    """The most losses of *n* that still certify a rate of *at_most*; -1 where none at all would not do."""
    allowed = int(binom.ppf(delta, n, at_most))
    return allowed if binom.cdf(allowed, n, at_most) <= delta else allowed - 1


@lru_cache(maxsize=1024)
def labels_needed(at_most: float, delta: float, rate: float, power: float) -> int | None:
    """
    The least number of looks that certifies *at_most* with that *power* when the true rate is *rate*; None where the
    rate is too near or above it.
    """
    if rate >= at_most:
        return None
    allowed, n = 0, least_looks(0, at_most, delta)
    while n <= LABELS_MAX and binom.cdf(allowed, n, rate) < power:
        allowed = max(allowed + 1, int(allowed * _STRIDE))
        n = least_looks(allowed, at_most, delta)
    return n if n <= LABELS_MAX else None


def least_looks(allowed: int, at_most: float, delta: float) -> int:
    """
    The least number of looks at which so many losses still certify *at_most*.

    Power rises there and falls up to the next such number: only these are worth a look.
    """
    low, high = allowed + 1, 2 * (allowed + 1)
    while binom.cdf(allowed, high, at_most) > delta:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if binom.cdf(allowed, middle, at_most) <= delta:
            high = middle
        else:
            low = middle + 1
    return low
