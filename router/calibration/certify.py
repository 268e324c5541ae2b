"""From scores and losses to a threshold that keeps a promise with a finite-sample guarantee."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bounds import labels_needed, least_looks, losses_allowed, p_value

POWER = 0.7
"""How likely the first threshold is certified if its rate of losses is half of what is promised."""


def monotone_threshold(scores: Any, losses: Any, at_most: float, delta: float) -> float | None:
    """
    The loosest threshold at which the share of tasks with a loss is at most *at_most*, at 1 - *delta*.

    *scores* and *losses* are (tasks, tiers), -inf where a reply is never accepted. A task is a loss at a threshold from
    which on any of its replies is one and accepted. That count only grows as the threshold falls, so one exact bound
    each holds for all of them at once. None where not even the strictest can be certified.

    Source: Bates and others 2021, "Distribution-free, risk-controlling prediction sets", J. ACM 68:43.
    """
    n = len(scores)
    allowed = losses_allowed(n, at_most, delta) if n else -1
    if allowed < 0:
        return None
    critical = np.sort(np.where(losses > 0, scores, -np.inf).max(axis=1))[::-1]
    known = scores[np.isfinite(scores)]
    above = known[known > critical[allowed]] if allowed < n else known
    return float(above.min()) if above.size else None


def sequential_threshold(scores: Any, losses: Any, at_most: float, delta: float) -> float | None:
    """
    The loosest threshold at which the share of losses among what is accepted is at most *at_most*, at 1 - *delta*.

    A task is accepted at its first tier whose score reaches the threshold. Thresholds are tested one after the other
    from the strictest that accepts enough to be certified on, which is chosen from scores alone. Half of *delta* is its
    own, half of what is left belongs to the one that accepts twice as much, and so on; and a certified threshold hands
    its share on to the next looser one: so all that are certified hold together, at 1 - *delta*. None where none is.

    Sources: Angelopoulos and others 2021, "Learn then test", arXiv:2110.01052; the fallback procedure: Wiens 2003,
    Pharmaceutical Statistics 2:211.
    """
    best = scores.max(axis=1)
    grid = np.unique(best[np.isfinite(best)])[::-1]
    if not grid.size:
        return None
    counts, lost = _along(scores, losses, grid)
    shares = _shares(counts, at_most, delta)
    certified, budget = None, 0.0
    for threshold, p, share in zip(grid, p_value(lost, counts, at_most), shares, strict=True):
        budget += share
        if p > budget or not budget:
            budget = 0.0
        else:
            certified = float(threshold)
    return certified


def _shares(counts: Any, at_most: float, delta: float) -> Any:
    """Each threshold's own part of *delta*, from how many tasks each of them accepts."""
    starts = _starts(counts, at_most, delta)
    weights = np.array([0.5**number for number in range(len(starts))])
    shares = np.zeros(len(counts))
    shares[starts] = delta * weights / weights.sum()
    return shares


def _starts(counts: Any, at_most: float, delta: float) -> list[int]:
    """
    Where 1, 2, 4, ... times enough tasks are accepted; one place alone where there are too few for two.

    Enough is what mostly certifies *at_most* if half of it is true, with the part of *delta* that is there; where even
    that is not there, the most that leaves a quarter of the tasks to go up.
    """
    most = int(counts[-1])
    several = labels_needed(at_most, delta / 2, at_most / 2, POWER) or most
    if 2 * several <= most:
        doublings = range((most // several).bit_length())
        return list(dict.fromkeys(_reaching(counts, several * 2**number) for number in doublings))
    alone = labels_needed(at_most, delta, at_most / 2, POWER) or most
    return [_reaching(counts, min(alone, _affordable(most, at_most, delta)))]


def _affordable(most: int, at_most: float, delta: float) -> int:
    """The greatest count within three quarters of *most* at which one loss more is allowed; at least that of none."""
    allowed = losses_allowed(most * 3 // 4, at_most, delta)
    return least_looks(max(0, allowed), at_most, delta)


def _reaching(counts: Any, enough: int) -> int:
    """The strictest threshold that accepts so many, else the loosest."""
    return min(int(np.searchsorted(counts, enough)), len(counts) - 1)


def accepted(scores: Any, threshold: float | None) -> Any:
    """Where each task is accepted: the number of its first tier that reaches the threshold, that of tiers if none."""
    tiers = scores.shape[1]
    if threshold is None:
        return np.full(len(scores), tiers)
    reached = scores >= threshold
    return np.where(reached.any(axis=1), reached.argmax(axis=1), tiers)


def _along(scores: Any, losses: Any, grid: Any) -> tuple[Any, Any]:
    """How many tasks are accepted at each threshold, and how many of those are losses."""
    if scores.shape[1] == 1:
        order = np.argsort(-scores[:, 0], kind="stable")
        total = np.concatenate([[0], np.cumsum(losses[order, 0])])
        counts = np.searchsorted(-scores[order, 0], -grid, side="right")
        return counts, total[counts]
    padded = np.column_stack([losses, np.zeros(len(losses))])
    at = [accepted(scores, threshold) for threshold in grid]
    counts = np.array([(tier < scores.shape[1]).sum() for tier in at])
    return counts, np.array([padded[np.arange(len(padded)), tier].sum() for tier in at])
