"""How good trust is, and what a threshold would cost and risk: figures for people who decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from ..certificate import BINS, Bin
from ..promise import Promise
from .bounds import upper_bound
from .certify import accepted
from .fit import DIGITS
from .learning import Learnt
from .table import Table

_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    What a threshold does on the tasks that certify: the share it accepts below `against`, its losses among those that
    the promise counts, the rate that this alone would exclude from above, and its cost as a share of always-top.
    """

    threshold: float | None
    accepted_share: float
    losses: int
    of: int
    bound: float
    cost_share: float | None


def auroc(trust: Any, right: Any) -> float | None:
    """
    How likely a right reply is trusted more than a wrong one; None where all are right, or all wrong.

    Source: Hanley and McNeil 1982, Radiology 143:29.
    """
    good = int(right.sum())
    bad = len(right) - good
    if not good or not bad:
        return None
    return float((rankdata(trust)[right > 0].sum() - good * (good + 1) / 2) / (good * bad))


def bins(trust: Any, right: Any) -> tuple[Bin, ...]:
    """Eight bins of as many replies each, or fewer where many are trusted alike: those stay together."""
    at = np.floor(BINS * (rankdata(trust) - 0.5) / max(1, len(trust)))
    return tuple(_bin(trust[at == number], right[at == number]) for number in np.unique(at))


def _bin(trust: Any, right: Any) -> Bin:
    return Bin(count=len(trust), trust=round(max(0.0, float(trust.mean())), DIGITS), right=int(right.sum()))


def calibration_error(found: tuple[Bin, ...]) -> float | None:
    """
    The mean distance of trust and truth over bins, by their size.

    Source: Naeini and others 2015, "Obtaining well calibrated probabilities using Bayesian binning", AAAI.
    """
    total = sum(each.count for each in found)
    return sum(each.count * abs(each.trust - each.share) for each in found) / total if total else None


def cost_share(table: Table, at: Any) -> float | None:
    """
    What the way up to where each task ends costs, as a share of asking `against` alone; None where a cost is unknown.

    *at* (tasks) is the number of the tier that each ends at.
    """
    top = table.cost[:, -1].sum()
    if np.isnan(table.cost).any() or not top:
        return None
    asked = np.arange(table.cost.shape[1])[None, :] <= at[:, None]
    return float((table.cost * asked).sum() / top)


def candidates(learnt: Learnt, table: Table, promise: Promise) -> Iterator[Candidate]:
    """Ten thresholds, by the share that they accept, with the certified one between them."""
    rows = table.take(learnt.certifying)
    scores = learnt.scores(rows)
    best = np.sort(scores.max(axis=1))[::-1]
    thresholds = {float(best[max(0, round(share * len(best)) - 1)]) for share in _SHARES if len(best)}
    if (certified := learnt.threshold) is not None:
        accepts = (best >= certified).sum()
        thresholds = {t for t in thresholds if (best >= t).sum() != accepts} | {certified}
    for threshold in sorted((t for t in thresholds if np.isfinite(t)), reverse=True):
        yield candidate(scores, rows, promise, threshold)


def candidate(scores: Any, rows: Table, promise: Promise, threshold: float | None) -> Candidate:
    at = accepted(scores, threshold)
    below = at < len(rows.tiers)
    if promise.kind == "accepted_error":
        losses, of = int(rows.loss[below, at[below]].sum()), int(below.sum())
    else:
        reached = scores >= (threshold if threshold is not None else np.inf)
        losses, of = int(((rows.loss > 0) & reached).any(axis=1).sum()), len(rows)
    return Candidate(
        threshold=threshold,
        accepted_share=float(below.mean()) if len(below) else 0.0,
        losses=losses,
        of=of,
        bound=float(upper_bound(losses, of, 1 - promise.confidence)) if of else 1.0,
        cost_share=cost_share(rows, at),
    )
