"""How values stand on a page."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from router.cli.printing import dollars as on_a_terminal
from router.values import Json
from router.web.shown import (
    TEXT_MAX,
    age,
    between,
    command,
    dollars,
    draft,
    finalize,
    moment,
    money,
    places_of,
    pretty,
    ratio,
    returned,
    share,
    shortened,
    ticked,
    verbatim,
    visible,
)


@pytest.mark.parametrize(
    ("nusd", "shown"),
    [
        (0, "$0"),
        (1, "$0.000000001"),
        (999, "$0.000000999"),
        (210_000, "$0.000210"),
        (-210_000, "−$0.000210"),
        (1_500_000_000, "$1.5000"),
        (1_234_567_890_000, "$1,234.57"),
        (None, "–"),
        ("0.000210000", "$0.000210"),
        ("0.000000001", "$0.000000001"),
        (102_760_500, "$0.102761"),
        ("0.005817500", "$0.005818"),
    ],
)
def test_small_amounts_never_read_as_nothing(nusd: int | str | None, shown: str) -> None:
    """Dollars to the micro-dollar, finer below it; a loss has its sign before the dollar."""
    assert dollars(nusd) == shown


@given(st.integers(1, 10**9 - 1))
def test_a_page_rounds_as_a_terminal_does(nusd: int) -> None:
    """Amounts below a dollar, which have as many places in both, read alike to the last of them."""
    assert dollars(nusd) == on_a_terminal(nusd)


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ([4_830_800_000, 1_200_000, 0], ["$4.830800", "$0.001200", "$0.000000"]),
        ([50_000_000_000, 1_000_050_000], ["$50.0000", "$1.0001"]),
        ([1_000_000_000_000], ["$1,000.00"]),
        ([999, 5 * 10**9], ["$0.000000999", "$5.000000000"]),
        ([0], ["$0.00"]),
    ],
)
def test_a_column_may_have_as_many_places_throughout(column: list[int], shown: list[str]) -> None:
    """Those of the amount that needs the most; none is rounded further than it would be alone."""
    places = places_of(column)

    assert [dollars(nusd, places) for nusd in column] == shown
    assert all("span" not in money(nusd, places) for nusd in column)


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0 s"),
        (7, "7 ms"),
        (1500, "1.5 s"),
        (59_000, "59 s"),
        (61_000, "1 min 1 s"),
        (900_000, "15 min"),
        (3_700_000, "1 h 1 min"),
        (200_000_000, "2 d 7 h"),
        (None, "–"),
    ],
)
def test_ages_have_the_units_that_matter(ms: int | None, shown: str) -> None:
    """From milliseconds to days, two units at most."""
    assert age(ms) == shown


def test_times_are_utc() -> None:
    """To the second, from either form that is known here."""
    at = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)

    assert moment(at) == moment(int(at.timestamp() * 1000)) == "2026-11-20 14:00:05"
    assert (moment(None), between(at, None), between(at, at.replace(second=7))) == ("–", "–", "2.0 s")


def test_shares_of_nothing_are_none() -> None:
    """There is no share where there is nothing to divide by."""
    assert (ratio(1, 0), ratio(1, 4), share(None), share(0.25)) == (None, 0.25, "–", "25.0%")


@pytest.mark.parametrize(
    "steering", ["\u202e", "\u2066", "\u200f", "\x1b", "\x00", "\x9b", "\u2028", "\ud800", "\ufeff"]
)
def test_what_steers_a_screen_is_spelled_out(steering: str) -> None:
    """Turned directions, terminal codes, half characters and invisible ones are seen, and can be sent."""
    shown = visible(f"a{steering}b")

    assert steering not in shown
    assert shown.startswith("a\\")
    assert shown.encode()


def test_other_scripts_are_left_alone() -> None:
    """Lines, tabs, and letters of any language are no danger."""
    assert visible("שלום\tعربى\n日本 é") == "שלום\tعربى\n日本 é"


def test_nothing_is_cut_for_a_longer_note() -> None:
    """Policies that differ in their last characters are told apart: a note would take more room than these."""
    first, second = (f"{'a' * 61}{number}" for number in (10, 20))

    assert (shortened(first, 60), shortened(second, 60)) == (first, second)


def test_values_pass_one_door() -> None:
    """Texts are made visible on their way into a page, markup and numbers are as they are."""
    assert finalize("\u202e") == "\\u202e"
    assert finalize(Markup("<b>")) == "<b>"
    assert finalize(7) == 7


def test_long_texts_say_how_much_is_missing() -> None:
    """The beginning is shown, with the number of characters that are not."""
    assert shortened("abc", 3) == "abc"
    assert shortened("abc" * 10, 3) == "abc … (27 more characters)"
    assert pretty({"a": "é"}) == '{\n  "a": "é"\n}'
    assert pretty("text") == "text"


STEERED = 'a\u00ad\u200f\u202e\x7f\x9b\x1b"\\ é 日 <b>'


@pytest.mark.parametrize("value", [{"merchant": STEERED}, [STEERED], STEERED, None, "y" * (2 * TEXT_MAX)])
def test_a_draft_in_json_comes_back_as_it_was(value: Json) -> None:
    """The whole of it is valid JSON of the same value, in which nothing steers a screen."""
    written = draft(value, plain=False)

    assert json.loads(written) == value
    assert visible(written) == written


def test_a_draft_of_a_text_is_the_text() -> None:
    """Nothing is spelled out or left out in what somebody may send back: only markup is told from text."""
    assert draft(STEERED * 9999, plain=True) == STEERED * 9999
    assert finalize(verbatim(STEERED)) == escape(STEERED)


@pytest.mark.parametrize(
    ("text", "back"),
    [("a\r\nb\rc\nd", "a\nb\nc\nd"), ("\r\r\n\n", "\n\n\n"), ("a\0b", "a\ufffdb"), (STEERED, STEERED)],
)
def test_a_field_gives_a_text_back_in_one_form(text: str, back: str) -> None:
    """Ends of lines are alike afterwards, and what went through a field once goes through it unchanged."""
    assert returned(text) == returned(back) == back


@pytest.mark.parametrize(("nusd", "places"), [(10**12, 2), (10**9, 4), (10**8, None), (5, None), (0, None)])
def test_sums_leave_room_for_digits_that_they_do_without(nusd: int, places: int | None) -> None:
    """So that points stand below each other; the exact amount is there, too."""
    room = f'<span class="d{places}"></span>' if places else ""

    assert money(nusd) == f'<data value="{nusd / 1e9:.9f}" title="${nusd / 1e9:.9f}">{dollars(nusd)}{room}</data>'


def test_commands_between_ticks_stand_out() -> None:
    """What is quoted in a sentence of ours is escaped like any text; no option of it is broken at its dashes."""
    assert command("a --b <c> -d") == Markup(
        '<code>a <span class="nowrap">--b</span> &lt;c&gt; <span class="nowrap">-d</span></code>'
    )
    assert ticked("run `a <b>` now <c>") == escape("run ") + Markup("<code>a &lt;b&gt;</code>") + " now <c>"
