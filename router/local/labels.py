"""Learns to choose among a few values: ridge regression with calibrated probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .belief import Belief, Json
from .kernel import Kernel, dot

_SHARPNESS = tuple(1.5**step for step in range(1, 11))  # 1.5 .. 58: how strongly a lead in score counts


@dataclass(frozen=True, slots=True)
class Labels:
    """Holds for each value the weights of the training texts, and how sure a lead makes it."""

    values: tuple[Json, ...]
    shares: tuple[float, ...]
    weights: tuple[list[float], ...]
    sharpness: float

    @classmethod
    def learnt(cls, kernel: Kernel, answers: Sequence[Json]) -> Labels:
        """Learns from the answers to the kernel's texts; calibrates on what it would say of each text unseen."""
        values = tuple(dict.fromkeys(answers))
        shares = tuple((answers.count(v) + 0.5) / (len(answers) + 0.5 * len(values)) for v in values)
        targets = [[float(a == v) - share for a in answers] for v, share in zip(values, shares, strict=True)]
        weights = tuple(kernel.solve(target) for target in targets)
        unseen = [kernel.unseen(target, weight) for target, weight in zip(targets, weights, strict=True)]
        scores = [[s + u for s, u in zip(shares, row, strict=True)] for row in zip(*unseen, strict=True)]
        truths = [values.index(answer) for answer in answers]
        return cls(values, shares, weights, _sharpest(scores, truths))

    def __call__(self, likeness: Sequence[float]) -> Belief:
        """Believes in each value by how alike the text is to the training texts that have it."""
        scores = [share + dot(weights, likeness) for share, weights in zip(self.shares, self.weights, strict=True)]
        return Belief.over(zip(self.values, softmax(scores, self.sharpness), strict=True))


def softmax(scores: Sequence[float], sharpness: float) -> list[float]:
    """Turns scores into probabilities."""
    top = max(scores)
    powers = [math.exp(sharpness * (score - top)) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def _sharpest(scores: Sequence[Sequence[float]], truths: Sequence[int]) -> float:
    """The sharpness under which the truths are most probable."""
    return min(_SHARPNESS, key=lambda sharpness: _surprise(scores, truths, sharpness))


def _surprise(scores: Sequence[Sequence[float]], truths: Sequence[int], sharpness: float) -> float:
    """What the truths cost in surprise, a last doubt allowed for."""
    return -sum([math.log(softmax(row, sharpness)[truth] + 1e-6) for row, truth in zip(scores, truths, strict=True)])
