"""What the tier that a promise is held against would cost, by the signals of the tier below: where risk saves most."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sklearn.linear_model import RidgeCV

from ..certificate import LOG_COST_MAX, Feature, Thrift
from .fit import DIGITS, Scale, weighed

VARIES_MIN: Final = 0.2
"""
The least standard deviation of expected log-costs. What an order by cost can save grows with its square, and is about a
hundredth here; what it spoils, where trust does not tell that long inputs err more often, grows with the deviation.
"""

_SEEN_MIN: Final = 30
"""From fewer known costs nothing is expected."""

_PENALTIES: Final = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Of the weights of standardised signals; the costs that are left out one by one choose between them."""


def thrifty(scale: Scale, signals: Any, costs: Any, spared: float) -> Thrift | None:
    """
    Learn log-costs (n, NaN where not known) from *signals* (n, signals): a ridge regression.

    None where costs are too few, or hardly vary with the signals.
    """
    known = costs > 0
    if known.sum() < _SEEN_MIN or not scale.columns:
        return None
    x = np.nan_to_num(scale.standardised(signals[known]))
    model = RidgeCV(alphas=_PENALTIES).fit(x, np.log(costs[known]))
    if model.predict(x).std() < VARIES_MIN:
        return None
    weights = [round(float(weight), DIGITS) for weight in model.coef_]
    features = {
        name: Feature(mean=float(mean), scale=float(deviation), weight=weight)
        for name, mean, deviation, weight in zip(scale.names, scale.mean, scale.scale, weights, strict=True)
    }
    return Thrift(spared=spared, features=features)


def counted(thrift: Thrift | None, trust: Any, signals: Any) -> Any:
    """What many trusts (n) count as, by the signals (n, signals) of their replies: the same as one call each."""
    if thrift is None:
        return trust
    of_usual = np.exp(np.clip(weighed(thrift.features, signals), -LOG_COST_MAX, LOG_COST_MAX))
    enough = 1 - thrift.spared
    odds = trust / np.where(trust < enough, enough - trust, 1.0) * of_usual
    return np.where(trust < enough, enough * odds / (1 + odds), trust)
