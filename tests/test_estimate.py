"""Numbers from samples, and how far they may be off."""

from __future__ import annotations

import pytest

from router.estimate import NOTHING, Estimate, divided, mean, ratio, share, widened


def test_a_mean_has_the_normal_interval() -> None:
    """Of 1, 2, 3, 4 the mean is 2.5, and the standard error 1.290994 / 2."""
    one = mean([1, 2, 3, 4])

    assert (one.value, one.low, one.high) == pytest.approx((2.5, 2.5 - 1.265156, 2.5 + 1.265156), abs=1e-5)


def test_a_ratio_is_one_of_sums() -> None:
    """Where parts and wholes go together exactly, nothing is uncertain; else the interval holds the ratio."""
    exact = ratio([1, 2, 3], [10, 20, 30])
    loose = ratio([1, 2, 3], [30, 20, 10])

    assert (exact.value, exact.high - exact.low) == (0.1, pytest.approx(0))
    assert loose.value == 0.1
    assert loose.low < 0.05
    assert loose.high > 0.15


def test_a_share_has_wilsons_interval() -> None:
    """5 of 50 lie between 4.3 and 21.4 percent."""
    one = share(5, 50)

    assert (one.value, one.low, one.high) == pytest.approx((0.1, 0.043476, 0.213602), abs=1e-6)


def test_nothing_gives_nothing() -> None:
    """Without values, or over nothing, there is no number; one value alone has no width."""
    assert mean([]) == ratio([1.0], [0.0]) == NOTHING
    assert (mean([3.0]).low, mean([3.0]).high) == (3.0, 3.0)


def test_a_number_that_moves_with_another_is_less_sure() -> None:
    """What depends on an estimate has its uncertainty too, both in quadrature; nothing stays nothing."""
    wide = widened(Estimate(0.5, 0.47, 0.53), Estimate(10.0, 8.0, 12.0), slope=0.02)

    assert (wide.value, wide.low, wide.high) == pytest.approx((0.5, 0.45, 0.55))
    assert widened(NOTHING, Estimate(10.0, 8.0, 12.0), slope=1.0) == NOTHING


def test_a_quotient_lies_between_the_extremes() -> None:
    """Dividing two estimates is no surer than their worst cases; by nothing there is none."""
    found = divided(Estimate(10.0, 8.0, 12.0), Estimate(0.5, 0.4, 0.6))

    assert (found.value, found.low, found.high) == pytest.approx((20.0, 8.0 / 0.6, 30.0))
    assert divided(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.1)) == NOTHING
