"""What a calibration comes to: a certificate, or how many labels are still needed for one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np

from ..certificate import Bin, Certificate, Chance, Evidence, Level, Trust, Usual
from ..cost import PriceBook
from ..policy import Policy
from ..promise import Promise
from ..recorded.recording import Recording
from .bounds import labels_needed
from .fair import gone_past
from .fit import most_likely
from .learning import Learnt, learn
from .report import Candidate, auroc, bins, calibration_error, candidates
from .sample import Sample, sampled
from .table import Table, table

Labels = Literal["expected", "review", "shadow", "graded"]

_PRESENT: Final = 0.5
"""A tier is calibrated whose replies stand in at least this share of the tasks."""

_POWER: Final = 0.8
_SURE: Final = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    `certificate` is None where nothing could be certified; `needed` labels would then do at the observed rate of
    losses, None where no number does. `left_out` tiers had too few replies, or not of all alike. `reliability` is by
    tier, and so is `priced`: of how many tasks a reply's cost is known; the others are taken at the tier's mean.
    """

    certificate: Certificate | None
    candidates: tuple[Candidate, ...]
    certified: Candidate | None
    reliability: Mapping[str, tuple[Bin, ...]]
    figures: Mapping[str, float]
    tasks: int
    labelled: int
    fitted: int
    certifying: int
    needed: int | None
    left_out: tuple[str, ...]
    priced: Mapping[str, int]


def calibrate(
    policy: Policy, recordings: Sequence[Recording], *, labels: Labels, prices: PriceBook, today: date
) -> Outcome:
    """Learn from *recordings* what the promise of *policy* (bound to its tiers) takes; the same ones give the same."""
    promise = policy.promise
    assert promise is not None
    shadow = labels == "shadow"
    samples = [sampled(policy, recording, shadow=shadow, prices=prices) for recording in recordings]
    past = gone_past(policy, recordings)
    tiers = _present([tier for tier in policy.promised_tiers if tier not in past], samples)
    evidence = table(samples, tiers)
    digest = digest_of(recordings)
    learnt = learn(evidence, promise, sides(evidence.ids, digest)) if len(evidence) and tiers else None
    return _Reckoning(policy, promise, evidence, learnt, digest, labels, today).outcome(
        tuple(tier for tier in policy.promised_tiers if tier not in tiers)
    )


def _present(tiers: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    return [tier for tier in tiers if sum(tier in s.seen for s in samples) >= max(1, _PRESENT * len(samples))]


def digest_of(recordings: Iterable[Recording]) -> str:
    """The SHA-256 of the evidence, in whatever order it came."""
    lines = sorted(recording.model_dump_json(exclude_defaults=True) for recording in recordings)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sides(ids: Sequence[str], digest: str) -> Any:
    """A number between 0 and 1 for each task: the same evidence is always divided alike, other evidence afresh."""
    digests = (hashlib.sha256(f"{digest}:{task}".encode()).hexdigest() for task in ids)
    return np.array([int(each[:13], 16) / 16**13 for each in digests])


@dataclass(frozen=True, slots=True)
class _Reckoning:
    """What was learnt, beside what it was learnt from."""

    policy: Policy
    promise: Promise
    table: Table
    learnt: Learnt | None
    digest: str
    labels: Labels
    today: date

    def outcome(self, left_out: tuple[str, ...]) -> Outcome:
        learnt, known = self.learnt, int(self.table.known.sum())
        found = tuple(candidates(learnt, self.table.priced(), self.promise)) if learnt is not None and known else ()
        certified = next((c for c in found if learnt is not None and c.threshold == learnt.threshold), None)
        reliability = self._reliability()
        figures = self._figures(certified, reliability)
        return Outcome(
            certificate=self._certificate(learnt, figures, reliability) if certified is not None and learnt else None,
            candidates=found,
            certified=certified,
            reliability=reliability,
            figures=figures,
            tasks=len(self.table),
            labelled=int(self.table.labelled.sum()),
            fitted=len(learnt.teaching) if learnt is not None else 0,
            certifying=len(learnt.certifying) if learnt is not None else 0,
            needed=None if certified is not None else self._needed(found),
            left_out=left_out,
            priced=dict(zip(self._names(), (~np.isnan(self.table.cost)).sum(axis=0).tolist(), strict=True)),
        )

    def _names(self) -> list[str]:
        """The tiers in the order of the table's costs: `against` last."""
        assert self.policy.held_against is not None
        return [*self.table.tiers, self.policy.held_against]

    def _needed(self, found: Sequence[Candidate]) -> int | None:
        """The fewest labels that would certify one of the candidates, if its rate of losses is what it looks like."""
        delta, at_most = 1 - self.promise.confidence, self.promise.at_most
        if not found:
            return labels_needed(at_most, delta, at_most / 2, _POWER)
        wanted = []
        for each in found:
            rate = (each.losses + at_most / 2) / (each.of + 1)
            if each.of and (looks := labels_needed(at_most, delta / 2, rate, _POWER)) is not None:
                wanted.append(round(looks * self._labels() / each.of))
        return max(min(wanted), self._labels() * 5 // 4) if wanted else None

    def _labels(self) -> int:
        return len(self.learnt.certifying) if self.learnt is not None else 0

    def _reliability(self) -> dict[str, tuple[Bin, ...]]:
        return {tier: bins(trust, right) for tier, (trust, right) in self._judged().items()}

    def _judged(self) -> dict[str, tuple[Any, Any]]:
        """Trust and truth of the certifying replies of each tier that passed their checks."""
        if self.learnt is None:
            return {}
        found = {}
        for i, tier in enumerate(self.table.tiers):
            rows = self.learnt.certifying
            rows = rows[self.table.passed[rows, i] & ~np.isnan(self.table.wrong[rows, i])]
            found[tier] = (self.learnt.trusted(self.table, i)[rows], 1 - self.table.wrong[rows, i])
        return found

    def _figures(self, certified: Candidate | None, reliability: Mapping[str, tuple[Bin, ...]]) -> dict[str, float]:
        figures: dict[str, float | None] = {}
        for tier, (trust, right) in self._judged().items():
            figures[f"{tier}.auroc"] = auroc(trust, right)
            figures[f"{tier}.calibration_error"] = calibration_error(reliability[tier])
            figures[f"{tier}.right"] = float(right.mean()) if len(right) else None
        if certified is not None:
            figures |= {
                "accepted_share": certified.accepted_share,
                "losses": float(certified.losses),
                "of": float(certified.of),
                "loss_bound": certified.bound,
                "cost_share": certified.cost_share,
            }
        return {name: round(value, 4) for name, value in figures.items() if value is not None}

    def _certificate(
        self, learnt: Learnt, figures: Mapping[str, float], reliability: Mapping[str, tuple[Bin, ...]]
    ) -> Certificate:
        levels = {tier: self._level(learnt, i, reliability[tier]) for i, tier in enumerate(self.table.tiers)}
        nobody = Level(trust=Trust(intercept=0.0), threshold=None)
        return Certificate(
            policy=self.policy.policy,
            made=self.today,
            promise=self.promise,
            basis=self.policy.basis,
            evidence=Evidence(
                sha256=self.digest, labels=self.labels, fitted=len(learnt.teaching), certified=len(learnt.certifying)
            ),
            levels={tier: levels.get(tier, nobody) for tier in self.policy.promised_tiers},
            usual=self._usual(),
            report=dict(figures),
        )

    def _level(self, learnt: Learnt, i: int, bins: tuple[Bin, ...]) -> Level:
        scores = learnt.scores(self.table)
        threshold = learnt.threshold
        taken = scores >= (np.inf if threshold is None else threshold)
        trust = learnt.trusted(self.table, i)
        later = {
            tier: _chance(trust[~taken[:, i]], taken[~taken[:, i], j])
            for j, tier in enumerate(self.table.tiers)
            if j > i
        }
        return Level(
            trust=learnt.trusts[self.table.tiers[i]],
            thrift=learnt.thrifts.get(self.table.tiers[i]),
            threshold=threshold,
            accepted_share=round(float(taken[:, i].mean()), 4),
            later=later,
            bins=bins,
        )

    def _usual(self) -> dict[str, Usual]:
        """Cost and latency of the tiers of which anything is known."""
        found = {}
        for i, tier in enumerate(self._names()):
            cost, latency = (values[~np.isnan(values)] for values in (self.table.cost[:, i], self.table.latency[:, i]))
            if cost.size:
                slow = int(np.quantile(latency, 0.95)) if latency.size else 0
                found[tier] = Usual(cost_nusd=round(float(cost.mean())), latency_ms=slow)
        return found


def _chance(trust: Any, taken: Any) -> Chance:
    """How likely a later tier accepts, by the log-odds of the trust before: held near the mean of all."""
    share = (taken.sum() + 0.5) / (len(taken) + 1)
    base = float(np.log(share / (1 - share)))
    if not len(trust):
        return Chance(a=round(base, 6), b=0.0)
    bounded = np.clip(trust, 1 - _SURE, _SURE)
    design = np.column_stack([np.ones(len(trust)), np.log(bounded / (1 - bounded))])
    a, b = most_likely(design, taken.astype(float), np.array([base, 0.0]), np.array([1.0, 10.0]))
    return Chance(a=round(float(a), 6), b=round(float(b), 6))
