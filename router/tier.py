"""Tiers: the models that can be asked, and what each of them can do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .call import Deployment, Effort, Seed
from .values import Name, Value


def _an_address(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0]:
        raise ValueError(
            f"{text!r} is no address; write http:// or https:// and a host, such as http://localhost:8000/v1"
        )
    return text


Address: TypeAlias = Annotated[str, AfterValidator(_an_address)]


class Place(Value):
    """A deployment as a tiers file lists it; what it does not say is the tier's."""

    name: Name
    model: str | None = None
    api_base: Address | None = None
    api_key_env: str | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None


class Answering(Value):
    """What of a tier decides its answers and what they are booked at, wherever it is asked."""

    model: str
    temperature: float | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    price_of: str | None = None
    simulated: bool = False
    others: tuple[str, ...] = ()
    """Models of deployments that are called otherwise."""

    def __str__(self) -> str:
        settings = self.model_dump(exclude={"model", "others"}, exclude_defaults=True).items()
        return " ".join((self.model, *self.others, *(f"{name}={value}" for name, value in settings)))


class Tier(Value):
    """
    One rung: a model, where it answers, and its limits and abilities.

    `deployments` are several places where the same model answers at the same price, in order of preference: where one
    is broken or busy the next is asked. `price_of` books the calls at another model's price: for stand-ins, whose costs
    are then marked `simulated`.
    """

    name: Name
    model: Annotated[str, Field(min_length=1)]
    api_base: Address | None = None
    api_key_env: str | None = None
    price_of: str | None = None
    simulated: bool = False
    deployments: Annotated[tuple[Place, ...], Field(max_length=20)] = ()
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
    reasoning_effort: Effort | None = None
    seed: Seed | None = None
    sunset: date | None = None
    successor: str | None = None

    @model_validator(mode="after")
    def _deployments_are_unique(self) -> Self:
        names = [place.name for place in self.deployments]
        for index, name in enumerate(names):
            if name in names[:index]:
                said = f"deployment {name!r} is there twice; rename one"
                raise PydanticCustomError("twice", "{said}", {"said": said, "at": ("deployments", index)})
        return self

    @cached_property
    def places(self) -> tuple[Deployment, ...]:
        """Where the model may be asked, the preferred place first."""
        return tuple(self._place(place) for place in self.deployments) or (self._place(None),)

    def _place(self, place: Place | None) -> Deployment:
        """A key is for the address that it was named with: it never goes to another one."""
        own = place.model_dump(exclude_none=True) if place is not None else {}
        shared = {"model": self.model, "api_base": self.api_base}
        if "api_base" not in own:
            shared["api_key_env"] = self.api_key_env
        return Deployment.model_validate(shared | own)

    @cached_property
    def answering(self) -> Answering:
        return Answering(
            model=self.model,
            temperature=self.temperature,
            reasoning_effort=self.reasoning_effort,
            seed=self.seed,
            price_of=self.price_of,
            simulated=self.simulated,
            others=tuple(sorted({place.model for place in self.deployments if place.model} - {self.model})),
        )

    def answering_as(self, then: Answering) -> Self:
        """
        This tier with the model and settings that it had *then*; where it answers and its limits are today's.

        Of its deployments those stay whose models were known then; where none is left all of them do: a task never goes
        to a place that nobody named.
        """
        if then == self.answering:
            return self
        known = {then.model, *then.others}
        places = tuple(place for place in self.deployments if place.model is None or place.model in known)
        changes = then.model_dump(exclude={"others"}) | {"deployments": places or self.deployments}
        return self.model_copy(update=changes)

    @property
    def key_names(self) -> frozenset[str]:
        """The environment variables that hold its providers' keys."""
        return frozenset(place.api_key_env for place in self.places if place.api_key_env)

    @property
    def priced_model(self) -> str:
        return self.price_of or self.model


Tiers = Mapping[str, Tier]
