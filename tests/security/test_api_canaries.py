"""What the service answers and logs when things go wrong tells nobody more than is theirs to know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from router import log
from router.api.app import create_app
from router.api.backend import open_backend
from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.acl import PASSWORD, USERS
from tests.api.keys import Guarded, a_guarded
from tests.builders import BROKEN, a_policy
from tests.e2e.house import Site
from tests.security.aviary import POLICY_OF
from tests.workers.floor import Floor, Gated

PROMPT = "canary-http-4711"
SECRETS = (PASSWORD, *USERS, "server.sock", "Traceback", str(Path(__file__).parents[2]), "site-packages", "EVALSHA")
"""Of the connection to Redis, and of the insides."""


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as guarded:
        yield guarded


WRONG: dict[str, dict[str, Any]] = {
    "no such policy": {"policy": PROMPT, "input": {}},
    "wrong input": {"policy": "receipts", "input": {"text": {"deep": PROMPT * 500}}},
    "long input": {"policy": "receipts", "input": {"text": PROMPT * 50_000}},
    "wrong field": {"policy": "receipts", "input": {"text": "x"}, PROMPT: 1},
    "wrong type": {"policy": "receipts", "input": [PROMPT] * 1000},
    "wrong wishes": {"policy": "receipts", "input": {"text": "x"}, "wishes": {"tier": PROMPT}},
    "wrong webhook": {"policy": "receipts", "input": {"text": "x"}, "webhook": f"http://user:{PROMPT}@127.0.0.1/"},
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_refusal_is_short_and_logs_nothing_of_it(
    guarded: Guarded, floor: Floor, tmp_path: Path, name: str
) -> None:
    """What is wrong is told in a few words to who sent it; the log has neither these words nor the key."""
    token = await guarded.key("acme", Scope.SUBMIT)
    with (tmp_path / "log").open("w") as stream:
        log.configure("debug", console=False, stream=stream)
        answer = await guarded.http.post(
            "/v1/tasks", json=WRONG[name], headers={"authorization": f"Bearer {token.text}"}
        )
        log.configure("error")

    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 3_000
    logged = (tmp_path / "log").read_text()
    assert "http.answered" in logged
    assert not [word for word in (PROMPT, token.text, token.text[-20:]) if word in logged]
    assert not [word for word in SECRETS if word in answer.text]


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, Gated(lambda call: BROKEN))
    await floor.store.publish([a_policy()])
    yield floor
    await floor.close()


async def test_an_outage_tells_nothing_of_redis(tmp_path: Path) -> None:
    """While Redis is away every route says so, and not where it is, nor as whom it is asked."""
    async with AsyncExitStack() as stack:
        url = f"unix://router-api:{PASSWORD}@{tmp_path}/server.sock"
        backend = await stack.enter_async_context(open_backend(Settings(redis_url=url), insecure=True))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(backend)), base_url="http://router")
        await stack.enter_async_context(http)
        asked = [http.get(path, timeout=60) for path in ("/readyz", "/v1/tasks", "/v1/policies", "/v1/budgets")]
        answers = await asyncio.gather(*asked)

    assert {answer.status_code for answer in answers} == {503}
    assert not [word for word in (*SECRETS, str(tmp_path)) if word in str([answer.text for answer in answers])]
    assert {answer.json()["error"]["code"] for answer in answers} == {"store_unavailable"}


async def test_no_answer_has_a_providers_key_or_address(aviary: Site) -> None:
    """Whatever a provider did, what its task's caller is shown has neither our key there nor its address."""
    settings = aviary.settings
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(open_backend(settings, insecure=True))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(backend)), base_url="http://router")
        await stack.enter_async_context(http)
        bodies = [{"policy": policy, "input": {"text": PROMPT}} for policy in POLICY_OF.values()]
        shown = await asyncio.gather(*(http.post("/v1/tasks?wait=50", json=body, timeout=60) for body in bodies))
        chats = [
            {"model": f"policy/{p}", "router": {"input": {"text": PROMPT}}, "messages": _ASKED}
            for p in POLICY_OF.values()
        ]
        told = await asyncio.gather(*(http.post("/v1/chat/completions", json=chat, timeout=60) for chat in chats))

    assert {answer.status_code for answer in shown} == {200}
    assert {"succeeded", "dead", "rejected"} == {answer.json()["status"] for answer in shown}
    assert all("error" in answer.json() for answer in told if answer.status_code != 200)
    said = json.dumps([answer.json() for answer in (*shown, *told)])
    assert not [word for word in ("sk-canary", "127.0.0.1", "api_base", "litellm", *SECRETS) if word in said]


_ASKED = [{"role": "user", "content": PROMPT}]
