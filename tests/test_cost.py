"""Prices and costs: exact to the nano-dollar, bounded from above, and dated."""

from __future__ import annotations

import json
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.call import ResponseSchema, Usage
from router.cost import Price, PriceBook, Rates, input_tokens_at_most, nusd, rounded, usd
from router.io.folder import read_prices
from tests.builders import a_call, a_price

PRICES_FILE = Path(__file__).parents[1] / "policies" / "prices.yaml"
RATES = st.decimals(0, 500, places=6)
TOKENS = st.integers(0, 2_000_000)


@st.composite
def usages(draw: st.DrawFn, input_max: int = 2_000_000, output_max: int = 2_000_000) -> Usage:
    read, written = draw(st.integers(0, input_max)), draw(st.integers(0, output_max))
    cached, reasoning = draw(st.integers(0, read)), draw(st.integers(0, written))
    return Usage(input_tokens=read, cached_input_tokens=cached, output_tokens=written, reasoning_tokens=reasoning)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Any price that may stand in a price file, sensible or not."""

    def rates() -> dict[str, Any]:
        return {"input": draw(RATES), "cached_input": draw(st.none() | RATES), "output": draw(RATES)}

    above = draw(st.none() | st.integers(1, 300_000))
    return a_price(**rates(), above=None if above is None else {"input_tokens": above, **rates()})


def exactly(rates: Rates, usage: Usage) -> int:
    """The same cost in decimal arithmetic, rounded once at the end."""
    cached = rates.input if rates.cached_input is None else rates.cached_input
    fresh = usage.input_tokens - usage.cached_input_tokens
    dollars = (fresh * rates.input + usage.cached_input_tokens * cached + usage.output_tokens * rates.output) / 10**6
    return int((dollars * 10**9).quantize(Decimal(1), ROUND_HALF_UP))


@given(prices(), usages())
def test_a_cost_is_exact(price: Price, usage: Usage) -> None:
    """Whole-number arithmetic comes to what decimal arithmetic comes to, for every rate that we admit."""
    long = price.above is not None and usage.input_tokens > price.above.input_tokens

    assert price.of(usage) == exactly(price.above if long and price.above else price, usage)


def test_a_cost_in_figures() -> None:
    """A thousand tokens in, of which 400 cached, and a hundred out, at the price of gpt-4o-mini."""
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100, reasoning_tokens=60)

    assert a_price().of(usage) == 600 * 150 + 400 * 75 + 100 * 600 == 180_000


def test_without_a_price_of_their_own_cached_tokens_cost_what_others_do() -> None:
    """A provider that gives no discount gives none."""
    usage = Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=0)

    assert a_price(cached_input=None).of(usage) == 150_000


def test_more_cached_than_read_is_taken_as_all_cached() -> None:
    """A provider's slip makes no negative cost."""
    assert a_price().of(Usage(input_tokens=10, cached_input_tokens=1_000, output_tokens=0)) == 750


def test_a_long_context_changes_the_price_of_the_whole_call() -> None:
    """Above the threshold every token is dearer, not only those above it; at the threshold none is."""
    price = a_price(above={"input_tokens": 272_000, "input": Decimal("0.30"), "output": Decimal("0.90")})

    assert price.of(Usage(input_tokens=272_000, output_tokens=1)) == 272_000 * 150 + 600
    assert price.of(Usage(input_tokens=272_001, output_tokens=1)) == 272_001 * 300 + 900


@given(prices(), TOKENS, TOKENS, st.data())
def test_no_usage_within_bounds_costs_more_than_the_worst_case(
    price: Price, input_tokens: int, output_tokens: int, data: st.DataObject
) -> None:
    """Whatever a call within its bounds really uses, cached or not, long or short, its reservation covers it."""
    usage = data.draw(usages(input_max=input_tokens, output_max=output_tokens))

    assert price.of(usage) <= price.worst(input_tokens=input_tokens, output_tokens=output_tokens)


def test_the_worst_case_is_no_more_than_it_must_be() -> None:
    """A call that is not cached and writes all it may costs exactly its worst case."""
    price = a_price(above={"input_tokens": 1_000, "input": 1, "output": 2})
    for read in (1_000, 1_001):
        usage = Usage(input_tokens=read, output_tokens=50)
        assert price.worst(input_tokens=read, output_tokens=50) == price.of(usage)


# The bound of the input.


def message(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@given(st.lists(st.text(max_size=50), max_size=4))
def test_a_call_has_no_more_tokens_than_bytes_and_some(texts: list[str]) -> None:
    """The bound counts every byte of every message, and something for what the provider adds to each."""
    call = a_call(messages=tuple(message(text) for text in texts))

    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    assert input_tokens_at_most(call, image_tokens_max=0) == 16 + sum(sizes) + 16 * len(texts)


def test_an_image_is_bounded_by_its_tier_not_by_its_bytes() -> None:
    """A megabyte of photo costs what the model bills at most for one image."""
    photo = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    with_photo = a_call(messages=(message([{"type": "text", "text": "Read."}, photo, photo]),))

    assert input_tokens_at_most(with_photo, image_tokens_max=5_000) == 16 + 16 + 5 + 2 * 5_000


def test_schemas_and_functions_are_read_too() -> None:
    """What the provider adds to the prompt is billed, so it is bounded."""
    tool = {"type": "function", "function": {"name": "call_off", "parameters": {}}}
    plain = input_tokens_at_most(a_call(), image_tokens_max=0)
    schema = ResponseSchema(name="receipts", body={"description": "é"})

    with_tools = input_tokens_at_most(a_call(tools=(tool, tool)), image_tokens_max=0)
    with_schema = input_tokens_at_most(a_call(response_schema=schema), image_tokens_max=0)

    assert with_tools == plain + 2 * (16 + len('{"function":{"name":"call_off","parameters":{}},"type":"function"}'))
    assert with_schema == plain + 16 + len('{"description":"é"}'.encode()) + len("receipts")


# The price book.


def a_book(*days: str) -> PriceBook:
    return PriceBook(prices={"m": tuple(a_price(**{"from": day, "source": day}) for day in days)})


@pytest.mark.parametrize(
    ("day", "since"),
    [
        ("2024-07-17", None),
        ("2024-07-18", "2024-07-18"),
        ("2025-12-31", "2024-07-18"),
        ("2026-01-01", "2026-01-01"),
        ("2031-01-01", "2026-01-01"),
    ],
)
def test_a_price_holds_from_its_day_until_the_next(day: str, since: str | None) -> None:
    """The newest price in force counts, whatever the order in the file; before the first there is none."""
    for book in (a_book("2024-07-18", "2026-01-01"), a_book("2026-01-01", "2024-07-18")):
        price = book.price("m", date.fromisoformat(day))
        assert (price.since if price else None) == since


def test_a_model_without_a_price_has_none() -> None:
    """Unknown is None, which no sum takes for zero."""
    assert a_book("2024-07-18").price("other", date(2026, 1, 1)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"input": -1},
        {"input": Decimal("0.0000001")},
        {"output": "cheap"},
        {"from": "2026-02-30"},
        {"from": "18 July 2024"},
        {"batch": 0},
        {"above": {"input_tokens": 0, "input": 1, "output": 1}},
        {"per": "request"},
    ],
)
def test_a_price_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    """Negative, too fine, undated and misspelled prices are told when they are loaded."""
    with pytest.raises(ValidationError):
        a_price(**changes)


def litellms_prices() -> dict[str, Any]:
    """The price file that litellm brings along, without importing litellm."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    return json.loads((Path(spec.origin).parent / "model_prices_and_context_window_backup.json").read_text())  # type: ignore[no-any-return]


def test_shipped_prices_agree_with_those_that_litellm_brings() -> None:
    """A second, independent list says the same of every model that both know, long contexts and batches included."""
    theirs = litellms_prices()
    book = read_prices(PRICES_FILE)
    compared = 0
    for model, dated in book.prices.items():
        entry = theirs.get(model.removeprefix("openai/"))
        if entry is None:
            continue
        compared += 1
        newest = max(dated, key=lambda price: price.since)
        assert _rates(newest) == _their_rates(entry, ""), model
        if newest.above is not None:
            assert _rates(newest.above) == _their_rates(entry, f"_above_{newest.above.input_tokens // 1000}k_tokens")
        if newest.batch is not None:
            assert newest.input * newest.batch == _per_million(entry["input_cost_per_token_batches"]), model
        assert (newest.above is None) == ("input_cost_per_token_above_272k_tokens" not in entry), model
    assert compared >= 4


def _rates(rates: Rates) -> tuple[Decimal, Decimal | None, Decimal]:
    return rates.input, rates.cached_input, rates.output


def _their_rates(entry: dict[str, Any], suffix: str) -> tuple[Decimal, Decimal, Decimal]:
    names = ("input_cost_per_token", "cache_read_input_token_cost", "output_cost_per_token")
    fresh, cached, out = (_per_million(entry[name + suffix]) for name in names)
    return fresh, cached, out


def _per_million(per_token: float) -> Decimal:
    return Decimal(repr(per_token)) * 10**6


# Money, as it is written.


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (210_000, "0.000210000"),
        (1_234_567_890_123, "1234.567890123"),
        (-1, "-0.000000001"),
        (-1_500_000_000, "-1.500000000"),
    ],
)
def test_money_is_written_in_dollars_with_nine_places(amount: int, text: str) -> None:
    """A decimal string, never a float, with the sign in front."""
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [
        (102_760_500, 6, "0.102761"),
        (193_462_500, 6, "0.193463"),
        (5_817_500, 6, "0.005818"),
        (5_817_499, 6, "0.005817"),
        (-5_817_500, 6, "-0.005818"),
        (1_000_050_000, 4, "1.0001"),
        (1_000_050_000, 9, "1.000050000"),
        (0, 6, "0.000000"),
    ],
)
def test_half_a_place_is_rounded_away_from_nothing(amount: int, places: int, shown: str) -> None:
    """An exact half of the last place that is shown counts as a whole one, whatever its sign."""
    assert f"{rounded(amount, places):.{places}f}" == shown


@given(st.integers(-(10**20), 10**20), st.integers(0, 9))
def test_rounding_is_off_by_half_a_place_at_most(amount: int, places: int) -> None:
    """What a screen shows is the nearest that so many places can say."""
    step = 10 ** (9 - places)

    assert abs(nusd(rounded(amount, places)) - amount) * 2 <= step
    assert nusd(rounded(amount, places)) % step == 0


@given(st.integers(-(10**20), 10**20))
def test_money_is_read_back_as_it_was(amount: int) -> None:
    """No nano-dollar is lost on the way to a screen and back."""
    assert nusd(Decimal(usd(amount))) == amount


def test_a_limit_is_never_widened() -> None:
    """Less than a nano-dollar is cut off."""
    assert nusd(Decimal("0.0000000019")) == 1


def test_all_that_a_message_holds_is_counted() -> None:
    """Calls, their results, names, refusals and parts that nobody knows are bounded by their bytes."""
    plain = {"role": "assistant", "content": None}
    called = plain | {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "x" * 500}}]}
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "x" * 500}]}
    hidden = {"type": "image_url", "image_url": {"url": "https://a/b.png"}, "text": "x" * 500}

    base = input_tokens_at_most(a_call(messages=(plain,)), image_tokens_max=100)

    assert input_tokens_at_most(a_call(messages=(called,)), image_tokens_max=100) >= base + 500
    assert input_tokens_at_most(a_call(messages=(refused,)), image_tokens_max=100) >= base + 500
    assert input_tokens_at_most(a_call(messages=({"role": "user", "content": [hidden]},)), image_tokens_max=100) >= (
        base + 100 + 500
    )
