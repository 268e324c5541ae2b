"""From labelled tasks to trust and a threshold: some tasks teach, others certify, none does both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..certificate import TIE, Thrift, Trust
from ..promise import Promise
from .bounds import labels_needed, least_looks, losses_allowed
from .certify import POWER, accepted, monotone_threshold, sequential_threshold
from .fit import Scale, fitted, guessed, rescaled, scale_of, stepped, trusted
from .table import Table
from .thrift import counted, thrifty

_TEACHING_MAX: Final = 5
"""One label in so many teaches at most: the guess is good, and what is certified costs more than what is learnt."""

_TEACHING_MIN: Final = 50
"""From fewer labels the guess is not bettered."""

_SCALED_MIN: Final = 30
"""Replies from which a signal's mean and deviation are taken."""

_ISOTONIC_MIN: Final = 600

_HAIR: Final = 1e-14
"""More than arrays and single numbers may differ by in their last digits; far less than what ties are broken by."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """
    What evidence taught: trust by tier, what it counts as by tier where costs vary, and the one threshold that they
    share; None where nothing could be certified.

    `teaching` and `certifying` are the rows of the table that were used for each.
    """

    trusts: Mapping[str, Trust]
    thrifts: Mapping[str, Thrift | None]
    threshold: float | None
    teaching: Any
    certifying: Any

    def scores(self, table: Table) -> Any:
        """What each trust counts as (tasks, tiers), ties broken as at run time; -inf where a check objects."""
        columns = [
            counted(self.thrifts.get(tier), self.trusted(table, i), table.signals[:, i])
            for i, tier in enumerate(table.tiers)
        ]
        broken = np.column_stack(columns) - TIE * table.ties[:, None]
        return np.where(table.passed, broken, -np.inf)

    def trusted(self, table: Table, i: int) -> Any:
        """The trust in each task's reply of the table's tier *i*."""
        return trusted(self.trusts[table.tiers[i]], table.signals[:, i], table.tags[:, i])

    def accepted(self, table: Table) -> Any:
        """The number of the tier that each task ends at; the number of tiers where it goes up to `against`."""
        return accepted(self.scores(table), self.threshold)


def learn(table: Table, promise: Promise, sides: Any) -> Learnt:
    """
    Fit trust on some labelled tasks and certify a threshold on the others.

    *sides* (tasks), between 0 and 1, says which: the lowest teach. How many is a matter of counts alone. Signals are
    standardised, and the threshold's tests chosen, without a look at what certifies. Costs count where labels taught
    how much doubt there is: the guess is an order, and its scale comes from what certifies.
    """
    labelled = np.flatnonzero(table.known)
    ordered = labelled[np.argsort(sides[labelled], kind="stable")]
    teachers = teaching_count(len(labelled), promise)
    teaching, certifying = ordered[:teachers], np.sort(ordered[teachers:])
    others = np.setdiff1d(np.arange(len(table)), certifying)
    scales = [_scale(table, i, others) for i in range(len(table.tiers))]
    if len(teaching):
        trusts, thrifts = _taught(table, scales, teaching), _thrifts(table, scales, others, promise)
    else:
        trusts, thrifts = _guesses(table, scales, certifying), {}
    learnt = Learnt(trusts, thrifts, None, teaching, certifying)
    threshold = _threshold(learnt.scores(table)[certifying], table.loss[certifying], promise)
    return replace(learnt, threshold=threshold)


def teaching_count(labels: int, promise: Promise) -> int:
    """
    How many of so many labels teach: a fifth at most, and none that certifying needs.

    Regret and disagreement count all tasks, so that labels between two numbers of allowed losses would be in vain
    there: they teach. Accepted error counts what is accepted alone, at several thresholds: it needs three times as
    many.
    """
    delta = 1 - promise.confidence
    enough = labels_needed(promise.at_most, delta, promise.at_most / 2, POWER) or labels
    counts_all = promise.kind != "accepted_error"
    kept = min(labels, max(labels - labels // _TEACHING_MAX, enough * (1 if counts_all else 3)))
    if counts_all and (allowed := losses_allowed(kept, promise.at_most, delta)) >= 0:
        kept = least_looks(allowed, promise.at_most, delta)
    return labels - kept if labels - kept >= _TEACHING_MIN else 0


def _threshold(scores: Any, losses: Any, promise: Promise) -> float | None:
    certify = sequential_threshold if promise.kind == "accepted_error" else monotone_threshold
    threshold = certify(scores, losses, promise.at_most, 1 - promise.confidence)
    return None if threshold is None else _lowered(threshold, scores)


def _lowered(threshold: float, scores: Any) -> float:
    """A hair lower, but above the next of *scores*: the reply that it is the score of is accepted at run time, too."""
    below = float(scores[scores < threshold].max(initial=-np.inf))
    return threshold - min(_HAIR, (threshold - below) / 2)


def _taught(table: Table, scales: list[Scale], teaching: Any) -> dict[str, Trust]:
    """By tier, from the labels that teach."""
    return {tier: _fitted(scales[i], table, i, _judged(table, i, teaching)) for i, tier in enumerate(table.tiers)}


def _fitted(scale: Scale, table: Table, i: int, rows: Any) -> Trust:
    signals, tags, right = table.signals[rows, i], table.tags[rows, i], 1 - table.wrong[rows, i]
    trust = fitted(scale, signals, tags, right)
    return stepped(trust, signals, tags, right) if len(rows) >= _ISOTONIC_MIN else trust


def _thrifts(table: Table, scales: list[Scale], rows: Any, promise: Promise) -> dict[str, Thrift | None]:
    """By tier, from the costs of what certifies nothing."""
    spared = promise.at_most if promise.kind == "accepted_error" else 0.0
    passed = [rows[table.passed[rows, i]] for i in range(len(table.tiers))]
    return {
        tier: thrifty(scales[i], table.signals[passed[i], i], table.cost[passed[i], -1], spared)
        for i, tier in enumerate(table.tiers)
    }


def _guesses(table: Table, scales: list[Scale], rows: Any) -> dict[str, Trust]:
    """
    The guess for every tier, on the scale of the labels.

    The one map of all tiers rises, so that it changes no order: which replies a threshold accepts, and with it the
    certificate, is the same with and without it.
    """
    trusts = {tier: guessed(scale) for tier, scale in zip(table.tiers, scales, strict=True)}
    said, right = [], []
    for i, tier in enumerate(table.tiers):
        judged = _judged(table, i, rows)
        said.append(trusted(trusts[tier], table.signals[judged, i], table.tags[judged, i]))
        right.append(1 - table.wrong[judged, i])
    return rescaled(trusts, np.concatenate(said), np.concatenate(right))


def _judged(table: Table, i: int, rows: Any) -> Any:
    """The rows whose reply of tier *i* passed its checks and is known to be right or wrong."""
    return rows[table.passed[rows, i] & ~np.isnan(table.wrong[rows, i])]


def _scale(table: Table, i: int, rows: Any) -> Scale:
    """From the rows that certify nothing; from all, without a look at their labels, where those are too few."""
    chosen = rows[table.passed[rows, i]]
    if len(chosen) < _SCALED_MIN:
        chosen = np.flatnonzero(table.passed[:, i])
    return scale_of(table.signals[chosen, i])
