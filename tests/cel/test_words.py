"""The words of the documentation."""

from __future__ import annotations

import pytest

from router.cel.words import FUNCTIONS, WORDS
from tests.rules import compiled


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.example)
def test_documented_words_compile(word):
    """Every example that the documentation shows an author is a sound rule."""
    assert compiled(word.example).source == word.example


def test_names_of_functions_are_those_of_the_words():
    """Every function that may be suggested stands in the documentation, but for `dyn`, which undoes the types."""
    told = " ".join(f"{word.example} {word.meaning}" for word in WORDS)

    assert [name for name in FUNCTIONS if name not in told] == ["dyn"]
