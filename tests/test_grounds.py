"""What a text gives grounds for: numbers, dates and words, however they are written."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.grounds import Grounds, normal

RECEIPTS = Path(__file__).parents[2] / "shared" / "data" / "receipts_sroie.jsonl.gz"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("total 12.50", 12.5),
        ("total 12,50", 12.5),
        ("total 12.5", 12.5),
        ("12.50EUR", 12.5),
        ("RM12.50", 12.5),
        ("TOTAL:12", 12),
        ("12.00", 12),
        ("1,234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1 234,50", 1234.5),
        ("1\u00a0234,50", 1234.5),
        ("1\u202f234.50", 1234.5),
        ("1'234.50", 1234.5),
        ("1’234.50", 1234.5),
        ("1,23,456.00", 123_456),
        ("1.234.567", 1_234_567),
        ("1 234 567,89", 1_234_567.89),
        ("2 1 234,50", 1234.5),
        ("3 12.50 4.99", 4.99),
        ("1,234", 1234),
        ("1,234", 1.234),
        ("-5", -5),
        ("5-", -5),
        ("(5.00)", -5),
        ("saved 5", -5),
        ("0.10", 0.1),
        ("0007", 7),
        ("20 %", 20),
        ("room 12, floor 3.", 3),
        ("٣٤", 34),
        ("9223372036854775807", 9223372036854775807),
        ("0.1 + 0.2", 0.2),
        ("1e-7 or 0.0000001", 1e-7),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str, number: float) -> None:
    """Points, commas, blanks and apostrophes may group or divide; signs and what stands around do not matter."""
    assert Grounds(text).hold(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("total 12.50", 12.51),
        ("total 12.50", 1250),
        ("total 125", 12.5),
        ("1234", 34),
        ("12 34", 1234),
        ("3 12.50", 312.5),
        ("1 234 56", 123_456),
        ("1234,567", 1_234_567),
        ("no number", 0),
        ("", 1),
        ("twelve", 12),
    ],
)
def test_a_number_that_is_not_there_is_not_found(text: str, number: float) -> None:
    """Digits of another number, and numbers beside each other, are no grounds."""
    assert not Grounds(text).hold(number)


@pytest.mark.parametrize(
    ("text", "value", "held"),
    [
        ("total 12.50", "12.5", True),
        ("total 12,50", "12.50", True),
        ("total 12.50", "-12.50", True),
        ("total 12.50", "12.51", False),
        ("tel 0171 234 567", "0171234567", True),
    ],
)
def test_a_number_given_as_text_is_held_as_a_number_too(text: str, value: str, held: bool) -> None:
    """An output that writes its amounts as strings is judged by the amount."""
    assert Grounds(text).hold(value) == held


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T10:00",
        "2026/3/1",
        "2026.03.01",
        "20260301",
        "01/03/2026",
        "1.3.2026",
        "1. 3. 2026",
        "01-03-26",
        "1/3/26",
        "03/01/2026",
        "1 March 2026",
        "1 Mar 26",
        "01-MAR-2026",
        "1MAR2026",
        "March 1, 2026",
        "Mar 1st, 2026",
        "Mar. 1, '26",
        "1st of March 2026",
        "1. März 2026",
        "1. Maerz 2026",
        "le 1er mars 2026",
        "1º de marzo de 2026",
        "1 de março de 2026",
        "1 marzo 2026",
        "1 maart 2026",
        "2026 March 1",
        "2026年3月1日",
        "2026년 3월 1일",
        "Sun, 1 Mar 2026 12:30:01",
        "printed 2026-03-01 at till 4",
        "till 19- 01/03/2026",
    ],
)
def test_a_date_is_found_however_it_is_written(text: str) -> None:
    """Order, separators, month names of several languages and years of two digits all mean the same day."""
    assert Grounds(text).hold("2026-03-01")


@pytest.mark.parametrize(
    "text", ["2026-03-02", "1 April 2026", "1 March 2025", "March 2026", "12026-03-011", "31/02/2026", "1/3", "1.3.4"]
)
def test_another_date_is_not_found(text: str) -> None:
    """Another day, month or year, and what is no date, are no grounds."""
    assert not Grounds(text).hold("2026-03-01")


def test_a_year_of_two_digits_may_be_of_either_century() -> None:
    """A birth date is no date of this century."""
    assert Grounds("born 31/12/99").hold("1999-12-31")
    assert Grounds("due 31/12/99").hold("2099-12-31")


def test_days_that_do_not_exist_are_no_dates() -> None:
    """The thirtieth of February is neither found nor a reason to stop."""
    assert not Grounds("30/02/2026 and 99/99/9999 and 0000-00-00").hold("2026-02-28")


FORMS = ["%d/%m/%Y", "%Y.%m.%d", "%d %B %Y", "%b %d, %y"]


@given(st.dates(date(1930, 1, 1), date(2029, 12, 31)), st.sampled_from(FORMS))
def test_any_day_is_found_in_its_common_forms(day: date, form: str) -> None:
    """Whichever day it is, its usual ways of being written are recognized."""
    assert Grounds(f"on {day.strftime(form)}.").hold(day.isoformat())


@given(st.decimals(0, 10**9, places=2), st.sampled_from(["{:.2f}", "{:,.2f}", "EUR {:.2f}", "-{:.2f}"]), st.booleans())
def test_any_amount_is_found_in_its_common_forms(amount: Any, form: str, continental: bool) -> None:
    """Whichever amount it is, both ways of pointing and grouping are recognized."""
    text = form.format(amount)
    if continental:
        text = text.translate(str.maketrans(".,", ",."))

    assert Grounds(f"total: {text}\n").hold(float(amount))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACME Stores, Ltd.", "acme stores ltd"),
        ("acme   stores\nltd", "ACME STORES LTD"),
        ("Café Noir", "CAFE NOIR"),
        ("Cafe Noir", "Café Noir"),
        ("STRASSE 5", "Straße 5"),
        ("ＡＣＭＥ", "ACME"),
        ("BOOK TA.K (TAMAN) SDNBHD", "Book Tak Taman Sdn Bhd"),
        ("SDNBHDXY and so on", "SDN BHD XY"),
        ("東京ラーメン 本店", "東京ラーメン"),
        ("Москва, ул. Ленина", "москва ул ленина"),
        ("price in € only", "€"),
        ("anything", ""),
    ],
)
def test_words_are_found_without_regard_to_their_looks(text: str, words: str) -> None:
    """Case, accents, width, blanks and punctuation do not matter; longer names may be spaced otherwise."""
    assert Grounds(text).hold(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACME Stores", "ACME Shops"),
        ("Pineapple", "apple"),
        ("Art Hall", "Tha"),
        ("SDNBHDX and so on", "SDN BHD X"),
        ("a b", "b a"),
        ("price in $", "€"),
        ("", "x"),
    ],
)
def test_other_words_are_not_found(text: str, words: str) -> None:
    """Parts of words, other orders and other signs are no grounds."""
    assert not Grounds(text).hold(words)


@given(st.text(max_size=40))
def test_normal_text_stays_as_it_is(text: str) -> None:
    """Making a text normal twice changes nothing more, and leaves single blanks between letters and digits."""
    once = normal(text)

    assert normal(once) == once
    assert once == " ".join(once.split())


@given(st.text(max_size=60), st.text(max_size=10) | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_can_be_asked_for_any_value(text: str, value: Any) -> None:
    """No text and no value is a surprise, and a text holds itself."""
    assert Grounds(text).hold(value) in (True, False)
    assert Grounds(text).hold(text)


@pytest.mark.parametrize("unit", ["1 ", "1.", "1,", "12 de ", "1/1/", "jan ", "1" + " " * 99, "-", "2026-"])
def test_no_text_takes_long(unit: str) -> None:
    """Texts that nearly hold a date or a number again and again are searched like all others."""
    assert not Grounds(unit * 20_000).hold("1999-05-05")


@pytest.mark.skipif(not RECEIPTS.exists(), reason=f"the data set {RECEIPTS.name} is not here")
def test_real_receipts_hold_what_people_read_in_them(record_property: Any) -> None:
    """On scanned receipts nearly all true values are found, and hardly any of another receipt."""
    with gzip.open(RECEIPTS, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for field in ("company", "date", "total"):
        own = [_value(row, field) for row in rows]
        held = [Grounds(r["input"]["text"]).hold(v) for r, v in zip(rows, own, strict=True) if v is not None]
        others = zip(rows, own[7:] + own[:7], own, strict=True)
        wrong = [Grounds(r["input"]["text"]).hold(v) for r, v, mine in others if v is not None and v != mine]
        true_share, false_share = sum(held) / len(held), sum(wrong) / len(wrong)
        record_property(field, f"{true_share:.3f} of {len(held)} found, {false_share:.3f} of {len(wrong)} others")
        print(f"{field}: {true_share:.3f} of {len(held)} found, {false_share:.3f} of {len(wrong)} foreign ones")
        assert true_share > 0.95
        assert false_share < 0.15


def _value(row: dict[str, Any], field: str) -> Any:
    """The true value as a policy would have it: amounts as numbers, dates in ISO form; None where it cannot be."""
    text = row["gold"][field]
    if field == "company":
        return text
    if field == "total":
        return float(text) if text.replace(".", "").isdecimal() else None
    for form in ("%d/%m/%Y", "%d-%m-%Y", "%d-%m-%y", "%d/%m/%y", "%d %b %Y", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(text, form).date().isoformat()
    return None
