"""Tiers: the models that can be asked, and what each of them can do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from .call import Deployment
from .values import Name, Value


class Tier(Value):
    """
    One rung: a model, where it answers, and its limits and abilities.

    `price_of` books the calls at another model's price: for stand-ins, whose costs are then marked `simulated`.
    """

    name: Name
    model: Annotated[str, Field(min_length=1)]
    api_base: str | None = None
    api_key_env: str | None = None
    price_of: str | None = None
    simulated: bool = False
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60
    context_tokens: Annotated[int, Field(ge=1)] = 128_000
    output_tokens_max: Annotated[int, Field(ge=1)] = 16_384
    image_tokens_max: Annotated[int, Field(ge=1)] = 50_000
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = True
    images: bool = True
    tools: bool = True
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    seed: int | None = None
    sunset: date | None = None
    successor: str | None = None

    @property
    def deployment(self) -> Deployment:
        return Deployment(model=self.model, api_base=self.api_base, api_key_env=self.api_key_env)

    @property
    def priced_model(self) -> str:
        return self.price_of or self.model


Tiers = Mapping[str, Tier]
