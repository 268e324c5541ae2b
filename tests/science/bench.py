"""Measure routing without and with few labels, and a thousand certificates a cell, through the product's functions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from router.calibration.fit import fitted, guessed, scale_of, trusted
from router.calibration.learning import learn
from router.calibration.sample import sampled
from router.calibration.table import Table
from router.calibration.table import table as tabled
from router.certificate import TIE
from router.promise import Kind, Promise

from .data import SOURCES
from .routing import apgr

DELTA: Final = 0.1
_DRAWS: Final = 300
_SEED: Final = 20_261_120


@dataclass(frozen=True, slots=True)
class Cell:
    """A promise on one task, from so many labels; `cost_at_most` is the share of always-top that is aimed at."""

    task: str
    kind: Kind
    at_most: float
    labels: int
    cost_at_most: float | None = None


CELLS: Final = (
    Cell("triviaqa", "accepted_error", 0.05, 300, 0.38),
    Cell("triviaqa", "accepted_error", 0.05, 1000),
    Cell("mmlu", "accepted_error", 0.10, 300),
    Cell("mmlu", "accepted_error", 0.10, 1000),
    Cell("bfcl", "accepted_error", 0.10, 300),
    Cell("bfcl", "accepted_error", 0.10, 1000, 0.24),
    Cell("triviaqa", "regret", 0.01, 1000, 0.40),
    Cell("bfcl", "regret", 0.01, 1000, 0.48),
    Cell("mmlu", "regret", 0.01, 1000, 0.60),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the table, with its interval or its test, and what it is held against."""

    name: str
    value: float
    low: float
    high: float
    wanted: str = ""
    met: bool | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@cache
def evidence(task: str, kind: Kind) -> Table:
    """The whole data of a task, judged under its policy."""
    policy = SOURCES[task].bound(promise={"kind": kind, "at_most": 0.1})
    samples = [sampled(policy, recording, shadow=False) for recording in SOURCES[task].recordings()]
    return tabled(samples, policy.promised_tiers)


def measured(runs: int) -> list[Figure]:
    return [*routing(), *(figure for cell in CELLS for figure in certificates(cell, runs))]


def routing() -> Iterator[Figure]:
    """RouteLLM's GSM8K, without the prompts that its authors found in their training data."""
    signals, tags, weak, strong = _routed()
    free = apgr(trusted(guessed(scale_of(signals)), signals, tags), weak, strong)
    yield Figure("RouteLLM GSM8K, APGR without labels", free, free, free, ">= 0.65", free >= 0.65)
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_DRAWS):
        order = rng.permutation(len(weak))
        taught, rest = order[:300], order[300:]
        trust = fitted(scale_of(signals[taught]), signals[taught], tags[taught], weak[taught])
        found.append(apgr(trusted(trust, signals[rest], tags[rest]), weak[rest], strong[rest]))
    mean, (low, high) = float(np.mean(found)), np.quantile(found, [0.025, 0.975])
    note = f"{_DRAWS} draws, each measured on the rest"
    yield Figure("RouteLLM GSM8K, APGR with 300 labels", mean, float(low), float(high), ">= 0.74", mean >= 0.74, note)


def _routed() -> tuple[Any, Any, Any, Any]:
    recordings = SOURCES["routellm"].recordings()
    clean = np.array([not recording.metadata["contaminated"] for recording in recordings])
    whole = evidence("routellm", "accepted_error")
    strong = np.array([float(bool(recording.replies["large"][0].correct)) for recording in recordings])
    return whole.signals[clean, 0], whole.tags[clean, 0], 1 - whole.wrong[clean, 0], strong[clean]


def certificates(cell: Cell, runs: int) -> Iterator[Figure]:
    """
    Calibrate on draws with replacement and look what each certificate does on all the data.

    Every draw stands for a task of its own, with its own chance between equal trusts, as a new task would have.
    """
    whole, promise = evidence(cell.task, cell.kind), Promise(kind=cell.kind, at_most=cell.at_most, confidence=1 - DELTA)
    rng, start = np.random.default_rng(_SEED), time.perf_counter()
    found = [_one(whole, promise, cell.labels, rng, number) for number in range(runs)]
    risks, costs, naive, shares = map(np.array, zip(*found, strict=True))
    name = f"{cell.task} {cell.kind} {cell.at_most:.0%}, {cell.labels} labels"
    yield _violations(name, risks > cell.at_most)
    wanted = f"<= {cell.cost_at_most:.2f}" if cell.cost_at_most is not None else ""
    mean = float(costs.mean())
    seconds = time.perf_counter() - start
    note = f"accepts {shares.mean():.1%}; nothing certified in {np.mean(shares == 0):.1%}; {seconds:.0f} s"
    met = mean <= cell.cost_at_most if cell.cost_at_most is not None else None
    low, high = np.quantile(costs, [0.025, 0.975])
    yield Figure(f"{name}: cost of always-top", mean, float(low), float(high), wanted, met, note)
    if (samples := _samples_share(cell.task)) > 0:
        note = "the same without what the second samples cost"
        yield Figure(
            f"{name}: cost, replies alone",
            mean - samples,
            float(low) - samples,
            float(high) - samples,
            wanted,
            mean - samples <= cell.cost_at_most if cell.cost_at_most is not None else None,
            note,
        )
    if cell.kind == "accepted_error":
        yield Figure(f"{name}: violations by eye", float(np.mean(naive > cell.at_most)), 0.0, 1.0, note="same scores")


def _violations(name: str, broken: Any) -> Figure:
    """More than delta, by a one-sided binomial test at 5 %?"""
    count, runs = int(broken.sum()), len(broken)
    test = binomtest(count, runs, DELTA, alternative="greater")
    interval = binomtest(count, runs).proportion_ci(0.95, "exact")
    met = bool(test.pvalue > 0.05)
    note = f"{count} of {runs}, p = {test.pvalue:.2f}"
    return Figure(f"{name}: violations", count / runs, interval.low, interval.high, f"<= {DELTA:.0%}", met, note)


def _one(whole: Table, promise: Promise, labels: int, rng: Any, number: int) -> tuple[float, float, float, float]:
    """True risk and cost of one calibration, the risk of a threshold chosen by eye, and the share accepted."""
    rows = rng.integers(0, len(whole), labels)
    drawn = whole.take(rows, [f"{number}:{i}" for i in range(labels)])
    learnt = learn(drawn, promise, rng.random(labels))
    counts = learnt.scores(replace(whole, ties=np.zeros(len(whole))))[:, 0]
    taken = _taken(counts, learnt.threshold)
    scores = learnt.scores(drawn)[learnt.certifying, 0]
    eye = _by_eye(scores, drawn.loss[learnt.certifying, 0], promise.at_most)
    risk = _risk(whole, promise, taken)
    return risk, _cost(whole, taken), _risk(whole, promise, _taken(counts, eye)), float(taken.mean())


def _taken(scores: Any, threshold: float | None) -> Any:
    """How likely each task is accepted, over the chance that breaks ties."""
    return np.zeros(len(scores)) if threshold is None else np.clip((scores - threshold) / TIE, 0, 1)


def _risk(whole: Table, promise: Promise, taken: Any) -> float:
    lost = float((taken * whole.loss[:, 0]).sum())
    of = float(taken.sum()) if promise.kind == "accepted_error" else len(whole)
    return lost / of if of else 0.0


def _cost(whole: Table, taken: Any) -> float:
    return float((whole.cost[:, 0].sum() + ((1 - taken) * whole.cost[:, 1]).sum()) / whole.cost[:, 1].sum())


def _by_eye(scores: Any, losses: Any, at_most: float) -> float | None:
    """The loosest threshold at which the error that was seen looks small enough: what nobody should do."""
    order = np.argsort(-scores)
    seen = np.cumsum(losses[order]) / np.arange(1, len(order) + 1)
    fine = np.flatnonzero(seen <= at_most)
    return float(scores[order][fine[-1]]) if fine.size else None


@cache
def _samples_share(task: str) -> float:
    """What second samples cost, as a share of always-top; 0 where none was taken."""
    recordings = SOURCES[task].recordings()
    spent = [r.replies["mini"][0].consulted.get("agreement") for r in recordings]
    total = sum(each.cost_nusd or 0 for each in spent if each is not None)
    return total / sum(r.replies["large"][0].cost_nusd or 0 for r in recordings)


def table(figures: Sequence[Figure]) -> str:
    width = max(len(figure.name) for figure in figures)
    said = {True: "met", False: "NOT MET", None: ""}
    return "\n".join(
        f"{f.name:<{width}}  {f.value:7.3f}  [{f.low:.3f}, {f.high:.3f}]  {f.wanted:<8} {said[f.met]:<8} {f.note}"
        for f in figures
    )
