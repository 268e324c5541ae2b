"""What a learner holds possible for one field: values with probabilities, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

Json: TypeAlias = Any  # a JSON value: recursive types cost more casts here than they find mistakes
Option: TypeAlias = tuple[Json, float]

LEAST_PROBABLE = 1e-9


@dataclass(frozen=True, slots=True)
class Belief:
    """Values and their probabilities, best first; what is missing to one belongs to values nobody proposed."""

    options: tuple[Option, ...]

    @classmethod
    def over(cls, options: Iterable[Option]) -> Belief:
        """Adds up equal values, and puts the best first."""
        mass: dict[bytes, float] = {}
        values: dict[bytes, Json] = {}
        for value, probability in options:
            key = orjson.dumps(value)
            values.setdefault(key, value)
            mass[key] = mass.get(key, 0.0) + probability
        ranked = sorted(mass, key=lambda key: -mass[key])
        return cls(tuple((values[key], mass[key]) for key in ranked))

    @classmethod
    def sure(cls, value: Json, probability: float = 1.0) -> Belief:
        """Holds one value possible and no other."""
        return cls(((value, probability),))

    @property
    def value(self) -> Json:
        """The best value."""
        return self.options[0][0]

    @property
    def probability(self) -> float:
        """The probability of the best value, never quite zero."""
        return min(1.0, max(LEAST_PROBABLE, self.options[0][1]))

    def where(self, allowed: Callable[[Json], bool]) -> Belief | None:
        """Rules the other values out and gives their mass to those that stay; None when none stays."""
        kept = [(value, p) for value, p in self.options if allowed(value)]
        if not kept:
            return None
        lost = sum(p for _, p in self.options) - sum(p for _, p in kept)
        scale = 1.0 / max(1.0 - lost, LEAST_PROBABLE)
        return Belief(tuple((value, min(1.0, p * scale)) for value, p in kept))
