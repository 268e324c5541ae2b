"""A policy that is not published: callers are told which ones are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from router.api.backend import Backend
from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        await made.backend.store.publish([a_policy()])
        yield made


async def test_a_caller_is_told_which_policies_there_are(guarded: Guarded) -> None:
    """The one that was probably meant, or their names; whoever may not read them is told how to hear of them."""
    keys = [await guarded.key("acme", *scopes) for scopes in ((Scope.READ, Scope.SUBMIT), (Scope.SUBMIT,))]
    reader, writer = ({"authorization": f"Bearer {key.text}"} for key in keys)

    async def told(policy: str, headers: dict[str, str]) -> tuple[int, str, str]:
        answer = await guarded.http.post("/v1/tasks", json={"policy": policy, "input": {}}, headers=headers)
        return answer.status_code, answer.json()["code"], answer.json()["detail"]

    unknown = (404, "unknown_policy")
    assert await told("reciepts", reader) == (*unknown, "no policy 'reciepts' is published; did you mean 'receipts'?")
    assert await told("zebra", reader) == (*unknown, "no policy 'zebra' is published; there are 'receipts'")
    assert await told("reciepts", writer) == (
        *unknown,
        "no policy 'reciepts' is published; GET /v1/policies lists them, to keys with the scope 'read'",
    )
    shown = await guarded.http.get("/v1/policies/reciepts", headers=reader)
    assert shown.json()["detail"] == "no policy 'reciepts' is published; did you mean 'receipts'?"


async def test_where_no_policy_is_published_that_is_told(http: httpx.AsyncClient) -> None:
    """Nothing else could be asked for."""
    answer = await http.get("/v1/policies/receipts")

    assert (answer.status_code, answer.json()["detail"]) == (404, "no policy 'receipts' is published; none is")


async def test_of_many_policies_some_are_named(http: httpx.AsyncClient, backend: Backend) -> None:
    """Ten by their names, and how many more there are."""
    await backend.store.publish([a_policy(policy=f"policy-{letter}") for letter in "abcdefghijkl"])

    told = (await http.get("/v1/policies/zzz")).json()["detail"]

    assert told.endswith("'policy-i', 'policy-j' and 2 more")


async def test_a_model_that_is_not_there_is_told_alike(http: httpx.AsyncClient, backend: Backend) -> None:
    """To whoever asks in OpenAI's words."""
    await backend.store.publish([a_policy()])

    body = {"model": "policy/reciepts", "messages": [{"role": "user", "content": "x"}]}
    answer = await http.post("/v1/chat/completions", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")
    assert answer.json()["detail"] == "no policy 'reciepts' is published; did you mean 'receipts'?"
