"""Queues and policies over HTTP: how long a task would wait, and what can be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import redis

from router.api.backend import Backend
from router.apikey import Limits, Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy, a_submission

ACME = [a_submission(f"acme-{number}", tenant="acme") for number in range(7)]
BOLT = [a_submission(f"bolt-{number}", tenant="bolt") for number in range(30)]


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        await made.backend.store.publish([a_policy()])
        yield made


async def test_tells_how_long_a_task_would_wait(guarded: Guarded, raw: redis.Redis, prefix: str) -> None:
    """For each tier of what is published; what others have waiting is told to admins alone."""
    await guarded.backend.store.submit(ACME + BOLT)
    raw.set(f"{prefix}busy:mini", await guarded.backend.client.now_ms() - 60_000)
    user, boss = await guarded.key("acme", Scope.READ, limits=Limits(waiting_max=9)), await guarded.key("acme", *Scope)

    async def seen(text: str) -> dict[str, object]:
        answer = await guarded.http.get("/v1/queues", headers={"authorization": f"Bearer {text}"})
        return dict(answer.json())

    plain, whole = await seen(user.text), await seen(boss.text)

    assert [queue["tier"] for queue in plain["data"]] == ["mini", "small", "large"]
    mini = plain["data"][0]
    assert (mini["ahead"], mini["ready"], mini["oldest_s"], mini["left_per_s"]) == (7 + 8, None, None, None)
    assert mini["predicted_wait_s"] == pytest.approx(60, abs=2)
    assert (plain["waiting"], plain["waiting_max"], plain["waiting_all"]) == (7, 9, None)
    assert (whole["data"][0]["ready"], whole["data"][0]["left_per_s"], whole["waiting_all"]) == (37, 0.0, 37)
    assert whole["data"][1] == {
        "tier": "small",
        "ahead": 0,
        "predicted_wait_s": 0.0,
        "ready": 0,
        "oldest_s": 0.0,
        "left_per_s": 0.0,
    }


async def test_there_are_no_queues_without_policies(http: httpx.AsyncClient) -> None:
    """A fresh store has nothing to tell, and tells that."""
    assert (await http.get("/v1/queues")).json()["data"] == []
    assert (await http.get("/v1/policies")).json() == {"data": []}


async def test_shows_what_a_policy_asks_for(http: httpx.AsyncClient, backend: Backend) -> None:
    """Its schemas, path and limits; its prompt, checks and examples are its author's."""
    policy = a_policy(description="Reads receipts.")
    await backend.store.publish([policy, a_policy(policy="others")])

    listed = (await http.get("/v1/policies")).json()["data"]
    shown = (await http.get("/v1/policies/receipts")).json()

    assert [one["policy"] for one in listed] == ["others", "receipts"]
    assert shown == listed[1]
    assert (shown["version"], shown["description"], shown["tiers"]) == (
        policy.digest,
        "Reads receipts.",
        ["mini", "small", "large"],
    )
    assert (shown["input_schema"]["required"], shown["output"], shown["deadline_s"]) == (["text"], "schema", 600)
    assert "Read the receipt" not in str(shown)


@pytest.mark.parametrize("name", ["nobody", "no%00pe", "..", "receipts%0A", "%ff"])
async def test_a_policy_that_is_not_there_is_told_as_such(http: httpx.AsyncClient, name: str) -> None:
    """However odd its name is."""
    answer = await http.get(f"/v1/policies/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
