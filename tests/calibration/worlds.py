"""Made-up worlds in which everything is known: scores that mean something, and losses drawn by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from router.calibration.table import NAMES, Table


def drawn(rng: Any, tasks: int, *, tiers: int = 1, coarse: int = 0) -> tuple[Any, Any]:
    """Scores (tasks, tiers) and losses: the higher a score the rarer its loss. *coarse* gives that many levels."""
    scores = rng.random((tasks, tiers))
    if coarse:
        scores = np.floor(scores * coarse) / coarse
    losses = rng.random((tasks, tiers)) < 0.4 * (1 - scores) ** 2
    return scores - 1e-9 * rng.random((tasks, 1)), losses.astype(float)


def error_below(threshold: float | None) -> float:
    """The true share of losses among what one tier of `drawn` accepts from *threshold* on."""
    if threshold is None:
        return 0.0
    away = 1 - max(0.0, threshold)
    return 0.4 * away**2 / 3


def loss_rate(threshold: float | None) -> float:
    """The true share of all tasks that are accepted from *threshold* on, and are losses; for one tier of `drawn`."""
    return 0.0 if threshold is None else 0.4 * (1 - max(0.0, threshold)) ** 3 / 3


def a_table(rng: Any, tasks: int, *, right: float = 0.8, tiers: tuple[str, ...] = ("mini",), **columns: Any) -> Table:
    """
    Tasks whose confidence tells right from wrong somewhat, and whose input's length says nothing.

    *columns* replaces parts of the table.
    """
    shape = (tasks, len(tiers))
    wrong = (rng.random(shape) >= right).astype(float)
    signals = np.full((*shape, len(NAMES)), np.nan)
    signals[:, :, NAMES.index("confidence")] = rng.normal(2 - 2 * wrong, 1)
    signals[:, :, NAMES.index("input_length")] = rng.normal(5, 1, shape)
    parts: dict[str, Any] = {
        "ids": tuple(f"t{n}" for n in range(tasks)),
        "tiers": tiers,
        "signals": signals,
        "tags": np.full(shape, "", dtype=object),
        "passed": np.ones(shape, dtype=bool),
        "wrong": wrong,
        "loss": wrong,
        "cost": np.tile([*[10.0] * len(tiers), 100.0], (tasks, 1)),
        "latency": np.tile([*[500.0] * len(tiers), 900.0], (tasks, 1)),
        "ties": rng.random(tasks),
    }
    return Table(**(parts | columns))
