"""What was learnt from evidence: how far a reply can be trusted, and from where on the promise holds."""

from __future__ import annotations

import math
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from .promise import Promise
from .tier import Answering
from .values import Name, Probability, Value

_TIE = 1e-9
"""Far below any difference between two trusts that means something, far above what a float can tell apart."""

_Z_MAX = 4.0
"""Standardised signals are cut here: a value never seen before must not decide alone."""


class Feature(Value):
    """A signal, standardised by `mean` and `scale`, with its weight in log-odds; a missing one adds `missing`."""

    mean: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    weight: float
    missing: float = 0.0


class Trust(Value):
    """
    The probability that a reply is right, from its signals: a logistic regression, then an optional isotonic step
    function (`steps`: from which raw probability on which calibrated one holds; ascending, the first from 0).
    """

    intercept: float
    features: Annotated[dict[str, Feature], Field(max_length=8)] = Field(default_factory=dict)
    tags: dict[str, float] = Field(default_factory=dict)
    steps: tuple[tuple[Probability, Probability], ...] = ()

    def __call__(self, signals: Mapping[str, float], tag: str | None = None) -> float:
        z = self.intercept + self.tags.get(tag or "", 0.0)
        for name, feature in self.features.items():
            value = signals.get(name)
            if value is None:
                z += feature.missing
            else:
                z += feature.weight * max(-_Z_MAX, min(_Z_MAX, (value - feature.mean) / feature.scale))
        raw = 1 / (1 + math.exp(-max(-500.0, min(500.0, z))))
        if not self.steps:
            return raw
        return self.steps[max(0, bisect_right(self.steps, (raw, 2.0)) - 1)][1]


class Chance(Value):
    """How likely a later tier's reply is accepted, given the trust before: log-odds `a + b * logit(trust)`."""

    a: float
    b: float

    def __call__(self, trust: float) -> float:
        bounded = min(1 - 1e-6, max(1e-6, trust))
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, self.a + self.b * math.log(bounded / (1 - bounded))))))


class Level(Value):
    """
    What the evidence says of one tier below `against`: how to trust its replies, and the threshold from which on they
    are accepted; None where nothing could be certified, so that nothing is accepted.

    `later` maps tiers above it to the chance that they accept what this one did not.
    """

    trust: Trust
    threshold: float | None
    accepted_share: Probability = 0.0
    later: dict[Name, Chance] = Field(default_factory=dict)

    def accepts(self, trust: float) -> bool:
        return self.threshold is not None and trust >= self.threshold


class Usual(Value):
    """What one attempt at a tier took in the evidence: mean cost in nano-dollars, 95th percentile of its latency."""

    cost_nusd: Annotated[int, Field(ge=0)]
    latency_ms: Annotated[int, Field(ge=0)] = 0


class Basis(Value):
    """What a certificate was made for and holds for alone: digests of the policy's parts, and who answers."""

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
    report: dict[str, float] = Field(default_factory=dict)

    def outdated(self, promise: Promise | None, basis: Basis) -> tuple[str, ...]:
        """What has changed since it was made, a sentence each; empty while it holds."""
        return tuple(self._changes(promise, basis))

    def _changes(self, promise: Promise | None, basis: Basis) -> Iterator[str]:
        if promise != self.promise:
            yield "the promise is another one"
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
    return trust - _TIE * (zlib.crc32(task_id.encode()) / 2**32)
