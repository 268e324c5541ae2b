"""Learns which of the spans in a text is the value of a field: a softmax over the candidates' clues."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .belief import LEAST_PROBABLE, Json, Option
from .labels import softmax
from .page import normal
from .sheet import Sheet

Writing: TypeAlias = Callable[[Json], Json]
Fits: TypeAlias = Callable[[Json], bool]

_RIVALS = 10  # how many of the best wrong candidates are learnt from
_STEP = 0.25
_SLIGHT = 1e-3
_HITS_MIN = 2
_CROWD = 0.25  # how much a kind of span is held against it for being frequent
_SHARPNESS = (0.2, 0.35, 0.5, 0.7, 0.85, 1.0)  # never sharper than learnt: the learner has seen these texts


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value and the clues that speak for it."""

    value: Json
    clues: Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A text's candidates, and which of them are right."""

    candidates: Sequence[Candidate]
    right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ranker:
    """Weighs clues. `reach` is how often the right value was a candidate; `optional` makes "nothing" one."""

    kinds: tuple[str, ...]
    write: Writing
    optional: bool
    weights: dict[str, float]
    sharpness: float
    reach: float

    @classmethod
    def learnt(cls, sheets: Sequence[Sheet], truths: Sequence[Json], fits: Fits, passes: int) -> Ranker | None:
        """Learns from texts and the values that they have; None where the texts do not contain the values."""
        write, kinds, optional = _writing(sheets, truths), _kinds(sheets, truths, fits), None in truths
        cases = [_case(_candidates(s, kinds, fits, write, optional), t) for s, t in zip(sheets, truths, strict=True)]
        reached = [case for case in cases if case.right]
        if not kinds:
            return None
        naive = _naive(reached)
        hard = [_hardest(case, naive) for case in reached]
        sharpness = _sharpness(hard[::2], hard[1::2], passes)
        reach = (len(reached) + 0.5) / (len(cases) + 1.0)
        return cls(kinds, write, optional, _practised(naive, hard, passes), sharpness, reach)

    def __call__(self, sheet: Sheet, fits: Fits) -> list[Option]:
        """The candidates' values with probabilities that add up to the reach; empty where nothing was found."""
        candidates = _candidates(sheet, self.kinds, fits, self.write, self.optional)
        if len(candidates) <= self.optional:
            return []
        shares = softmax([_score(self.weights, candidate) for candidate in candidates], self.sharpness)
        return [(candidate.value, share * self.reach) for candidate, share in zip(candidates, shares, strict=True)]


def _writing(sheets: Sequence[Sheet], truths: Sequence[Json]) -> Writing:
    """How values are written as compared with the text: as they stand, or with other capitals."""
    found = [(s.value, truth) for sheet, truth in zip(sheets, truths, strict=True) for s in sheet.equal_to(truth)]
    return max(_WRITINGS, key=lambda write: sum(write(value) == truth for value, truth in found))


def _kinds(sheets: Sequence[Sheet], truths: Sequence[Json], fits: Fits) -> tuple[str, ...]:
    """The fewest kinds of span that find nearly all values: again and again the one that finds most of what is left."""
    given = [(sheet, truth) for sheet, truth in zip(sheets, truths, strict=True) if truth is not None]
    left = [{span.kind for span in sheet.equal_to(truth) if fits(span.value)} for sheet, truth in given]
    crowd = Counter({kind: len(found) for sheet in sheets for kind, found in sheet.page.by_kind.items()})
    kinds: list[str] = []
    while hits := Counter(kind for found in left for kind in found):
        best = max(sorted(hits), key=lambda kind: hits[kind] / crowd[kind] ** _CROWD)
        if kinds and hits[best] < _HITS_MIN:
            break
        kinds.append(best)
        left = [found for found in left if best not in found]
    return tuple(kinds)


def _case(candidates: Sequence[Candidate], truth: Json) -> Case:
    wanted = normal(truth)
    return Case(candidates, frozenset(i for i, candidate in enumerate(candidates) if normal(candidate.value) == wanted))


def _candidates(sheet: Sheet, kinds: Sequence[str], fits: Fits, write: Writing, optional: bool) -> list[Candidate]:
    spans = sheet.page.spans
    found = [Candidate(write(spans[i].value), sheet.clues(i)) for i in sheet.of_kinds(kinds) if fits(spans[i].value)]
    return [*found, Candidate(None, sheet.clues_to_nothing())] if optional else found


def _hardest(case: Case, weights: dict[str, float]) -> Case:
    """The right candidates and their strongest rivals: the others teach little and cost much."""
    ranked = sorted(range(len(case.candidates)), key=lambda i: -_score(weights, case.candidates[i]))
    kept = [i for i in ranked[:_RIVALS] if i not in case.right] + sorted(case.right)[:_RIVALS]
    return Case([case.candidates[i] for i in kept], frozenset(p for p, i in enumerate(kept) if i in case.right))


def _practised(naive: dict[str, float], cases: Sequence[Case], passes: int) -> dict[str, float]:
    """The weights, corrected by gradient where they mislead."""
    weights = dict(naive)
    for turn in range(passes):
        for case in cases:
            _correct(weights, case, _STEP / (1.0 + 0.3 * turn))
    return weights


def _sharpness(one: Sequence[Case], other: Sequence[Case], passes: int) -> float:
    """How far scores can be trusted: learns from one half and looks at the other."""
    weights = _practised(_naive(one), one, passes)
    scored = [([_score(weights, candidate) for candidate in case.candidates], case.right) for case in other]
    return min(_SHARPNESS, key=lambda sharpness: _surprise(scored, sharpness))


def _naive(cases: Sequence[Case]) -> dict[str, float]:
    """The log-odds of each clue among right candidates against all, shrunk because clues repeat each other."""
    right = Counter(clue for case in cases for i in case.right for clue in case.candidates[i].clues)
    seen = Counter(clue for case in cases for candidate in case.candidates for clue in candidate.clues)
    rights = sum(len(case.right) for case in cases) + 1.0
    total = sum(len(case.candidates) for case in cases) + 1.0
    share = rights / total
    return {
        clue: 0.4 * (math.log((right[clue] + 2.0 * share) / (n + 2.0)) - math.log(share)) for clue, n in seen.items()
    }


def _correct(weights: dict[str, float], case: Case, step: float) -> None:
    shares = softmax([sum([weights[clue] for clue in candidate.clues]) for candidate in case.candidates], 1.0)
    right = sum([shares[i] for i in case.right]) + LEAST_PROBABLE
    for i, candidate in enumerate(case.candidates):
        wanted = shares[i] / right if i in case.right else 0.0
        change = step * (wanted - shares[i])
        for clue in candidate.clues if abs(change) > _SLIGHT else ():
            weights[clue] += change


def _score(weights: dict[str, float], candidate: Candidate) -> float:
    return sum([weights[clue] for clue in candidate.clues if clue in weights])


def _surprise(scored: Sequence[tuple[Sequence[float], frozenset[int]]], sharpness: float) -> float:
    found = [(softmax(scores, sharpness), right) for scores, right in scored]
    return -sum([math.log(sum([shares[i] for i in right]) + 1e-6) for shares, right in found])


def _as_written(value: Json) -> Json:
    return value


def _upper(value: Json) -> Json:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Json) -> Json:
    return value.lower() if isinstance(value, str) else value


def _title(value: Json) -> Json:
    return value.title() if isinstance(value, str) else value


_WRITINGS: tuple[Writing, ...] = (_as_written, _upper, _lower, _title)
