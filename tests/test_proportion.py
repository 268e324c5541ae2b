"""A share, as it was seen and as it may be."""

from __future__ import annotations

import pytest

from router.proportion import Proportion, paired_difference


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


def test_the_paired_difference_is_newcombes() -> None:
    """The bounds are those of the published example (Newcombe 1998, Statistics in Medicine 17, table II)."""
    assert paired_difference(36, 2, 12, 0) == pytest.approx((0.2, 0.0569, 0.3404), abs=1e-4)


def test_a_paired_difference_turns_with_its_sides() -> None:
    """First less second is the mirror of second less first; without anything every difference is possible."""
    there, back = paired_difference(20, 3, 9, 68), paired_difference(20, 9, 3, 68)

    assert there == pytest.approx((-back[0], -back[2], -back[1]))
    assert paired_difference(0, 0, 0, 0) == (0.0, -1.0, 1.0)
    assert paired_difference(0, 0, 0, 50)[1:] == pytest.approx((-0.0713, 0.0713), abs=1e-3)
