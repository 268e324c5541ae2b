"""Training texts, how alike a new text is to each, and what ridge regression makes of that.

Ridge regression suits some dozens of examples: it has one solution, and what it would have said of an example that it
had not seen follows without training again (the exact leave-one-out formula), so its probabilities can be calibrated at
no cost.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TypeAlias

from .features import View
from .page import Page

Matrix: TypeAlias = list[list[float]]


def dot(one: Iterable[float], other: Iterable[float]) -> float:
    """The scalar product."""
    return sum(map(mul, one, other), 0.0)


@dataclass(frozen=True, slots=True)
class Index:
    """
    The training texts by the features of one view, weighed by rarity, each text a vector of length one.

    `gram` says how alike each is to those before it, and to itself.
    """

    view: View
    rarity: dict[str, float]
    postings: defaultdict[str, list[tuple[int, float]]]
    gram: Matrix

    @classmethod
    def over(cls, pages: Sequence[Page], view: View) -> Index:
        """Weighs each feature by the usual inverse document frequency; one that stands everywhere counts nothing."""
        spread = Counter(feature for page in pages for feature in page.counts(view))
        rarity = {f: math.log((1.0 + len(pages)) / (0.5 + n)) for f, n in spread.items() if n < len(pages)}
        index = cls(view, rarity, defaultdict(list), [])
        for page in pages:
            index._add(page)
        return index

    def likeness(self, page: Page) -> list[float]:
        """The cosine between a page and each training text."""
        return self._compared(_unit(page.counts(self.view), self.rarity))

    def _add(self, page: Page) -> None:
        """Takes in one more text, compared with those before it and with itself."""
        vector = _unit(page.counts(self.view), self.rarity)
        self.gram.append([*self._compared(vector), 1.0])
        for feature, weight in vector:
            self.postings[feature].append((len(self.gram) - 1, weight))

    def _compared(self, vector: Sequence[tuple[str, float]]) -> list[float]:
        found = [0.0] * len(self.gram)
        for feature, weight in vector:
            for row, other in self.postings[feature]:
                found[row] += weight * other
        return found


@dataclass(frozen=True, slots=True)
class Kernel:
    """The training texts seen by several views, each with its share, and the ridge regression prepared.

    `lower` is the Cholesky factor of likenesses plus ridge, row by row; `inverse` is the factor's inverse, column by
    column from the diagonal down.
    """

    views: tuple[tuple[Index, float], ...]
    lower: Matrix
    inverse: Matrix

    @classmethod
    def over(cls, views: Sequence[tuple[Index, float]], ridge: float) -> Kernel:
        """Mixes what the views say of how alike the training texts are."""
        shares = [share for _, share in views]
        gram = [_mixed(shares, rows) for rows in zip(*(index.gram for index, _ in views), strict=True)]
        for row in gram:
            row[-1] += ridge
        lower = cholesky(gram)
        return cls(tuple(views), lower, inverse_columns(lower))

    def likeness(self, page: Page) -> list[float]:
        """How alike a page is to each training text."""
        return _mixed([share for _, share in self.views], [index.likeness(page) for index, _ in self.views])

    def solve(self, targets: Sequence[float]) -> list[float]:
        """The weight of each training text, so that together they give the targets."""
        halfway: list[float] = []
        for row, target in zip(self.lower, targets, strict=True):
            halfway.append((target - dot(row, halfway)) / row[-1])
        return [dot(column, halfway[start:]) for start, column in enumerate(self.inverse)]

    def unseen(self, targets: Sequence[float], weights: Sequence[float]) -> list[float]:
        """What would be predicted for each training text had it been left out: target - weight / inverse's diagonal."""
        return [y - w / dot(column, column) for y, w, column in zip(targets, weights, self.inverse, strict=True)]


def cholesky(matrix: Matrix) -> Matrix:
    """The lower factor of a positive definite matrix; of both, each row up to its diagonal."""
    lower: Matrix = []
    for row in matrix:
        factor: list[float] = []
        for above in lower:
            factor.append((row[len(factor)] - dot(above, factor)) / above[-1])
        factor.append(math.sqrt(row[len(factor)] - dot(factor, factor)))
        lower.append(factor)
    return lower


def inverse_columns(lower: Matrix) -> Matrix:
    """The inverse of a lower factor, column by column, each from its diagonal down."""
    columns: Matrix = []
    for i, row in enumerate(lower):
        for j, column in enumerate(columns):
            column.append(-dot(row[j:i], column) / row[i])
        columns.append([1.0 / row[i]])
    return columns


def _mixed(shares: Sequence[float], rows: Sequence[Sequence[float]]) -> list[float]:
    """Rows of likenesses added up by their shares."""
    mixed = [0.0] * len(rows[0])
    for share, row in zip(shares, rows, strict=True):
        mixed = [so_far + share * value for so_far, value in zip(mixed, row, strict=True)]
    return mixed


def _unit(counts: Counter[str], rarity: dict[str, float]) -> list[tuple[str, float]]:
    """The known features of a text, as a vector of length one."""
    weighed = [(f, (1.0 + math.log(n)) * rarity[f]) for f, n in counts.items() if f in rarity]
    length = math.sqrt(sum([weight * weight for _, weight in weighed])) or 1.0
    return [(f, weight / length) for f, weight in weighed]
