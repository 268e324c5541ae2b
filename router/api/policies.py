"""What can be asked for: `/v1/policies`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from ..errors import UnknownPolicy
from ..output import Kind
from ..submission import Card
from ..values import Json
from .backend import Served
from .caller import GUARDED
from .owned import Reader
from .problems import answers
from .published import unknown_policy
from .strict import StrictRoute

routes = APIRouter(prefix="/v1/policies", route_class=StrictRoute, tags=["policies"])


class PolicyShown(BaseModel):
    """The current version of a policy, as its callers need it: no prompt, no checks, no examples."""

    policy: str = Field(examples=["receipts"])
    description: str
    version: str = Field(description="Its digest, which every task keeps.", examples=["0123456789abcdef"])
    tiers: list[str] = Field(description="The escalation path.", examples=[["mini", "small", "large"]])
    input_schema: dict[str, Json]
    images: list[str] = Field(description="Fields of the input that hold images.")
    conversation: bool = Field(description="It has no prompt of its own: its input is `messages`.")
    output: Kind = Field(description="The kind of its outputs.")
    output_schema: dict[str, Json]
    deadline_s: float = Field(description="The longest deadline, and the usual one.")
    keep_s: int = Field(description="How long a task is kept after its end.")
    input_bytes: int
    image_bytes: int


class Policies(BaseModel):
    """All that is published."""

    data: list[PolicyShown]


@routes.get("", responses=GUARDED | answers(503))
async def list_policies(backend: Served, caller: Reader) -> Policies:
    """List what is published, by name."""
    names = await backend.client.policies()
    cards = await asyncio.gather(*(backend.client.known(name) for name in names))
    return Policies(data=[_shown(card) for card in cards])


@routes.get("/{name}", responses=GUARDED | answers(404, 422, 503))
async def get_policy(name: Annotated[str, Path(max_length=100)], backend: Served, caller: Reader) -> PolicyShown:
    """Show what a policy asks for and gives."""
    try:
        return _shown(await backend.client.card(name))
    except UnknownPolicy:
        raise await unknown_policy(backend, caller, name) from None


def _shown(card: Card) -> PolicyShown:
    return PolicyShown(
        policy=card.policy,
        description=card.description,
        version=card.digest,
        tiers=list(card.tiers or (card.tier,)),
        input_schema=dict(card.input_schema),
        images=list(card.images),
        conversation=card.conversation,
        output=card.output,
        output_schema=dict(card.output_schema),
        deadline_s=card.deadline_s,
        keep_s=card.keep_s,
        input_bytes=card.input_bytes,
        image_bytes=card.image_bytes,
    )
