"""From a task over HTTP to a signed request at somebody else's service, by real workers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import OpenAI
from standardwebhooks import Webhook as Verifier

from router.api.app import create_app
from router.api.backend import open_backend
from router.io.commands.webhook import WebhookCommands
from router.webhook import new_secret
from tests.e2e.house import House, Site
from tests.receiver import Receiver, a_receiver, says

SECRET = new_secret(bytes(32))


@pytest.fixture(scope="module")
def told(house: House) -> Site:
    """Workers that may tell receivers on this machine."""
    return house.site("told", webhook_allow="127.0.0.1")


async def asked(site: Site, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post a body to the HTTP service of a tenant with a secret."""
    async with open_backend(site.settings, insecure=True) as backend:
        commands = WebhookCommands(prefix=site.settings.prefix)
        await backend.link.run(commands.add_secret("create", "default", secret_id="e2e", text=SECRET))
        transport = httpx.ASGITransport(create_app(backend))
        async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
            answer = await http.post(path, json=body)
            assert answer.status_code in (200, 202), answer.text
            taken: dict[str, Any] = answer.json()
            return taken


async def events(receiver: Receiver, count: int) -> list[Any]:
    await receiver.has(count)
    return [Verifier(SECRET).verify(got.body, got.headers) for got in receiver.got]


async def test_a_task_is_told_of_with_its_result(told: Site) -> None:
    """Whoever submits with a webhook need not ask again; an error in between is made up for."""
    async with a_receiver(says(503), says(200)) as receiver:
        webhook = {"url": receiver.url("/tasks"), "payload": "full"}
        body = {
            "policy": "intents",
            "input": {"text": "I want my money back"},
            "webhook": webhook,
            "metadata": {"n": 1},
        }
        task = await asked(told, "/v1/tasks", body)

        first, again = await events(receiver, 2)

    assert first == again
    assert (first["type"], first["data"]["id"]) == ("task.succeeded", task["id"])
    assert first["data"]["output"] == told.client.get(task["id"]).output
    assert (first["data"]["metadata"], first["data"]["policy"]) == ({"n": 1}, "intents")


async def test_a_background_response_is_told_of_as_by_openai(told: Site) -> None:
    """A receiver written with OpenAI's SDK unwraps it, and finds the response's id."""
    async with a_receiver() as receiver:
        webhook = {"webhook": receiver.url("/responses")}
        body = {"model": "policy/intents", "input": "I want my money back", "background": True, "router": webhook}
        response = await asked(told, "/v1/responses", body)
        await events(receiver, 1)
        got = receiver.got[0]

    event = OpenAI(api_key="none", webhook_secret=SECRET).webhooks.unwrap(got.body, got.headers)
    assert (event.type, event.data.id) == ("response.completed", response["id"])
    assert set(json.loads(got.body)["data"]) == {"id"}
