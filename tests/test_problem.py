"""How a mistake in a file is shown to its author."""

from __future__ import annotations

import pytest

from router.problem import Place, Problem, closest


def test_a_problem_shows_its_place_and_line_with_a_caret() -> None:
    """An editor can jump to it, a person sees the line and where in it."""
    problem = Problem("receipts.yaml", Place(12, 5), "there is no such key", "  - tear: mini", suggestion="tier")

    assert str(problem).splitlines() == [
        "receipts.yaml:12:5: there is no such key; did you mean 'tier'?",
        " 12 |   - tear: mini",
        "    |     ^",
    ]


@pytest.mark.parametrize("text", ["", "   "])
def test_a_problem_without_a_line_is_one_sentence(text: str) -> None:
    """Where there is nothing to see, nothing is drawn."""
    assert str(Problem("tiers.yaml", Place(1, 1), "cannot be read", text)) == "tiers.yaml:1:1: cannot be read"


def test_a_caret_stands_under_its_character_on_a_screen() -> None:
    """A tab moves the caret as far as it moves the text, and characters of double width take two cells."""
    tabbed = str(Problem("f", Place(1, 3), "wrong", "\t\tx")).splitlines()
    wide = str(Problem("f", Place(1, 3), "wrong", "東京x")).splitlines()

    assert tabbed[2].expandtabs(8).index("^") == tabbed[1].expandtabs(8).index("x")
    assert wide[1:] == [" 1 | 東京x", "   |     ^"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("confidense", "confidence"), ("Schema", "schema"), ("at_leest", None), ("", None)],
)
def test_the_closest_known_word_is_what_was_meant(word: str, meant: str | None) -> None:
    """A slip of the pen is recognized, a word unlike all others is not."""
    assert closest(word, ["schema", "confidence", "rule"]) == meant
