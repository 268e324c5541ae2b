"""A small dictionary: words of several languages that mean alike.

The larger models have read it, the middling one the beginning of each entry, the smallest nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from .features import words

_LONGEST_PHRASE = 3
_SHORTEST_STEM = 3
_BASIC_WORDS = 8
_WORDS_REMEMBERED = 20_000


class Dictionary:
    """Looks words, beginnings of words and short phrases up, and says what they mean."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._stems: dict[str, list[str]] = defaultdict(list)
        self._phrases: dict[str, list[str]] = defaultdict(list)
        self._known: dict[str, tuple[str, ...]] = {}
        for meaning, entry in entries:
            self._learn(meaning, entry)
        self._first_words = frozenset(phrase.partition(" ")[0] for phrase in self._phrases)

    def __call__(self, text: str) -> Iterator[str]:
        """The meanings of a text's words and phrases."""
        found = words(text)
        for position, word in enumerate(found):
            yield from self.of_word(word)
            if word in self._first_words:
                for length in range(2, _LONGEST_PHRASE + 1):
                    yield from self._phrases.get(" ".join(found[position : position + length]), ())

    def of_word(self, word: str) -> tuple[str, ...]:
        """The meanings of a word by itself."""
        if word not in self._known:
            if len(self._known) >= _WORDS_REMEMBERED:
                self._known.clear()
            self._known[word] = self._looked_up(word)
        return self._known[word]

    def _learn(self, meaning: str, entry: str) -> None:
        if entry.endswith("-"):
            self._stems[entry[:-1]].append(meaning)
        else:
            self._phrases[" ".join(words(entry.replace("+", " ")))].append(meaning)

    def _looked_up(self, word: str) -> tuple[str, ...]:
        begins = [meaning for n in range(_SHORTEST_STEM, len(word) + 1) for meaning in self._stems.get(word[:n], ())]
        return (*begins, *self._phrases.get(word, ()))


def _entries(dictionary: Mapping[str, str], each_at_most: int | None = None) -> Iterator[tuple[str, str]]:
    """Each word or phrase with its meaning; of each entry only the first words, if so many are enough."""
    return ((meaning, entry) for meaning, entries in dictionary.items() for entry in entries.split()[:each_at_most])


_DICTIONARY: Mapping[str, str] = yaml.load(Path(__file__).with_suffix(".yaml").read_bytes(), Loader=yaml.CBaseLoader)

concepts = Dictionary(_entries(_DICTIONARY))
basics = Dictionary(_entries(_DICTIONARY, _BASIC_WORDS))
