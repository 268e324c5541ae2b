"""Models are policies and tiers."""

from __future__ import annotations

import httpx

from router.api.backend import Backend
from tests.builders import a_policy


async def test_policies_and_their_tiers_are_listed(http: httpx.AsyncClient, backend: Backend) -> None:
    """As names to ask for; each says what it takes and gives."""
    await backend.store.publish([a_policy(), a_policy(policy="intents", output={"labels": ["a", "b"]})])
    listed = (await http.get("/v1/models")).json()
    found = {model["id"]: model for model in listed["data"]}

    assert (listed["object"], list(found)) == (
        "list",
        ["policy/intents", "policy/receipts", "tier/mini", "tier/small", "tier/large"],
    )
    assert {model["object"] for model in listed["data"]} == {"model"}
    assert found["policy/intents"]["router"]["output"] == "labels"
    assert found["tier/small"]["router"] == {"policies": ["intents", "receipts"]}
    assert (await http.get("/v1/models/policy/intents")).json() == found["policy/intents"]


async def test_an_unknown_model_is_not_found(http: httpx.AsyncClient) -> None:
    """With OpenAI's code for it."""
    answer = await http.get("/v1/models/gpt-4o")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
