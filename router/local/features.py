"""What a model sees in a text: named views, of which the larger models use more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypeAlias

View: TypeAlias = Callable[[str], Iterable[str]]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ENDINGS = re.compile(r"(?:ings?|ed|ely|ly|ies|es|s|er|en|e|'s)$")
_NUMBERED = re.compile(r"\w*\d(?:[\w.,:/-]*\w)?")
_DIGITS = re.compile(r"\d+")
_CAPITALS = re.compile(r"[A-Z]+")
_SHAPES_MAX = 30
_HINTS = {
    "question": re.compile(r"\?"),
    "shout": re.compile(r"!"),
    "shout twice": re.compile(r"!.*!", re.DOTALL),
    "capitals": re.compile(r"\b[A-Z]{4,}\b"),
    "link": re.compile(r"https?://|www\.|\b\w+\.(?:com|net|org|io|ru)\b"),
    "mail": re.compile(r"\S@\w"),
    "phone": re.compile(r"\+?\d[\d ()./-]{6,}\d"),
    "money": re.compile(r"[$€£¥]|\b(?:USD|EUR|GBP|CHF)\b"),
    "decimals": re.compile(r"\d[.,]\d\d\b"),
    "date": re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b"),
    "code": re.compile(r"\b(?=\w*\d)(?=\w*[A-Z])[A-Z\d][\w-]{4,}"),
    "non-latin": re.compile(r"[\u0370-\u1fff\u3040-\u9fff]"),
    "no letters": re.compile(r"^[\W\d_]*$"),
}


def words(text: str) -> list[str]:
    """The words in lower case."""
    return _WORD.findall(text.lower())


def stems(text: str) -> list[str]:
    """The words without their endings, roughly."""
    return [_stem(word) for word in words(text)]


def pairs(text: str) -> list[str]:
    """Neighbouring stems."""
    found = stems(text)
    return [f"{one} {two}" for one, two in pairwise(found)]


def pieces(text: str) -> list[str]:
    """Four letters in a row, within words: they see through typing errors and word forms."""
    padded = [f" {word} " for word in words(text)]
    return [word[i : i + 4] for word in padded for i in range(max(1, len(word) - 3))]


def hints(text: str) -> list[str]:
    """What the text looks like: questions, links, money, its length."""
    seen = [name for name, pattern in _HINTS.items() if pattern.search(text)]
    shapes = [
        f"shape {_DIGITS.sub('9', _CAPITALS.sub('A', written))}" for written in _NUMBERED.findall(text)[:_SHAPES_MAX]
    ]
    return [*seen, *shapes, f"length {len(text).bit_length()}", f"lines {text.count(chr(10)).bit_length()}"]


def _stem(word: str) -> str:
    return _ENDINGS.sub("", word) if len(word) > 4 else word
