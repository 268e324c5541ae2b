"""A service with its dashboard, a tenant that has tasks in every state, and nothing in them that means well."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

from router.api.app import create_app
from router.api.backend import Backend, open_backend
from router.apikey import CHANCE_BYTES, Scope, Token
from router.budget import Budget
from router.call import Answer, Call
from router.io.commands.key import KeyCommands, Wish
from router.settings import Settings
from router.task import TaskState
from router.web.install import install
from tests.builders import TIERS, a_policy, a_reply
from tests.workers.floor import Floor, Gated

TENANT = "acme"
EVERY = tuple(Scope)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp.exe\u202c \x1b[31mred\x1b[0m {{ 7*7 }}"
LONG = "x" * 100_000
STEERING = "\u202e\u202c\x1b\u2066"
POLICIES: dict[str, dict[str, Any]] = {
    "receipts": {},
    "doubts": {"moves": {"unsure": "review"}},
    "broken": {"moves": {"fail": "dead_letter"}},
}
PAGES = ("/", "/costs", "/costs?by=policy&since=7d", "/policies", "/policies/receipts", "/tasks", "/dead", "/review")
"""Pages that are there whatever tasks there are."""


@dataclass(frozen=True)
class Street:
    """`owned` are tasks of the tenant by the state that they are in."""

    app: FastAPI
    backend: Backend
    floor: Floor
    owned: dict[str, str]

    @property
    def pages(self) -> list[str]:
        """Every page that shows something of a task."""
        each = [f"/tasks/{task_id}" for task_id in self.owned.values()]
        return [*PAGES, *each, f"/review/{self.owned['review']}", "/dead?which=all", "/tasks?status=dead"]

    async def key(self, *scopes: Scope, tenant: str = TENANT) -> Token:
        token = Token.made_of(secrets.token_bytes(CHANCE_BYTES))
        commands = KeyCommands(prefix=self.backend.settings.prefix)
        await self.backend.link.run(commands.create(token, Wish(tenant, scopes)))
        return token

    @asynccontextmanager
    async def visit(self, *scopes: Scope, tenant: str = TENANT) -> AsyncIterator[Browser]:
        """A browser of somebody who has signed in with a key of these scopes."""
        async with self.stranger() as browser:
            await browser.sign_in((await self.key(*scopes, tenant=tenant)).text)
            yield browser

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Browser]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield Browser(http)

    async def submit(self, policy: str, text: str, **more: Any) -> str:
        handle = await self.backend.client.submit(policy, {"text": text, **more}, tenant=TENANT)
        return handle.id

    async def work(self, *states: tuple[str, TaskState]) -> None:
        """Have workers work until these tasks are in these states."""
        async with self.floor.shift("mini", "small", "large"):
            for task_id, state in states:
                reached = await self.backend.client.reach(task_id, {state}, timeout_s=30)
                assert reached is state, f"{task_id} is {reached}"


@dataclass(frozen=True)
class Browser:
    """Keeps cookies and sends forms as browsers do, and runs nothing."""

    http: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def page(self, path: str) -> Page:
        """A page that has to be there."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return Page.of(answer.text)

    async def send(self, path: str, *, mark: str | None = None, headers: Any = None, **fields: Any) -> httpx.Response:
        """Send a form of a page at the same path."""
        known = self.http.cookies.get("router-form", "") if mark is None else mark
        return await self.http.post(path, data={"mark": known, **fields}, headers=headers)

    async def sign_in(self, key: str, **fields: str) -> httpx.Response:
        await self.http.get("/signin")
        return await self.send("/signin", key=key, **fields)


class Page(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.source = ""

    @classmethod
    def of(cls, source: str) -> Page:
        page = cls()
        page.source = source
        page.feed(source)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]

    def field(self, name: str) -> str | None:
        """The value of an input field."""
        return next((found.get("value") for found in self.all("input", name=name)), None)


@asynccontextmanager
async def a_street(url: str, prefix: str, *, insecure: bool = False, **changes: Any) -> AsyncIterator[Street]:
    """A service, with *changes* of its settings, whose workers have done what was asked."""
    floor = Floor(url, prefix, None, Gated(_answer))
    floor.llm.open()
    try:
        await floor.store.publish(
            [a_policy(policy=name, **settings).bound_to(TIERS) for name, settings in POLICIES.items()]
        )
        await floor.store.publish_budgets([Budget.model_validate({"scope": "global", "usd": 50, "per": "day"})])
        async with open_backend(Settings(redis_url=url, prefix=prefix, **changes), insecure=insecure) as backend:
            app = create_app(backend)
            install(app)
            street = Street(app, backend, floor, {})
            await _move_in(street, "default" if insecure else TENANT)
            yield street
    finally:
        await floor.close()


def _answer(call: Call) -> Answer:
    text = json.dumps(call.messages)
    said = {"merchant": HOSTILE, "total": 12.5}
    if "doubts" in text:
        return a_reply(said, sure=0.5)
    return a_reply("{" + HOSTILE) if "broken" in text else a_reply(said)


async def _move_in(street: Street, tenant: str) -> None:
    asked = {"receipts": TaskState.SUCCEEDED, "doubts": TaskState.REVIEW, "broken": TaskState.DEAD}
    for policy, state in asked.items():
        handle = await street.backend.client.submit(
            policy,
            {"text": f"{policy} {HOSTILE}", HOSTILE: LONG},
            tenant=tenant,
            metadata={HOSTILE: HOSTILE},
        )
        street.owned[state.value] = handle.id
    await street.work(*((street.owned[state.value], state) for state in asked.values()))
    waiting = await street.backend.client.submit("receipts", {"text": HOSTILE}, tenant=tenant)
    street.owned["ready"] = waiting.id
