"""What the larger tier would cost, learnt from the signals of the tier below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from router.calibration.fit import scale_of
from router.calibration.table import NAMES
from router.calibration.thrift import VARIES_MIN, counted, thrifty
from router.certificate import Feature, Thrift


def signals_of(rng: Any, tasks: int) -> Any:
    """Replies of any confidence to inputs of any length, some of which have no coverage."""
    signals = np.full((tasks, len(NAMES)), np.nan)
    for name in ("confidence", "coverage", "input_length"):
        signals[:, NAMES.index(name)] = rng.normal(5, 0.5, tasks)
    signals[: tasks // 4, NAMES.index("coverage")] = np.nan
    return signals


def costs_of(rng: Any, signals: Any, slope: float) -> Any:
    return np.exp(10 + slope * signals[:, NAMES.index("input_length")] + rng.normal(0, 0.1, len(signals)))


def test_learns_what_an_input_costs() -> None:
    """Log-costs are a line in the signals that tell them; an input of usual length costs what is usual."""
    rng = np.random.default_rng(1)
    signals = signals_of(rng, 200)

    thrift = thrifty(scale_of(signals), signals, costs_of(rng, signals, 1.0), 0.1)

    assert thrift is not None
    assert thrift.spared == 0.1
    assert thrift.of_usual({"input_length": 6.0}) == pytest.approx(np.e, rel=0.15)
    assert thrift.of_usual({"input_length": float(np.nanmean(signals[:, NAMES.index("input_length")]))}) == (
        pytest.approx(1.0, rel=0.05)
    )
    assert abs(thrift.features["confidence"].weight) < 0.05


def test_costs_that_hardly_vary_do_not_count() -> None:
    """An order by cost must be worth what it disturbs."""
    rng = np.random.default_rng(2)
    signals = signals_of(rng, 200)

    slopes = [VARIES_MIN * factor / 0.5 for factor in (0.7, 1.4)]
    found = [thrifty(scale_of(signals), signals, costs_of(rng, signals, slope), 0.0) for slope in slopes]

    assert [thrift is None for thrift in found] == [True, False]


@pytest.mark.parametrize("cost", [0.0, np.nan])
def test_few_known_costs_do_not_count(cost: float) -> None:
    """What is free, or not known, says nothing; thirty costs are the least to go by."""
    rng = np.random.default_rng(3)
    signals = signals_of(rng, 200)
    costs = costs_of(rng, signals, 1.0)
    thrifts = []
    for known in (29, 30):
        costs[known:] = cost
        thrifts.append(thrifty(scale_of(signals), signals, costs.copy(), 0.0))
        costs = costs_of(rng, signals, 1.0)

    assert [thrift is None for thrift in thrifts] == [True, False]


def test_without_a_signal_nothing_is_learnt() -> None:
    """Replies that say nothing of themselves are all alike."""
    signals = np.full((100, len(NAMES)), np.nan)

    assert thrifty(scale_of(signals), signals, np.linspace(1.0, 9.0, 100), 0.0) is None


@pytest.mark.parametrize("spared", [0.0, 0.1])
def test_many_count_as_one_by_one(spared: float) -> None:
    """Arrays and run time agree to the last digits, with missing signals and values never seen."""
    rng = np.random.default_rng(4)
    features = {
        "input_length": Feature(mean=5.0, scale=0.1, weight=0.7),
        "coverage": Feature(mean=5.0, scale=0.5, weight=-0.2),
    }
    thrift, signals, trust = Thrift(spared=spared, features=features), signals_of(rng, 300), rng.random(300)

    rows = [{name: row[i] for i, name in enumerate(NAMES) if not np.isnan(row[i])} for row in signals]

    assert counted(thrift, trust, signals) == pytest.approx(
        [thrift(one, row) for one, row in zip(trust.tolist(), rows, strict=True)], abs=1e-15
    )
    assert counted(None, trust, signals) is trust
