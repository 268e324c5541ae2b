"""Prices and costs. A cost is a whole number of nano-dollars: sums are exact, and Redis can add them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from .call import Call, Usage
from .jsontext import canonical
from .values import Json, Value

_USD_PLACES = 9
NUSD_PER_USD = 10**_USD_PLACES
_PUSD_PER_NUSD = 1000
_PUSD_PER_USD_PER_MILLION = 10**6  # 1 $ / 10^6 tokens = 10^12 pico-dollars / 10^6 tokens

_MESSAGE_TOKENS = 16
"""Tokens that a provider adds around one message; OpenAI documents 3 to 4, tool definitions take some more."""

UsdPerMillion = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


class Rates(Value):
    """Dollars per million tokens."""

    input: UsdPerMillion
    cached_input: UsdPerMillion | None = None
    output: UsdPerMillion

    @cached_property
    def pusd_per_token(self) -> tuple[int, int, int]:
        """Pico-dollars per fresh input, cached input and output token: whole numbers for every rate we admit."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh, kept, out = (int(rate * _PUSD_PER_USD_PER_MILLION) for rate in (self.input, cached, self.output))
        return fresh, kept, out

    def of(self, usage: Usage) -> int:
        """Cost of *usage* in nano-dollars."""
        fresh, kept, out = self.pusd_per_token
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        return _nusd((usage.input_tokens - cached) * fresh + cached * kept + usage.output_tokens * out)

    def most(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost at most, whether the input is read from a cache or not; in nano-dollars."""
        fresh, kept, out = self.pusd_per_token
        return _nusd(input_tokens * max(fresh, kept) + output_tokens * out)


def _nusd(pusd: int) -> int:
    """Whole nano-dollars, half a one rounded up."""
    return (pusd + _PUSD_PER_NUSD // 2) // _PUSD_PER_NUSD


class LongContext(Rates):
    """Rates that hold for a whole call once its input is longer than `input_tokens`."""

    input_tokens: Annotated[int, Field(gt=0)]


class Price(Rates):
    """What a model costs from a day on, with where that was read."""

    since: Annotated[str, Field(alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")]
    source: str
    batch: Annotated[Decimal, Field(gt=0, le=1)] | None = None
    above: LongContext | None = None

    @model_validator(mode="after")
    def _is_a_day(self) -> Self:
        date.fromisoformat(self.since)
        return self

    def of(self, usage: Usage) -> int:
        if self.above is not None and usage.input_tokens > self.above.input_tokens:
            return self.above.of(usage)
        return super().of(usage)

    def worst(self, *, input_tokens: int, output_tokens: int) -> int:
        """The most that a call within these bounds can cost, in nano-dollars."""
        base = self.most(input_tokens, output_tokens)
        if self.above is None or input_tokens <= self.above.input_tokens:
            return base
        return max(base, self.above.most(input_tokens, output_tokens))


class PriceBook(Value):
    """Dated prices by model. A price that is not in here is an error when loading, never zero."""

    prices: Mapping[str, Annotated[tuple[Price, ...], Field(min_length=1)]]

    def price(self, model: str, day: date) -> Price | None:
        """The newest price of *model* that is in force on *day*; None where none is."""
        in_force = [p for p in self.prices.get(model, ()) if p.since <= day.isoformat()]
        return max(in_force, key=lambda p: p.since, default=None)


def input_tokens_at_most(call: Call, *, image_tokens_max: int) -> int:
    """
    Bound the input tokens of *call* from above: no byte-pair tokenizer makes more tokens than there are UTF-8 bytes,
    an image is taken at the model's worst case.
    """
    tokens = _MESSAGE_TOKENS
    for message in call.messages:
        rest = {key: value for key, value in message.items() if key not in ("role", "content")}
        tokens += _MESSAGE_TOKENS + _content_tokens(message.get("content"), image_tokens_max)
        tokens += _bytes(canonical(rest)) if rest else 0
    if call.response_schema is not None:
        tokens += _MESSAGE_TOKENS + call.response_schema.size
    for tool in call.tools:
        tokens += _MESSAGE_TOKENS + _bytes(canonical(tool))
    return tokens


def tokens_about(input_tokens_most: int, output_tokens: int) -> int:
    """
    What a call will about count against a provider's tokens per minute: English has some four bytes a token, and
    OpenAI counts the output asked for, not the output given.
    """
    return input_tokens_most // 4 + output_tokens


def _content_tokens(content: object, image_tokens_max: int) -> int:
    if isinstance(content, str):
        return _bytes(content)
    parts = content if isinstance(content, list) else []
    return sum(_part_tokens(part, image_tokens_max) for part in parts)


def _part_tokens(part: Mapping[str, Json], image_tokens_max: int) -> int:
    """What is no text and no image is counted as it is written."""
    match part:
        case {"type": "image_url", "image_url": _, **rest}:
            return image_tokens_max + (_bytes(canonical(rest)) if rest else 0)
        case {"type": "text", "text": str(text), **rest} if not rest:
            return _bytes(text)
        case _:
            return _bytes(canonical(part))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def usd(nusd: int) -> str:
    """Nano-dollars as a decimal string in dollars with nine places: `210_000` is `"0.000210000"`."""
    sign = "-" if nusd < 0 else ""
    whole, rest = divmod(abs(nusd), NUSD_PER_USD)
    return f"{sign}{whole}.{rest:09d}"


def rounded(nusd: int, places: int) -> Decimal:
    """Nano-dollars as dollars with so many decimal places, half of the last one away from nothing: every view's."""
    step = 10 ** (_USD_PLACES - places)
    size = (abs(nusd) + step // 2) // step
    return Decimal(-size if nusd < 0 else size).scaleb(-places)


def nusd(usd_amount: Decimal) -> int:
    """Dollars as whole nano-dollars, rounded down: a limit is never widened."""
    return int(usd_amount * NUSD_PER_USD)
