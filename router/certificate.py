"""What was learnt from evidence: how far a reply can be trusted, and from where on the promise holds."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .promise import Promise
from .tier import Answering
from .values import Finite, Name, Probability, Value

TIE = 1e-9
"""Far below any difference between two trusts that means something, far above what a float can tell apart."""

_Z_MAX = 4.0
"""Standardised signals are cut here: a value never seen before must not decide alone."""


LOG_COST_MAX = 3.0
"""Odds count for at most twenty times more or less, whatever an input would cost."""

BINS: Final = 8
"""A tier's reliability is seen in so many groups of replies at most."""

Weight = Annotated[Finite, Field(ge=-1e6, le=1e6)]
"""Log-odds; more than this is no evidence."""


class Feature(Value):
    """
    A signal, standardised by `mean` and `scale`, with its weight in log-odds. Where it is missing `missing` is added;
    None where it never was in the evidence: then nobody knows what its absence means.
    """

    mean: Finite = 0.0
    scale: Annotated[Finite, Field(ge=1e-9)] = 1.0
    weight: Weight
    missing: Weight | None = None


def _rising(knots: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if knots and (knots[0][0], knots[-1][0]) != (0.0, 1.0):
        raise ValueError("the first knot is at 0, the last at 1")
    if any(right[0] <= left[0] or right[1] < left[1] for left, right in pairwise(knots)):
        raise ValueError("knots rise from one to the next")
    return knots


class Trust(Value):
    """
    The probability that a reply is right, from its signals: a logistic regression, then optionally a rising line
    through `knots` (raw probability, calibrated one; the first at 0, the last at 1).
    """

    intercept: Weight
    features: Annotated[dict[str, Feature], Field(max_length=8)] = Field(default_factory=dict)
    tags: dict[str, Weight] = Field(default_factory=dict)
    knots: Annotated[tuple[tuple[Probability, Probability], ...], AfterValidator(_rising)] = ()

    def lacking(self, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that a reply lacks and no reply of the evidence did: it cannot be compared with them."""
        return tuple(name for name, f in self.features.items() if f.missing is None and name not in signals)

    def __call__(self, signals: Mapping[str, float], tag: str | None = None) -> float:
        """What cannot be compared with the evidence is not trusted at all."""
        if self.lacking(signals):
            return 0.0
        z = self.intercept + self.tags.get(tag or "", 0.0) + _weighed(self.features, signals)
        raw = 1 / (1 + math.exp(-max(-500.0, min(500.0, z))))
        return _along(self.knots, raw) if self.knots else raw


def _weighed(features: Mapping[str, Feature], signals: Mapping[str, float]) -> float:
    total = 0.0
    for name, feature in features.items():
        value = signals.get(name)
        if value is None:
            total += feature.missing or 0.0
        else:
            total += feature.weight * max(-_Z_MAX, min(_Z_MAX, (value - feature.mean) / feature.scale))
    return total


def _along(knots: tuple[tuple[float, float], ...], x: float) -> float:
    """The height of a line through *knots* at *x*."""
    right = min(len(knots) - 1, max(1, bisect_right(knots, (x, 2.0))))
    (x0, y0), (x1, y1) = knots[right - 1], knots[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


class Thrift(Value):
    """
    Takes risks where they save most: the odds of a trust, up to what is `spared`, are multiplied by what `against`
    would cost for the input, as a multiple of the usual: its logarithm is the sum of weighed, standardised signals.

    That order keeps a promise at the least cost where trust is calibrated and doubt small: a reply is worth accepting
    if it adds little to the errors for what it saves. Doubt up to `spared`, the rate that is allowed among what is
    accepted, adds nothing; and a hopeless reply stays one, whatever it would save.
    Source: Dantzig 1957, "Discrete-variable extremum problems", Operations Research 5:266 (the fractional knapsack).
    """

    spared: Probability = 0.0
    features: Annotated[dict[str, Feature], Field(max_length=8)]

    def of_usual(self, signals: Mapping[str, float]) -> float:
        """What `against` would cost, as a multiple of the usual."""
        return math.exp(max(-LOG_COST_MAX, min(LOG_COST_MAX, _weighed(self.features, signals))))

    def __call__(self, trust: float, signals: Mapping[str, float]) -> float:
        """What *trust* counts as: the trust that would weigh as much where `against` costs what is usual."""
        enough = 1 - self.spared
        if trust >= enough:
            return trust
        odds = trust / (enough - trust) * self.of_usual(signals)
        return enough * odds / (1 + odds)


class Chance(Value):
    """How likely a later tier's reply is accepted, given the trust before: log-odds `a + b * logit(trust)`."""

    a: Weight
    b: Weight

    def __call__(self, trust: float) -> float:
        bounded = min(1 - 1e-6, max(1e-6, trust))
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, self.a + self.b * math.log(bounded / (1 - bounded))))))


class Bin(Value):
    """Some replies of about the same trust: how many, their mean trust, and how many of them were right."""

    count: Annotated[int, Field(ge=1, le=1_000_000_000)]
    trust: Probability
    right: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _holds_the_right_ones(self) -> Self:
        if self.right > self.count:
            raise ValueError(f"{self.right} of {self.count} replies cannot be right")
        return self

    @property
    def share(self) -> float:
        """How many of one were right."""
        return self.right / self.count


def _climbing(bins: tuple[Bin, ...]) -> tuple[Bin, ...]:
    if any(right.trust < left.trust for left, right in pairwise(bins)):
        raise ValueError("trust climbs from bin to bin")
    return bins


class Level(Value):
    """
    What the evidence says of one tier below `against`: how to trust its replies, and the threshold from which on they
    are accepted; None where nothing could be certified, so that nothing is accepted.

    The threshold is one of trust, or of what it counts as where `thrift` says that. `later` maps tiers above it to the
    chance that they accept what this one did not. `bins` are for people alone: how often replies that taught nothing
    were right, by how far they are trusted; empty in certificates of before.
    """

    trust: Trust
    thrift: Thrift | None = None
    threshold: Finite | None = None
    accepted_share: Probability = 0.0
    later: dict[Name, Chance] = Field(default_factory=dict)
    bins: Annotated[tuple[Bin, ...], Field(max_length=BINS), AfterValidator(_climbing)] = ()

    def score(self, trust: float, signals: Mapping[str, float]) -> float:
        """What is held against the threshold."""
        return trust if self.thrift is None else self.thrift(trust, signals)

    def accepts(self, score: float) -> bool:
        return self.threshold is not None and score >= self.threshold


class Usual(Value):
    """What one attempt at a tier took in the evidence: mean cost in nano-dollars, 95th percentile of its latency."""

    cost_nusd: Annotated[int, Field(ge=0)]
    latency_ms: Annotated[int, Field(ge=0)] = 0


class Basis(Value):
    """
    What a certificate was made for and holds for alone: digests of the policy's parts, its path, how long answers may
    be, and who answers.
    """

    policy: Name
    path: tuple[Name, ...]
    output_tokens: int
    prompt: str
    output: str
    checks: str
    models: dict[Name, Answering]


class Evidence(Value):
    """The data behind a certificate: its SHA-256, where labels came from, how many fitted it and certified it."""

    sha256: str
    labels: Literal["expected", "review", "shadow", "graded"]
    fitted: int
    certified: int


class Certificate(Value):
    """The outcome of a calibration: `NAME.certificate.json` beside its policy, and a part of its digest."""

    format: Literal[1] = 1
    policy: Name
    made: date
    promise: Promise
    basis: Basis
    evidence: Evidence
    levels: dict[Name, Level]
    usual: dict[Name, Usual] = Field(default_factory=dict)
    report: dict[str, Finite] = Field(default_factory=dict)

    def outdated(self, promise: Promise | None, basis: Basis) -> tuple[str, ...]:
        """What has changed since it was made, a sentence each; empty while it holds."""
        return tuple(self._changes(promise, basis))

    def _changes(self, promise: Promise | None, basis: Basis) -> Iterator[str]:
        if basis.policy != self.basis.policy or self.policy != basis.policy:
            yield f"it was made for the policy {self.basis.policy}"
        if promise != self.promise:
            yield "the promise is another one"
        if basis.path != self.basis.path:
            yield f"the tiers are {', '.join(basis.path)}, they were {', '.join(self.basis.path)}"
        if basis.output_tokens != self.basis.output_tokens:
            yield f"limits.output_tokens is {basis.output_tokens}, it was {self.basis.output_tokens}"
        if basis.prompt != self.basis.prompt:
            yield "the prompt has changed"
        if basis.output != self.basis.output:
            yield "the output's schema has changed"
        if basis.checks != self.basis.checks:
            yield "the checks have changed"
        for tier in sorted(basis.models.keys() | self.basis.models.keys()):
            now, then = basis.models.get(tier), self.basis.models.get(tier)
            if now != then:
                yield f"tier {tier} answers with {now or 'nothing'}, it was {then or 'nothing'}"


def broken_ties(trust: float, task_id: str) -> float:
    """*trust*, a little less by chance of the task's own: equal trusts must not stand or fall together."""
    return trust - TIE * lot(task_id)


def lot(task_id: str) -> float:
    """Chance of the task's own, evenly between 0 and 1 however ids are made: the same task always draws the same."""
    return int.from_bytes(hashlib.blake2b(task_id.encode(), digest_size=6).digest()) / 2**48
