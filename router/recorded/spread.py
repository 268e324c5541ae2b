"""How far a number from a sample may be off: resampling, for what has no simple formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..estimate import Estimate

_ROUNDS: Final = 1000
_AT_ONCE: Final = 2_000_000
"""Numbers drawn in one go: 16 MB."""

_SEED: Final = 20_261_120
"""The same log gives the same intervals."""

Statistic: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Of each row of a table."""


def mean(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(rows.mean(axis=-1))


def p95(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.quantile(rows, 0.95, axis=-1))


def resampled(statistic: Statistic, *samples: Sequence[float]) -> list[Estimate]:
    """
    A statistic of each of some samples of the same tasks, and how much each differs from the first.

    Percentile bootstrap over tasks (Efron 1979, Annals of Statistics 7, 1-26), 1,000 rounds: a task is drawn with its
    numbers in all samples, so that what they share does not count as chance. Returns the estimates of the samples, then
    the differences of the later ones.
    """
    table = np.asarray(samples, dtype=float)
    values = statistic(table)
    drawn = _drawn(statistic, table)
    estimates = [_estimate(value, column) for value, column in zip(values, drawn, strict=True)]
    for value, column in zip(values[1:], drawn[1:], strict=True):
        estimates.append(_estimate(value - values[0], column - drawn[0]))
    return estimates


def _drawn(statistic: Statistic, table: NDArray[Any]) -> NDArray[Any]:
    """The statistic of each sample in each round: samples x rounds."""
    random = np.random.default_rng(_SEED)
    size = table.shape[1]
    at_once = max(1, _AT_ONCE // size)
    parts = []
    for start in range(0, _ROUNDS, at_once):
        picks = random.integers(0, size, size=(min(at_once, _ROUNDS - start), size), dtype=np.int32)
        parts.append(np.stack([statistic(sample[picks]) for sample in table]))
    return np.concatenate(parts, axis=1)


def _estimate(value: float, drawn: NDArray[Any]) -> Estimate:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))
