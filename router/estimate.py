"""A number from a sample, with the interval in which it lies with 95 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .proportion import Z_95, Proportion


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and its 95 % interval; None where nothing is known."""

    value: float | None
    low: float
    high: float


NOTHING = Estimate(None, 0.0, 0.0)


def share(count: int, of: int) -> Estimate:
    """A share, with Wilson's interval."""
    seen = Proportion(count, of)
    return Estimate(seen.share, *seen.interval)


def mean(values: Sequence[float]) -> Estimate:
    """The mean, with the interval of the normal distribution; no interval from one value alone."""
    return ratio(values, [1.0] * len(values))


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> Estimate:
    """
    The sum of *parts* over the sum of *wholes* of the same tasks.

    The interval is that of the delta method for a ratio of means (Cochran 1977, Sampling Techniques, 3rd ed., 6.4).
    """
    n, whole = len(wholes), math.fsum(wholes)
    if not n or not whole:
        return NOTHING
    value = math.fsum(parts) / whole
    if n == 1:
        return Estimate(value, value, value)
    squares = math.fsum((part - value * of) ** 2 for part, of in zip(parts, wholes, strict=True))
    half = Z_95 * math.sqrt(squares / (n - 1) / n) / (whole / n)
    return Estimate(value, value - half, value + half)


def widened(number: Estimate, by: Estimate, slope: float) -> Estimate:
    """*number*, which also moves with another one that is only estimated, by so much: both widths in quadrature."""
    if number.value is None:
        return number
    half = math.hypot((number.high - number.low) / 2, slope * (by.high - by.low) / 2)
    return Estimate(number.value, number.value - half, number.value + half)


def divided(one: Estimate, by: Estimate) -> Estimate:
    """One number by another, between the extremes of both: no narrower than it is."""
    if one.value is None or not by.value or by.low <= 0:
        return NOTHING
    return Estimate(one.value / by.value, one.low / by.high, one.high / by.low)
