"""Figures about trust and thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from router.calibration.learning import learn
from router.calibration.report import auroc, bins, calibration_error, candidates, cost_share
from router.promise import Promise
from tests.calibration.worlds import a_table


def test_auroc_is_the_known_one() -> None:
    """With ties and all, it is scikit-learn's."""
    rng = np.random.default_rng(1)
    trust, right = rng.integers(0, 20, 300) / 20, (rng.random(300) < 0.7).astype(float)

    assert auroc(trust, right) == pytest.approx(roc_auc_score(right, trust))


@pytest.mark.parametrize("right", [np.ones(5), np.zeros(5), np.array([])])
def test_one_class_has_no_auroc(right: np.ndarray) -> None:
    """Where all are right, or nothing is there, there is no order to measure."""
    assert auroc(np.linspace(0, 1, len(right)), right) is None


def test_trust_that_is_right_as_often_as_it_says_has_no_error() -> None:
    """A calibrated trust has an error that chance alone explains; one that is off by .3 has .3."""
    rng = np.random.default_rng(2)
    trust = rng.random(20_000)
    right = (rng.random(20_000) < trust).astype(float)

    assert calibration_error(bins(trust, right)) == pytest.approx(0, abs=0.02)
    assert calibration_error(bins(np.full(100, 0.8), np.repeat([1.0, 0.0], 50))) == pytest.approx(0.3)
    assert calibration_error(()) is None


def test_bins_hold_all_replies_once() -> None:
    """Equal trusts fall into one bin, and no reply is lost."""
    trust = np.array([0.1] * 50 + [0.9] * 150)
    found = bins(trust, np.ones(200))

    assert [(each.count, each.right, each.share) for each in found] == [(50, 50, 1.0), (150, 150, 1.0)]
    assert [round(each.trust, 6) for each in found] == [0.1, 0.9]
    assert bins(np.array([]), np.array([])) == ()


def test_bins_are_few_and_alike() -> None:
    """Trusts that all differ make eight bins of as many replies each."""
    found = bins(np.linspace(0.9, 1.0, 800), np.ones(800))

    assert [each.count for each in found] == [100] * 8


def test_cost_is_the_way_up() -> None:
    """An accepted task costs its tier, another one all tiers up to the top; without prices it is unknown."""
    table = a_table(np.random.default_rng(3), 2)

    assert cost_share(table, np.array([0, 1])) == pytest.approx((10 + 10 + 100) / 200)
    assert cost_share(a_table(np.random.default_rng(3), 2, cost=np.full((2, 2), np.nan)), np.array([0, 1])) is None


def test_the_certified_threshold_stands_among_the_candidates() -> None:
    """From strict to loose, with the certified one where it belongs, and figures that fit together."""
    rng = np.random.default_rng(4)
    table, promise = a_table(rng, 800, right=0.9), Promise(kind="accepted_error", at_most=0.1)
    learnt = learn(table, promise, rng.random(800))
    found = list(candidates(learnt, table, promise))

    (chosen,) = [each for each in found if each.threshold == learnt.threshold]
    assert [each.accepted_share for each in found] == sorted(each.accepted_share for each in found)
    assert chosen.of == round(chosen.accepted_share * len(learnt.certifying))
    assert chosen.losses / chosen.of < chosen.bound <= 0.1
    assert chosen.cost_share == pytest.approx(0.1 + 1 - chosen.accepted_share)
