"""Resampling: intervals for what has no simple formula."""

from __future__ import annotations

import numpy as np
import pytest

from router.estimate import mean as by_formula
from router.recorded.spread import mean, p95, resampled


def test_the_mean_agrees_with_the_formula() -> None:
    """On many values the bootstrap's interval of a mean is nearly the normal one."""
    values = list(np.random.default_rng(7).exponential(size=2000))

    (one,) = resampled(mean, values)
    formula = by_formula(values)

    assert one.value == pytest.approx(formula.value)
    assert (one.low, one.high) == pytest.approx((formula.low, formula.high), abs=0.2 * (formula.high - formula.low))


def test_what_samples_share_is_no_chance() -> None:
    """Two samples that differ by the same amount in every task differ by exactly that."""
    values = list(np.random.default_rng(7).normal(0, 100, size=300))

    old, new, apart = resampled(mean, values, [value + 5 for value in values])

    assert old.high - old.low > 10
    assert (apart.value, apart.low, apart.high) == pytest.approx((5, 5, 5))
    assert new.value == pytest.approx((old.value or 0) + 5)


def test_the_95th_percentile_lies_in_its_interval() -> None:
    """Of 1 to 1,000 it is about 950, give or take the error of its rank."""
    (one,) = resampled(p95, list(range(1, 1001)))

    assert one.value == pytest.approx(np.quantile(np.arange(1, 1001), 0.95))
    assert 925 < one.low < 945
    assert 955 < one.high < 975


def test_the_same_sample_gives_the_same_interval() -> None:
    """Nothing depends on when it is worked out."""
    values = [1.0, 5.0, 2.0, 8.0]

    assert resampled(mean, values) == resampled(mean, values)


def test_large_samples_are_drawn_in_parts() -> None:
    """More numbers than fit at once give an interval all the same."""
    (one,) = resampled(mean, [float(i % 10) for i in range(30_000)])

    assert one.value == pytest.approx(4.5)
    assert one.low == pytest.approx(4.5 - 1.96 * 2.872 / 30_000**0.5, abs=0.01)
