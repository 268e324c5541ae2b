"""A share, as it was seen and as it may be."""

from __future__ import annotations

import pytest

from router.proportion import Proportion


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.277533), (5, 50, 0.043476, 0.213602), (50, 50, 0.928652, 1.0), (1, 1000, 0.000177, 0.005643)],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    """The bounds are those that scipy.stats.binomtest gives for Wilson's interval without correction."""
    assert Proportion(count, of).interval == pytest.approx((low, high), abs=1e-6)


def test_nothing_seen_says_nothing() -> None:
    """Without a sample there is no share, and every share is possible."""
    nothing = Proportion(0, 0)

    assert (nothing.share, nothing.interval) == (None, (0.0, 1.0))
