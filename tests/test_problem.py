"""How a mistake in a file is shown to its author."""

from __future__ import annotations

import pytest

from router.problem import Code, Place, Problem, by_place, closest


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
    [("confidense", "confidence"), ("Schema", "schema"), ("at_leest", None), ("", None), ("rules" * 50, None)],
)
def test_the_closest_known_word_is_what_was_meant(word: str, meant: str | None) -> None:
    """A slip of the pen is recognized, a word unlike all others is not."""
    assert closest(word, ["schema", "confidence", "rule"]) == meant


@pytest.mark.parametrize("column", [1, 5_000, 10_000])
def test_a_long_line_is_shown_around_its_caret(column: int) -> None:
    """Nobody reads ten thousand characters of one line: what stands around the place is enough."""
    text = "x" * (column - 1) + "?" + "x" * (10_000 - column)

    _, line, caret = str(Problem("f", Place(1, column), "wrong", text)).splitlines()

    assert len(line) < 420
    assert line[caret.index("^")] == "?"


def test_problems_are_read_from_top_to_bottom() -> None:
    """Files by name, lines and columns by number."""
    places = [("b", 1, 1), ("a", 10, 1), ("a", 2, 7), ("a", 2, 5)]
    problems = [Problem(file, Place(line, column), "wrong") for file, line, column in places]

    assert [by_place(problem) for problem in sorted(problems, key=by_place)] == sorted(places)


def test_a_severity_goes_with_its_code() -> None:
    """A program that knows the code knows whether it stops anything."""
    assert (Code.UNKNOWN_KEY.severity, Code.NOT_WORTH_IT.severity) == ("error", "warning")
