"""A mistake in a file, at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from unicodedata import east_asian_width


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column count from 1."""

    line: int
    column: int


class Code(StrEnum):
    """The kind of a problem, for programs. A code keeps its meaning; the last one is a warning."""

    NOT_YAML = "POL001"
    UNKNOWN_KEY = "POL002"
    MISSING_KEY = "POL003"
    WRONG_VALUE = "POL004"
    UNREADABLE_FILE = "POL005"
    UNSOUND_SCHEMA = "POL006"
    WRONG_PROMPT = "POL007"
    UNKNOWN_TIER = "POL008"
    WRONG_EXPRESSION = "POL009"
    WRONG_PATTERN = "POL010"
    UNKNOWN_FIELD = "POL011"
    WRONG_EXAMPLE = "POL012"
    NO_PRICE = "POL013"
    WRONG_CASE = "POL014"
    UNLIKELY = "POL015"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what, and what was probably meant; prints with the line and a caret."""

    file: str
    place: Place
    message: str
    text: str = ""
    suggestion: str | None = None
    code: Code = field(default=Code.WRONG_VALUE, compare=False)

    def __str__(self) -> str:
        told = f"{self.file}:{self.place.line}:{self.place.column}: {self.message}"
        if self.suggestion:
            told += f"; did you mean {self.suggestion!r}?"
        if not self.text.strip():
            return told
        number = str(self.place.line)
        gap = " " * len(number)
        return f"{told}\n {number} | {self.text}\n {gap} | {_blank(self.text[: self.place.column - 1])}^"


def _blank(text: str) -> str:
    """As much room as *text* takes on a screen: tabs stay tabs, wide characters take two cells."""
    return "".join("\t" if c == "\t" else " " * (1 + (east_asian_width(c) in "WF")) for c in text)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that *word* was probably meant to be."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)
