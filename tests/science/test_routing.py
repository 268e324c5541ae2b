"""RouteLLM's measure."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.routing import apgr

RNG = np.random.default_rng(1)
WEAK = (RNG.random(5000) < 0.6).astype(float)
STRONG = np.maximum(WEAK, (RNG.random(5000) < 0.7).astype(float))


def test_chance_recovers_half_of_the_gap() -> None:
    """A router that knows nothing gets the straight line between the two models."""
    assert apgr(RNG.random(5000), WEAK, STRONG) == pytest.approx(0.5, abs=0.03)


def test_who_knows_recovers_more_and_who_is_wrong_less() -> None:
    """Sending first what the weak model gets wrong is best; the other way round is as bad as that is good."""
    helps = STRONG - WEAK + RNG.random(5000) / 1000

    assert apgr(-helps, WEAK, STRONG) > 0.8
    assert apgr(-helps, WEAK, STRONG) + apgr(helps, WEAK, STRONG) == pytest.approx(1.0, abs=0.02)
