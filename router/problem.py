"""A mistake in a file, at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what, and what was probably meant; prints with the line and a caret."""

    file: str
    place: Place
    message: str
    text: str = ""
    suggestion: str | None = None

    def __str__(self) -> str:
        told = f"{self.file}:{self.place.line}:{self.place.column}: {self.message}"
        if self.suggestion:
            told += f"; did you mean {self.suggestion!r}?"
        if not self.text.strip():
            return told
        number = str(self.place.line)
        gap = " " * len(number)
        return f"{told}\n {number} | {self.text}\n {gap} | {' ' * (self.place.column - 1)}^"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that *word* was probably meant to be."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)
