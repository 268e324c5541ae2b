"""Two tenants at one service: one has something of everything, the other has keys and wants it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from router.apikey import Scope, Token
from router.call import Answer, Call
from router.io.commands.webhook import WebhookCommands
from router.settings import Settings
from router.webhook import new_secret
from tests.api.keys import Guarded, a_guarded
from tests.builders import BROKEN, DOUBTFUL, a_policy, a_reply
from tests.workers.floor import Floor, Gated

OWNER, STRANGER = "acme-owner", "zeta-stranger"
SECRET, ANSWERED, NOTE = "canary-of-acme-4711", "canary-answer-4711", "canary-note-4711"
EVERY = tuple(scope for scope in Scope if scope is not Scope.ADMIN)
POLICIES = {"receipts": {}, "doubts": {"moves": {"unsure": "review"}}, "broken": {"moves": {"fail": "dead_letter"}}}
CHAT = "text"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Operation:
    """A verb at a path of the service's own document."""

    verb: str
    path: str
    about: dict[str, Any]

    @property
    def parameters(self) -> list[str]:
        """The names that stand in its path."""
        return [part[1:-1] for part in self.path.replace(":", "/").split("/") if part.startswith("{")]

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def operations(app: FastAPI) -> list[Operation]:
    """All that the service says it does: a new route is among them by itself."""
    paths = {path: verbs for path, verbs in app.openapi()["paths"].items() if not path.startswith("/v1/probe")}
    return [Operation(verb.upper(), path, about) for path, verbs in paths.items() for verb, about in verbs.items()]


@dataclass(frozen=True)
class Town:
    """`owned` holds the ids of what the owner has, by the state it is in."""

    guarded: Guarded
    floor: Floor
    owner: Token
    stranger: Token
    owned: dict[str, str]

    @property
    def app(self) -> FastAPI:
        return self.guarded.app

    async def ask(self, verb: str, path: str, who: Token | str | None, **more: Any) -> httpx.Response:
        shown = who.text if isinstance(who, Token) else who
        headers = more.pop("headers", {}) | ({"authorization": f"Bearer {shown}"} if shown is not None else {})
        return await self.guarded.http.request(verb, path, headers=headers, **more)


@asynccontextmanager
async def a_town(url: str, prefix: str, *, service_url: str | None = None) -> AsyncIterator[Town]:
    """A service with both of them, perhaps as a user of its own of Redis; its workers did all that the owner asked."""
    floor = Floor(url, prefix, None, Gated(_answer))
    floor.llm.open()
    policies = [a_policy(policy=name, **changes) for name, changes in POLICIES.items()]
    settings = Settings(redis_url=service_url or url, prefix=prefix, webhook_allow="127.0.0.1/32")
    try:
        await floor.store.publish([*policies, a_policy(policy=CHAT, output={"text": {}}, checks=[])])
        async with a_guarded(settings) as guarded:
            town = Town(guarded, floor, await guarded.key(OWNER, *EVERY), await guarded.key(STRANGER, *EVERY), {})
            await _settle_in(town)
            yield town
    finally:
        await floor.close()


def _answer(call: Call) -> Answer:
    text = json.dumps(call.messages)
    if "doubts" in text:
        return DOUBTFUL
    if "broken" in text:
        return BROKEN
    return a_reply({"merchant": ANSWERED, "total": 12.5}) if call.response_schema else a_reply(ANSWERED, sure=None)


async def _settle_in(town: Town) -> None:
    commands = WebhookCommands(prefix=town.guarded.backend.settings.prefix)
    secret = commands.add_secret("create", OWNER, secret_id="s1", text=new_secret(bytes(32)))
    await town.floor.link.run(secret)
    hook = "http://127.0.0.1:9/hook"
    asked = {"receipts": "succeeded", "doubts": "review", "broken": "dead"}
    for policy, state in asked.items():
        body = {"policy": policy, "input": {"text": f"{SECRET} {policy}"}, "metadata": {"note": NOTE}, "webhook": hook}
        answer = await town.ask("POST", "/v1/tasks", town.owner, json=body, headers={"idempotency-key": f"k-{state}"})
        assert answer.status_code == 202, answer.text
        town.owned[state] = answer.json()["id"]
    body = {"model": f"policy/{CHAT}", "input": SECRET, "background": True}
    answer = await town.ask("POST", "/v1/responses", town.owner, json=body)
    assert answer.status_code == 200, answer.text
    town.owned["response"] = answer.json()["id"]
    async with town.floor.shift("mini", "small", "large"):
        for state in asked.values():
            told = await town.ask("GET", f"/v1/tasks/{town.owned[state]}?wait=30", town.owner)
            assert told.json()["status"] == state, told.text
        await town.ask("GET", f"/v1/tasks/{town.owned['response'].removeprefix('resp_')}?wait=30", town.owner)
    body = {"policy": "receipts", "input": {"text": SECRET}}
    town.owned["ready"] = (await town.ask("POST", "/v1/tasks", town.owner, json=body)).json()["id"]
    deliveries = (await town.ask("GET", "/v1/webhooks", town.owner)).json()["data"]
    town.owned["delivery"] = deliveries[0]["id"]


def ids(town: Town) -> Iterator[str]:
    """Everything by which the owner's things could be told."""
    for known in town.owned.values():
        yield known.removeprefix("resp_")
