"""Counters of costs as Redis holds them."""

from __future__ import annotations

from collections import Counter

from router.io.cost_words import TENANTS_MAX, Places, added_words, read_cells, read_sums
from router.spending.counters import MEASURES, OTHER, Cell, Change
from router.verdict import Outcome

CELL = Cell("mini", "receipts", "v1", "acme", "openai/gpt-4o-mini", "interactive", "first", Outcome.PASS)


def test_a_cell_is_read_back_as_it_was() -> None:
    """Its dimensions and all sums, whatever their size and sign; the other fields of an hour are no cells."""
    sums = Counter({name: (-1) ** n * 10 ** (n + 1) for n, name in enumerate(MEASURES)})

    field, text = added_words([Change(7, CELL, sums)], [Counter()])

    found = read_cells(7, {str(field): str(text).encode(), "@": b"1-1", "#": b"1", "#acme": b"1"})
    assert found == [Change(7, CELL, sums)]


def test_what_is_added_is_added_to_what_is_there() -> None:
    """Exactly, beyond what a float could hold."""
    kept = read_sums(b"1 2 90071992547409930")

    _, text = added_words([Change(7, CELL, Counter(settled=1, attempts=-1))], [kept])

    assert text == "0 2 90071992547409931"


def test_sums_of_an_earlier_version_have_fewer_measures() -> None:
    """What is not there is nothing; and there is nothing where there was no cell."""
    assert read_sums(b"1 2") == Counter(attempts=1, calls=2)
    assert read_sums(None) == Counter()


def test_the_first_tenants_of_an_hour_have_a_place() -> None:
    """Those that have one keep it, in that hour; what is ours needs none."""
    places = Places({7: TENANTS_MAX - 1}, {(7, "acme")})

    names = [places.name(7, tenant) for tenant in ("acme", "bolt", "cog", "bolt", ":audit")]

    assert names == ["acme", "bolt", OTHER, "bolt", ":audit"]
    assert places.words(7) == ["#", TENANTS_MAX, "#bolt", 1]
    assert (places.name(8, "cog"), places.words(9)) == ("cog", [])
