"""Learn how far replies of one tier can be trusted: a logistic regression that stays near a sensible guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from ..certificate import Feature, Trust
from .table import NAMES

FEATURES_MAX: Final = 8
TAGS_MAX: Final = 20
SHRINKAGE: Final = 30.0
"""Prior precision of a weight: a standard deviation of 0.18 log-odds per standard deviation of its signal."""

GUESSED_RIGHT: Final = 0.8
"""How many replies of a lower tier are right where nobody has looked: what published cascades measure."""

GUESS: Final[Mapping[str, float]] = {
    "confidence": 2.0,
    "agreement": 1.0,
    "judge": 0.5,
    "rules": -0.5,
    "grounding": 0.5,
    "steps_wrong": -0.5,
    "concluded": 0.5,
    "coverage": 0.25,
    "values": 0.0,
    "length": -0.1,
    "input_length": 0.0,
    "confidence_mean": 0.25,
}
"""Log-odds per standard deviation before any label: signs by meaning, sizes in quarters by how directly it speaks."""

_FLAT = 0.01
"""The least rise of a line of log-odds: labels that say nothing must not turn the order round."""

_TWIN = 0.999
_TAG_MIN = 10
DIGITS = 6
_LINE_DIGITS = 3
"""Coarse enough for a guess's weights to stay in proportion when they are rounded."""

_GRADIENT = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """
    The signals that are used, with the mean and standard deviation of each in unlabelled traffic, and whether it was
    missing there now and then.
    """

    columns: tuple[int, ...]
    mean: Any
    scale: Any
    gaps: Any

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(NAMES[column] for column in self.columns)

    def standardised(self, signals: Any) -> Any:
        """(n, used), cut as at run time, NaN where one does not apply."""
        return np.clip((signals[:, self.columns] - self.mean) / self.scale, -4, 4)


def scale_of(signals: Any) -> Scale:
    """The first eight signals that vary and do not repeat an earlier one, from (n, signals) of traffic."""
    chosen: list[int] = []
    for column in range(signals.shape[1]):
        values = signals[:, column]
        if len(chosen) < FEATURES_MAX and _varies(values) and not any(_twins(values, signals[:, o]) for o in chosen):
            chosen.append(column)
    used = signals[:, chosen]
    mean = np.array([round(float(value), DIGITS) for value in _nan(np.nanmean, used)])
    scale = np.array([max(round(float(value), DIGITS), 10**-DIGITS) for value in _nan(np.nanstd, used)])
    return Scale(tuple(chosen), mean, scale, np.isnan(used).any(axis=0))


def _nan(function: Any, values: Any) -> Any:
    return function(values, axis=0) if values.size else np.zeros(values.shape[1])


def _varies(values: Any) -> bool:
    known = values[~np.isnan(values)]
    return known.size > 1 and bool(known.std() > 10**-DIGITS)


def _twins(one: Any, other: Any) -> bool:
    both = ~np.isnan(one) & ~np.isnan(other)
    if both.sum() < 3 or (np.isnan(one) != np.isnan(other)).any():
        return False
    a, b = one[both], other[both]
    return bool(a.std() > 0 and b.std() > 0 and abs(np.corrcoef(a, b)[0, 1]) > _TWIN)


def guessed(scale: Scale) -> Trust:
    """Trust without a label: every signal speaks as its meaning says."""
    weights = [GUESS[name] for name in scale.names]
    return _trust(scale, float(np.log(GUESSED_RIGHT / (1 - GUESSED_RIGHT))), weights, [0.0] * len(weights), {})


def fitted(scale: Scale, signals: Any, tags: Any, right: Any) -> Trust:
    """
    Trust from labels (`right`: 1 or 0): weights that have to be pulled away from the guess.

    The most likely weights under a normal prior around the guess (for all but the intercept): logistic regression with
    an L2 penalty, and with no guess the same as scikit-learn's at C = 1 / SHRINKAGE. Source: Bishop 2006, section 4.5.
    """
    if not len(right):
        return guessed(scale)
    x = scale.standardised(signals)
    missing = np.isnan(x)
    counted = Counter(tags.tolist())
    known = (
        [name for name, count in counted.most_common(TAGS_MAX) if name and count >= _TAG_MIN]
        if len(counted) > 1
        else []
    )
    design = np.column_stack([np.ones(len(x)), np.nan_to_num(x), missing, *(tags == name for name in known)]).astype(
        float
    )
    width = x.shape[1]
    prior = np.zeros(design.shape[1])
    prior[1 : 1 + width] = [GUESS[name] for name in scale.names]
    found = most_likely(design, np.asarray(right, dtype=float), prior, _penalty(design.shape[1]))
    by_tag = {name: round(float(w), DIGITS) for name, w in zip(known, found[1 + 2 * width :], strict=True)}
    return _trust(scale, float(found[0]), found[1 : 1 + width], found[1 + width : 1 + 2 * width], by_tag)


def _penalty(width: int) -> Any:
    """All weights are held by the prior but the intercept, which is held by next to nothing: one class has an end."""
    return np.array([0.01, *[SHRINKAGE] * (width - 1)])


def most_likely(design: Any, right: Any, prior: Any, penalty: Any) -> Any:
    """The mode of a logistic regression's weights under independent normal priors of precision *penalty*."""

    def loss(weights: Any) -> float:
        z, away = design @ weights, weights - prior
        return float(np.logaddexp(0, z).sum() - right @ z + penalty @ (away * away) / 2)

    def gradient(weights: Any) -> Any:
        return design.T @ (expit(design @ weights) - right) + penalty * (weights - prior)

    def hessian(weights: Any) -> Any:
        p = expit(design @ weights)
        return (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)

    return minimize(loss, prior, method="trust-exact", jac=gradient, hess=hessian, options={"gtol": _GRADIENT}).x


def rescaled(trusts: Mapping[str, Trust], said: Any, right: Any) -> dict[str, Trust]:
    """
    The same *trusts* in the same order, with log-odds on a line that fits what was *said* and what was *right*.

    The line rises whatever the labels say. Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    z = np.log(said / (1 - said))
    design = np.column_stack([np.ones(len(z)), z])
    a, b = most_likely(design, right, np.array([0.0, 1.0]), np.array([0.01, 1.0])) if len(z) else (0.0, 1.0)
    line = round(float(a), _LINE_DIGITS), max(round(float(b), _LINE_DIGITS), _FLAT)
    return {tier: _on_line(trust, *line) for tier, trust in trusts.items()}


def _on_line(trust: Trust, a: float, b: float) -> Trust:
    features = {
        name: feature.model_copy(update={"weight": round(feature.weight * b, DIGITS), "missing": _times(feature, b)})
        for name, feature in trust.features.items()
    }
    return trust.model_copy(update={"intercept": round(a + b * trust.intercept, DIGITS), "features": features})


def _times(feature: Feature, b: float) -> float | None:
    return None if feature.missing is None else feature.missing * b


def stepped(trust: Trust, signals: Any, tags: Any, right: Any) -> Trust:
    """
    *trust* with knots: isotonic regression, its steps drawn as a rising line through their middles.

    Source: Oron and Flournoy 2017, "Centered isotonic regression", Statistics in Biopharmaceutical Research 9:258.
    """
    raw = trusted(trust, signals, tags)
    order = np.argsort(raw, kind="stable")
    steps = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(raw[order], right[order])
    edges = np.flatnonzero(np.diff(steps)) + 1
    blocks = zip(np.split(raw[order], edges), np.split(steps, edges), strict=True)
    middles = [(float(x.mean()), float(y[0])) for x, y in blocks]
    return trust.model_copy(update={"knots": tuple(_rising([(0.0, 0.0), *middles, (1.0, 1.0)]))})


def _rising(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Rounded points that rise in both directions; those that do not are left out, but the first and the last."""
    last = (-1.0, -1.0)
    for x, y in points[:-1]:
        point = (round(x, DIGITS), round(y, DIGITS))
        if point[0] > last[0] and last[1] < point[1] < 1.0 and point[0] < 1.0:
            yield point
            last = point
    yield points[-1]


def _trust(scale: Scale, intercept: float, weights: Any, missing: Any, tags: Mapping[str, float]) -> Trust:
    features = {
        name: Feature(
            mean=float(mean),
            scale=float(deviation),
            weight=round(float(weight), DIGITS),
            missing=round(float(without), DIGITS) if gap else None,
        )
        for name, mean, deviation, weight, without, gap in zip(
            scale.names, scale.mean, scale.scale, weights, missing, scale.gaps, strict=True
        )
    }
    return Trust(intercept=round(intercept, DIGITS), features=features, tags=dict(sorted(tags.items())))


def trusted(trust: Trust, signals: Any, tags: Any) -> Any:
    """What *trust* says of many replies, (n, signals) and (n): the same as one call each, to the last digits."""
    z = trust.intercept + weighed(trust.features, signals)
    if trust.tags:
        z = z + np.array([trust.tags.get(tag, 0.0) for tag in tags])
    raw, knots = expit(z), np.array(trust.knots)
    needed = [NAMES.index(name) for name, feature in trust.features.items() if feature.missing is None]
    lacking = np.isnan(signals[:, needed]).any(axis=1)
    return np.where(lacking, 0.0, np.interp(raw, knots[:, 0], knots[:, 1]) if trust.knots else raw)


def weighed(features: Mapping[str, Feature], signals: Any) -> Any:
    """The sums (n) of standardised *signals* (n, signals) times their weights."""
    total = np.zeros(len(signals))
    for name, feature in features.items():
        values = (signals[:, NAMES.index(name)] - feature.mean) / feature.scale
        total += np.where(np.isnan(values), feature.missing or 0.0, feature.weight * np.clip(values, -4, 4))
    return total
