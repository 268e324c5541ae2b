"""`/v1/webhooks`: a tenant's own deliveries, and what a body may ask to be told where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from router.api.backend import Backend
from router.api.problems import Refused
from router.api.webhooks import WebhookWish, check_webhook, webhook_of
from router.apikey import Scope, Token
from router.delivery import Delivered, Gone, Sent, Undelivered
from router.io.commands.webhook import WebhookCommands
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from router.webhook import Dialect, Webhook, new_secret
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy, a_submission

URL = "https://example.com/hooks"


class Office:
    """The service, two tenants with keys, and somebody who says what came of telling them."""

    def __init__(self, guarded: Guarded) -> None:
        self.guarded = guarded
        self.backend = guarded.backend
        self.commands = WebhookCommands(prefix=guarded.backend.settings.prefix)

    async def key(self, tenant: str = "acme", *scopes: Scope) -> Token:
        return await self.guarded.key(tenant, *(scopes or (Scope.READ, Scope.SUBMIT)))

    async def end(self, task_id: str, *, tenant: str = "acme") -> str:
        submission = a_submission(task_id, tenant=tenant, webhook=Webhook(url=URL))
        await self.backend.store.submit([submission])
        return f"evt_{task_id}_{await self.backend.store.cancel(task_id)}"

    async def told(self, task_id: str, sent: Sent, *, tenant: str = "acme") -> str:
        delivery_id = await self.end(task_id, tenant=tenant)
        while True:
            claim = self.commands.claim(at_most=100, token=uuid4().hex, lease_ms=60_000)
            _, leased = await self.backend.link.run(claim)
            if not leased:
                break
            for one in leased:
                await self.backend.link.run(self.commands.book(one, sent, pause_ms=None, policy="receipts"))
        return delivery_id

    async def ask(self, token: Token, path: str = "", method: str = "GET", **query: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token.text}"}
        return await self.guarded.http.request(method, f"/v1/webhooks{path}", params=query, headers=headers)

    async def listed(self, token: Token, **query: Any) -> list[str]:
        answer = await self.ask(token, **query)
        assert answer.status_code == 200
        return [delivery["id"] for delivery in answer.json()["data"]]


@pytest.fixture
async def office(server: EmbeddedServer, prefix: str) -> AsyncIterator[Office]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as guarded:
        await guarded.backend.store.publish([a_policy()])
        yield Office(guarded)


async def test_shows_what_became_of_a_delivery(office: Office) -> None:
    """What is told, where to, what was said to it; no contents."""
    token = await office.key()
    delivery_id = await office.told("t1", Undelivered("500"))

    shown = (await office.ask(token, f"/{delivery_id}")).json()

    times = {shown.pop(name) for name in ("created_at", "changed_at")}
    assert all(time.endswith("Z") for time in times)
    assert shown == {
        **{"id": delivery_id, "type": "task.cancelled", "status": "failed", "task": "t1", "policy": "receipts"},
        **{"url": URL, "payload": "thin", "attempts": 1, "said": "500", "due_at": None},
    }


async def test_lists_in_pages(office: Office) -> None:
    """The one that changed last first; each page says where the next one begins."""
    token = await office.key()
    ids = [await office.end(f"t{number}") for number in range(5)]
    taken = await office.told("t9", Delivered("200"))

    pages, cursor = [], {}
    while True:
        page = (await office.ask(token, limit=2, **cursor)).json()
        pages += [delivery["id"] for delivery in page["data"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert sorted(pages) == sorted([*ids, taken])
    assert pages == await office.listed(token)
    assert await office.listed(token, status="delivered") == pages
    assert await office.listed(token, status="failed") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [({"limit": 0}, 422), ({"limit": 201}, 422), ({"status": "lost"}, 422), ({"cursor": "x"}, 422)],
)
async def test_a_wrong_question_is_told(office: Office, query: dict[str, Any], status: int) -> None:
    """With what is expected."""
    answer = await office.ask(await office.key(), **query)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_sends_again(office: Office) -> None:
    """It waits again, with attempts counted anew, however often this is asked."""
    token = await office.key()
    delivery_id = await office.told("t1", Undelivered("500"))

    for _ in range(2):
        answer = await office.ask(token, f"/{delivery_id}/redeliver", "POST")
        assert (answer.status_code, answer.json()["status"], answer.json()["attempts"]) == (202, "waiting", 0)


async def test_a_disabled_endpoint_is_enabled_first(office: Office) -> None:
    """By the operator, who is named the command."""
    token = await office.key()
    delivery_id = await office.told("t1", Gone("410"))

    answer = await office.ask(token, f"/{delivery_id}/redeliver", "POST")

    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
    assert "`router webhook enable URL`" in answer.json()["detail"]


async def test_another_tenant_s_deliveries_are_not_there(office: Office) -> None:
    """To read, to list, to send again: as if there were none."""
    delivery_id = await office.told("t1", Undelivered("500"), tenant="other")
    token = await office.key("acme")

    assert await office.listed(token) == []
    for wanted in (delivery_id, "evt_nothing"):
        for path, method in ((f"/{wanted}", "GET"), (f"/{wanted}/redeliver", "POST")):
            answer = await office.ask(token, path, method)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_delivery")
    assert await office.listed(await office.key("other"), status="failed") == [delivery_id]


async def test_scopes_are_needed(office: Office) -> None:
    """To read: read; to send again: submit."""
    delivery_id = await office.end("t1")
    reader, submitter = await office.key("acme", Scope.READ), await office.key("acme", Scope.SUBMIT)

    assert (await office.ask(reader, f"/{delivery_id}/redeliver", "POST")).status_code == 403
    assert (await office.ask(submitter, f"/{delivery_id}")).status_code == 403
    assert (await office.ask(submitter)).status_code == 403


async def signing(backend: Backend, tenant: str = "acme") -> None:
    commands = WebhookCommands(prefix=backend.settings.prefix)
    add = commands.add_secret("create", tenant, secret_id="s1", text=new_secret(bytes(32)))
    await backend.link.run(add)


@pytest.mark.parametrize(
    ("asked", "dialect", "webhook"),
    [
        (None, Dialect.TASK, None),
        (URL, Dialect.TASK, Webhook(url=URL)),
        (WebhookWish(url=URL, payload="full"), Dialect.TASK, Webhook(url=URL, payload="full")),
        (URL, Dialect.RESPONSE, Webhook(url=URL, dialect=Dialect.RESPONSE)),
    ],
)
async def test_reads_what_a_body_asks_for(office: Office, asked: Any, dialect: Dialect, webhook: Any) -> None:
    """A URL alone, or how much is to be told, too; where it is signed it may be told."""
    await signing(office.backend)

    assert webhook_of(asked, dialect=dialect) == webhook
    assert await check_webhook(office.backend, "acme", webhook) is None


async def test_a_response_is_not_told_in_full(office: Office) -> None:
    """What cannot be had is refused by its name."""
    await signing(office.backend)

    with pytest.raises(Refused) as why:
        webhook_of(WebhookWish(url=URL, payload="full"), dialect=Dialect.RESPONSE)

    assert (why.value.code, why.value.detail[:28]) == ("webhook_refused", "a response is told thin, as ")


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("http://example.com/", "webhook_refused", "must begin with https://"),
        ("https://127.0.0.1/", "webhook_refused", "127.0.0.1 is not public: loopback"),
        ("https://u:p@example.com/", "webhook_refused", "must not hold a user or password"),
        ("hooks", "webhook_refused", "must be an address such as https://example.com/hooks"),
        (URL, "webhook_unsigned", "router webhook secret create --tenant other"),
    ],
)
async def test_what_cannot_be_told_is_refused(office: Office, url: str, code: str, told: str) -> None:
    """When the task comes, not when it ends; a tenant without a secret has nothing to sign with."""
    await signing(office.backend)

    with pytest.raises(Refused) as why:
        await check_webhook(office.backend, "other", webhook_of(url))

    assert (why.value.status_code, why.value.code, why.value.param) == (422, code, "webhook")
    assert told in why.value.detail
