"""A small dictionary: words of several languages that mean alike. Only the larger models have read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from .features import words

_LONGEST_PHRASE = 3
_SHORTEST_STEM = 3


def concepts(text: str) -> Iterator[str]:
    """The meanings of the dictionary's words in a text."""
    found = words(text)
    for position, word in enumerate(found):
        yield from of_word(word)
        if word in _FIRST_WORDS:
            for length in range(2, _LONGEST_PHRASE + 1):
                yield from _PHRASES.get(" ".join(found[position : position + length]), ())


@lru_cache(maxsize=20_000)
def of_word(word: str) -> tuple[str, ...]:
    """The meanings of a word by itself, looked up by its beginnings."""
    begins = [meaning for n in range(_SHORTEST_STEM, len(word) + 1) for meaning in _STEMS.get(word[:n], ())]
    return (*begins, *_PHRASES.get(word, ()))


def _read(path: Path) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """The dictionary by stem and by whole word or phrase."""
    stems: dict[str, list[str]] = defaultdict(list)
    phrases: dict[str, list[str]] = defaultdict(list)
    for meaning, entry in _entries(path):
        if entry.endswith("-"):
            stems[entry[:-1]].append(meaning)
        else:
            phrases[" ".join(words(entry.replace("+", " ")))].append(meaning)
    return dict(stems), dict(phrases)


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Each word or phrase with its meaning."""
    dictionary: Mapping[str, str] = yaml.load(path.read_bytes(), Loader=yaml.CBaseLoader)
    return ((meaning, entry) for meaning, entries in dictionary.items() for entry in entries.split())


_STEMS, _PHRASES = _read(Path(__file__).with_suffix(".yaml"))
_FIRST_WORDS = frozenset(phrase.partition(" ")[0] for phrase in _PHRASES)
