"""Exact binomial bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from router.calibration.bounds import labels_needed, least_looks, losses_allowed, p_value, upper_bound


@pytest.mark.parametrize(("losses", "n"), [(0, 10), (1, 10), (5, 200), (199, 200)])
def test_the_bound_is_where_so_few_losses_become_unlikely(losses: int, n: int) -> None:
    """At the upper bound exactly this many losses or fewer have the chance delta: Clopper and Pearson's definition."""
    bound = float(upper_bound(losses, n, 0.1))

    assert binom.cdf(losses, n, bound) == pytest.approx(0.1)


def test_nothing_but_losses_excludes_nothing() -> None:
    """Where all are losses, every rate up to 1 is possible; so it is where nothing was seen."""
    assert float(upper_bound(7, 7, 0.1)) == 1.0
    assert float(upper_bound(0, 0, 0.1)) == 1.0


@pytest.mark.parametrize("n", [5, 22, 44, 45, 300, 1000])
def test_what_is_allowed_is_what_the_bound_certifies(n: int) -> None:
    """The number of losses allowed is the last whose upper bound stays within the promise."""
    allowed = losses_allowed(n, 0.05, 0.1)

    assert allowed < 0 or float(upper_bound(allowed, n, 0.1)) <= 0.05
    assert float(upper_bound(allowed + 1, n, 0.1)) > 0.05


@pytest.mark.parametrize("allowed", [0, 1, 5, 20])
def test_one_look_fewer_allows_one_loss_fewer(allowed: int) -> None:
    """The least number of looks is the edge at which that many losses begin to be allowed."""
    n = least_looks(allowed, 0.05, 0.1)

    assert losses_allowed(n, 0.05, 0.1) == allowed
    assert losses_allowed(n - 1, 0.05, 0.1) == allowed - 1


def test_as_many_labels_as_needed_certify_as_often_as_said() -> None:
    """Simulated evidence of the needed size certifies with the wanted power, and half of it less often."""
    needed = labels_needed(0.05, 0.1, 0.025, 0.8)
    assert needed is not None
    rng = np.random.default_rng(1)

    certified = (rng.binomial(needed, 0.025, 20_000) <= losses_allowed(needed, 0.05, 0.1)).mean()
    fewer = (rng.binomial(needed // 2, 0.025, 20_000) <= losses_allowed(needed // 2, 0.05, 0.1)).mean()

    assert certified == pytest.approx(0.8, abs=0.02 + 4 * (0.8 * 0.2 / 20_000) ** 0.5)
    assert fewer < certified


@pytest.mark.parametrize("rate", [0.05, 0.06, 0.0499999])
def test_a_rate_too_near_is_out_of_reach(rate: float) -> None:
    """No number of labels certifies a promise that is not kept, or kept by a hair."""
    assert labels_needed(0.05, 0.1, rate, 0.8) is None


def test_p_values_are_never_too_small() -> None:
    """At the promised rate itself, a p-value below u comes up with a chance of at most u."""
    losses = np.random.default_rng(2).binomial(200, 0.1, 20_000)

    for u in (0.01, 0.05, 0.1):
        assert (p_value(losses, 200, 0.1) <= u).mean() <= u + 4 * (u / 20_000) ** 0.5
