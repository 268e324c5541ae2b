"""What both of OpenAI's interfaces let a caller set alike, and what of it would change nothing here."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from ...values import Finite
from ...wishes import Parameters
from .asked import RouterAsk
from .shape import Shape, only

Temperature: TypeAlias = Annotated[Finite, Field(ge=0, le=2)]
Penalty: TypeAlias = Annotated[Finite, Field(ge=-2, le=2)]
Share: TypeAlias = Annotated[Finite, Field(ge=0, le=1)]
Label: TypeAlias = Annotated[str, Field(max_length=512)]
Tokens: TypeAlias = Annotated[int, Field(ge=1)]
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Metadata: TypeAlias = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]

NOT_SERVED = "not served here; leave it out"
Absent: TypeAlias = Annotated[None, only(NOT_SERVED)]
"""A parameter that is refused by its name; null is as good as not given."""


class Common(Shape):
    """The parameters that chat completions and responses share."""

    model: str = Field(examples=["policy/intents", "policy/chat", "tier/mini"])
    router: RouterAsk = Field(default_factory=RouterAsk)
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    parallel_tool_calls: bool | None = None
    user: Label | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None
    stream: bool | None = None
    service_tier: Annotated[
        Literal["auto", "default"] | None, only("only 'auto' and 'default' are served: a policy's tiers are its own")
    ] = None
    prompt_cache_retention: Absent = None
    prompt_cache_options: Absent = None
    moderation: Absent = None

    def shared(self) -> dict[str, Any]:
        """Those of the parameters that go to the provider as they are."""
        return {name: getattr(self, name) for name in _PASSED_ON}


_PASSED_ON = ("temperature", "top_p", "top_logprobs", "user", "safety_identifier", "prompt_cache_key")


def parameters(given: dict[str, Any]) -> Parameters:
    """What is not null of *given*."""
    return Parameters(**{name: value for name, value in given.items() if value is not None})
