"""What is found in a text."""

from __future__ import annotations

import pytest

from router.local.spans import Span, clauses, dates, matching, mentions, moments, numbers, runs, texts


def values(found: object) -> list[object]:
    """The values of some spans."""
    assert not isinstance(found, Span)
    return [span.value for span in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Total: 1,234.50", 1234.5),
        ("Summe 1.234,50", 1234.5),
        ("Summe 6,90", 6.9),
        ("1,250 pieces", 1250),
        ("Total $15.16", 15.16),
        ("Rabatt -5,00", -5.0),
        ("Credit 5.00-", -5.0),
        ("1'250.00", 1250.0),
        ("a table for four", 4),
    ],
)
def test_numbers_are_read_however_they_are_written(text: str, value: float) -> None:
    """Decimal commas, thousands marks, signs and words."""
    assert value in values(numbers(text))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-04", "2026-03-04"),
        ("04.03.2026", "2026-03-04"),
        ("4/3/26", "2026-03-04"),
        ("4 March 2026", "2026-03-04"),
        ("Mar 4, 2026", "2026-03-04"),
        ("4. März 2026", "2026-03-04"),
        ("4 de mayo de 2026", "2026-05-04"),
        ("2026年3月4日", "2026-03-04"),
    ],
)
def test_days_become_iso_dates(text: str, day: str) -> None:
    """However a day is written, it is found."""
    assert day in values(dates(f"on {text}, at ten"))


def test_a_day_that_does_not_exist_is_no_candidate() -> None:
    """31 February is not a date; an ambiguous one is read both ways."""
    assert values(dates("31.02.2026")) == []
    assert set(values(dates("03/04/2026"))) == {"2026-04-03", "2026-03-04"}


def test_other_values_are_found_as_they_stand() -> None:
    """Addresses, phones, times, names, what follows a colon."""
    found = values(texts("Name: Ada Byron\nWrite to ada@example.com or call +1 555 0100 at 19:30"))

    assert {"Ada Byron", "ada@example.com", "+1 555 0100", "19:30"} <= set(found)


def test_a_schemas_pattern_finds_codes_written_carelessly() -> None:
    """Blanks, dashes and small letters do not hide an order number."""
    find = matching("^[A-Z][0-9]{6}$")

    for text in ("order R482913", "order r482913", "my order R 482913?", "R-482-913 pls"):
        assert "R482913" in values(find(text))


def test_listed_values_and_signs_of_currencies_are_mentioned() -> None:
    """A value in a list is found by its words, a currency by its sign."""
    assert set(values(mentions(["EUR", "GBP", "next_day"])("Next day, 5 € please"))) == {"EUR", "next_day"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("remind me on Monday at 10 to call", "Monday at 10"),
        ("take it out in 20 minutes", "in 20 minutes"),
        ("a table for 2, 14 March, please", "14 March"),
        ("rappelle-moi demain", "demain"),
    ],
)
def test_moments_are_found_as_written(text: str, moment: str) -> None:
    """Days without a year and hours, alone or together, without the preposition."""
    assert moment in values(moments(text))


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("remind me to call the dentist on Monday at 10", "call the dentist"),
        ("add oat milk to the shopping list", "oat milk"),
        ("shopping list: bread, cheese and olives", "bread, cheese and olives"),
    ],
)
def test_clauses_end_where_the_wish_ends(text: str, wish: str) -> None:
    """What is wanted is told from when and where it is wanted."""
    assert wish in values(clauses(text))


def test_runs_of_words_stay_within_a_sentence() -> None:
    """No candidate goes over the end of a line or of a sentence."""
    found = values(runs("call Ada. Then\nrest"))

    assert "call Ada" in found
    assert not {"Ada. Then", "Then\nrest"} & set(found)
