"""A mistake in a file, at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Literal, TypeAlias
from unicodedata import east_asian_width

from .jsontext import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column count from 1."""

    line: int
    column: int


_SHOWN_MAX = 400
"""Characters of a line that are shown with a problem in it."""

_WORD_MAX = 200
"""Comparing takes forty times the memory of a word."""

Severity: TypeAlias = Literal["error", "warning"]


class Code(StrEnum):
    """The kind of a problem, for programs. A code keeps its meaning for ever; its severity goes with it."""

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
    TIER_NEVER_ASKED = "POL016"
    CHECK_NEVER_RUN = "POL017"
    MOVE_NEVER_MADE = "POL018"
    CONSTANT = "POL019"
    STRICT_MODE = "POL020"
    NO_LOGPROBS = "POL021"
    PARAMETER = "POL022"
    SUNSET = "POL023"
    OLD_PRICE = "POL024"
    LIMIT = "POL025"
    NOT_WORTH_IT = "POL026"
    ODD_ORDER = "POL027"
    BUDGET = "POL028"
    IDLE_PROMISE = "POL029"
    UNCERTIFIED = "POL030"
    IDLE_AUDIT = "POL031"

    @property
    def severity(self) -> Severity:
        """What is an error cannot run, and `lint` says no; what is a warning will hardly work as it was meant."""
        return "error" if self in _ERRORS else "warning"


_ERRORS = frozenset(
    (
        *(Code.NOT_YAML, Code.UNKNOWN_KEY, Code.MISSING_KEY, Code.WRONG_VALUE, Code.UNREADABLE_FILE),
        *(Code.UNSOUND_SCHEMA, Code.WRONG_PROMPT, Code.UNKNOWN_TIER, Code.WRONG_EXPRESSION, Code.WRONG_PATTERN),
        *(Code.UNKNOWN_FIELD, Code.WRONG_EXAMPLE, Code.NO_PRICE, Code.WRONG_CASE),
    )
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a path of a file's data; `line` and `column` (from 1) lie inside the text there, if given."""

    path: Path
    message: str
    code: Code
    suggestion: str | None = None
    line: int = 0
    column: int = 0


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
        shown, before = _window(self.text, self.place.column - 1)
        return f"{told}\n {number} | {shown}\n {gap} | {_blank(before)}^"


def _window(text: str, column: int) -> tuple[str, str]:
    """As much of a line as people can look at, and what of it stands before the column."""
    if len(text) <= _SHOWN_MAX:
        return text, text[:column]
    start = max(0, column - _SHOWN_MAX // 2)
    end = start + _SHOWN_MAX
    left, right = "…" * (start > 0), "…" * (end < len(text))
    return f"{left}{text[start:end]}{right}", left + text[start:column]


def _blank(text: str) -> str:
    """As much room as *text* takes on a screen: tabs stay tabs, wide characters take two cells."""
    return "".join("\t" if c == "\t" else " " * (1 + (east_asian_width(c) in "WF")) for c in text)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that *word* was probably meant to be; a word that is far too long was meant to be none."""
    if len(word) > _WORD_MAX:
        return None
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def by_place(problem: Problem) -> tuple[str, int, int]:
    """What problems are sorted by: file, line, column."""
    return problem.file, problem.place.line, problem.place.column
