"""RouteLLM's own measure of a router: how much of the gap between two models it closes, over all shares of calls."""

from __future__ import annotations

from typing import Any

import numpy as np

_BINS = 10


def apgr(trust: Any, weak: Any, strong: Any) -> float:
    """
    Average performance gap recovered: the area between the weak model and the router, over that to the strong one.

    *trust* says which replies of the weak model to keep; *weak* and *strong* are 1 where that model is right. As in
    the evaluation of Ong and others 2024, "RouteLLM", arXiv:2406.18665: thresholds at the deciles of the score (the
    last one keeps everything), the trapezoidal rule over the share of strong calls.
    """
    wanted = -trust
    thresholds = np.quantile(wanted, np.linspace(0, 1, _BINS + 1))
    points = []
    for number, threshold in enumerate(thresholds):
        up = wanted >= threshold if number < _BINS else wanted > threshold
        points.append((up.mean(), np.where(up, strong, weak).mean()))
    share, right = np.array(sorted(points)).T
    span = share[-1] - share[0]
    low, high = weak.mean(), strong.mean()
    return float((np.trapezoid(right, share) - low * span) / ((high - low) * span))
