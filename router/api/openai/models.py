"""GET /v1/models: policies and tiers, as names to ask for."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ...async_client import AsyncClient
from ...submission import Card
from ..backend import Served
from ..caller import GUARDED
from ..owned import Reader
from ..problems import Refused, answers
from ..strict import StrictRoute

routes = APIRouter(route_class=StrictRoute, tags=["openai"])


class Model(BaseModel):
    """A policy or a tier. `created` is 0: OpenAI's SDKs want a number, and versions come and go."""

    id: str = Field(examples=["policy/intents"])
    object: str = "model"
    created: int = 0
    owned_by: str = "router"
    router: dict[str, Any]


class ModelList(BaseModel):
    """All that can be asked for."""

    object: str = "list"
    data: list[Model]


@routes.get("/v1/models", responses=GUARDED | answers(503))
async def list_models(backend: Served, caller: Reader) -> ModelList:
    """List what `model` may say: `policy/NAME`, and `tier/NAME` for one rung of a policy's path."""
    return ModelList(data=list((await _models(backend.client)).values()))


@routes.get("/v1/models/{name:path}", responses=GUARDED | answers(404, 503))
async def retrieve_model(name: str, backend: Served, caller: Reader) -> Model:
    """Show one of them."""
    found = (await _models(backend.client)).get(name)
    if found is None:
        raise Refused(404, "model_not_found", f"there is no model {name!r} here; GET /v1/models lists what is")
    return found


async def _models(client: AsyncClient) -> dict[str, Model]:
    cards = await asyncio.gather(*(client.known(name) for name in sorted(await client.policies())))
    tiers = dict.fromkeys(tier for card in cards for tier in card.tiers)
    listed = [_policy(card) for card in cards]
    listed += [
        Model(id=f"tier/{tier}", router={"policies": [card.policy for card in cards if tier in card.tiers]})
        for tier in tiers
    ]
    return {model.id: model for model in listed}


def _policy(card: Card) -> Model:
    about = {
        "description": card.description,
        "version": card.digest,
        "tiers": list(card.tiers),
        "output": card.output,
        "conversation": card.conversation,
        "input": dict(card.input_schema),
    }
    return Model(id=f"policy/{card.policy}", router=about)
