"""Who may come in, as whom, and what they may do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, AuthenticationError, PermissionDeniedError, RateLimitError

from router.api.caller import KNOWN_S, NOTED_S, Caller, Fresh
from router.apikey import Limits, Scope, Token
from router.io.commands.key import Wish
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded
from tests.gang import environment, launch
from tests.waiting import wait_until

NOBODYS = Token.made_of(bytes(40))


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


def told(answer: httpx.Response) -> dict[str, Any]:
    """A problem without what is each request's own."""
    return {name: value for name, value in answer.json().items() if name != "instance"}


async def test_a_key_says_who_calls(guarded: Guarded) -> None:
    """Tenant and scopes are the key's."""
    token = await guarded.key("acme", Scope.READ, Scope.CANCEL)

    answer = await guarded.get("me", token)

    assert answer.json() == {"tenant": "acme", "scopes": ["cancel", "read"], "key": token.id}


async def test_nothing_but_the_key_says_whose_it_is(guarded: Guarded) -> None:
    """No header and no parameter makes one tenant another."""
    bearer = {"authorization": f"Bearer {(await guarded.key()).text}"}
    headers = bearer | {"openai-organization": "other", "openai-project": "other", "x-tenant": "other"}

    answer = await guarded.http.get("/v1/probe/me?tenant=other", headers=headers)

    assert answer.json()["tenant"] == "acme"


async def test_strangers_are_all_told_the_same(guarded: Guarded) -> None:
    """Without a key, with one of nobody, a wrong secret or a revoked one: the answer does not tell which."""
    known, revoked = await guarded.key(), await guarded.key()
    await guarded.backend.link.run(guarded.commands.revoke(revoked.id))
    wrong = Token(known.id, NOBODYS.secret)
    shown = [None, "", "sk-proj-abc", "rk_é", NOBODYS, wrong, revoked, f"{known.text}x"]

    answers = [await guarded.get("me", token) for token in shown]
    answers.append(await guarded.http.get("/v1/probe/me", headers={"authorization": f"Basic {known.text}"}))
    answers.append(await guarded.http.get("/v1/probe/me", headers={"authorization": known.text}))

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert told(answers[0])["error"] == {
        "message": "send an API key that is in use, as `Authorization: Bearer rk_...`; `router key create` makes one",
        "type": "authentication_error",
        "param": None,
        "code": "unauthorized",
    }


async def test_only_its_holder_learns_that_a_key_expired(guarded: Guarded) -> None:
    """Whoever has the right secret is told when; with another one it is a key like any that is not there."""
    token = await guarded.key(expires_ms=3000)
    assert (await guarded.get("me", token)).status_code == 200

    guarded.clock.s += 3.0

    expired = await guarded.get("me", token)
    assert (expired.status_code, expired.headers["www-authenticate"]) == (401, "Bearer")
    assert "this API key expired at 20" in expired.json()["detail"]
    assert told(await guarded.get("me", Token(token.id, NOBODYS.secret))) == told(await guarded.get("me"))


async def test_a_missing_scope_is_named(guarded: Guarded) -> None:
    """A key without a route's scope learns which one it lacks."""
    answer = await guarded.get("review", await guarded.key("acme", Scope.READ, Scope.SUBMIT))

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert answer.json()["detail"] == "this needs an API key with the scope 'review'; yours has read, submit"


@pytest.mark.parametrize("scope", Scope)
async def test_no_scope_stands_for_another(guarded: Guarded, scope: Scope) -> None:
    """A key does what its scopes name, `admin` too, and nothing else."""
    token = await guarded.key("acme", scope)

    assert (await guarded.get("me", token)).is_success == (scope is Scope.READ)
    assert (await guarded.get("review", token)).is_success == (scope is Scope.REVIEW)


async def test_an_admin_reads_what_concerns_all_tenants(guarded: Guarded) -> None:
    """Costs, budgets, queues and the list of dead letters; a task's contents are read with `read`, as ever."""
    admin = {"authorization": f"Bearer {(await guarded.key('ops', Scope.ADMIN)).text}"}
    writer = {"authorization": f"Bearer {(await guarded.key('ops', Scope.SUBMIT)).text}"}

    async def statuses(headers: dict[str, str], *paths: str) -> list[int]:
        return [(await guarded.http.get(f"/v1/{path}", headers=headers)).status_code for path in paths]

    all_told = ("costs", "costs?tenant=acme", "budgets", "queues", "dead", "dead?tenant=acme")
    assert await statuses(admin, *all_told) == [200] * 6
    assert await statuses(writer, *all_told) == [403] * 6
    assert await statuses(admin, "tasks", "tasks/t1", "dead/t1", "policies", "webhooks", "review") == [403] * 6
    said = (await guarded.http.get("/v1/costs", headers=writer)).json()["detail"]
    assert said == "this needs an API key with the scope 'read' or 'admin'; yours has submit"


async def test_a_known_key_costs_no_round_trip(guarded: Guarded) -> None:
    """Within five seconds a process asks the store once about a key."""
    token = await guarded.key()
    await guarded.get("me", token)
    sent = guarded.backend.link.sent

    assert {(await guarded.get("me", token)).status_code for _ in range(10)} == {200}
    assert guarded.backend.link.sent == sent


async def test_a_revocation_takes_effect_within_five_seconds(guarded: Guarded) -> None:
    """A process that knew the key goes by what it knew for that long, and no longer."""
    token = await guarded.key()
    await guarded.get("me", token)
    await guarded.backend.link.run(guarded.commands.revoke(token.id))

    guarded.clock.s += KNOWN_S - 0.001
    assert (await guarded.get("me", token)).status_code == 200
    guarded.clock.s += 0.001
    assert (await guarded.get("me", token)).status_code == 401


async def test_two_keys_live_through_a_rotation(guarded: Guarded) -> None:
    """Whoever calls changes over whenever it suits within the overlap."""
    old = await guarded.key()
    new = Token.made_of(bytes(range(40)))
    wish = Wish("acme", (Scope.READ,))
    await guarded.backend.link.run(guarded.commands.rotate(old.id, new, wish, overlap_ms=60_000))

    assert [(await guarded.get("me", token)).json()["tenant"] for token in (old, new, old)] == ["acme"] * 3


async def test_guessing_costs_the_store_little(guarded: Guarded) -> None:
    """What cannot be a key never reaches the store, and an id of nobody once in five seconds."""
    sent = guarded.backend.link.sent

    for shown in ("sk-abc", NOBODYS.text[:-1], NOBODYS.text, NOBODYS.text, f"rk_{NOBODYS.id}_{'a' * 43}"):
        assert (await guarded.get("me", shown)).status_code == 401

    assert guarded.backend.link.sent == sent + 1


async def test_a_last_use_is_noted_once_a_minute(guarded: Guarded) -> None:
    """By the server's clock, and only where the secret was right."""
    token = await guarded.key()
    before_ms = int(time.time() * 1000)
    await guarded.get("me", Token(token.id, NOBODYS.secret))
    assert (await guarded.backend.link.run(guarded.commands.read(token.id))).last_used_ms is None

    await guarded.get("me", token)
    first_ms = (await guarded.backend.link.run(guarded.commands.read(token.id))).last_used_ms
    await guarded.get("me", token)
    again_ms = (await guarded.backend.link.run(guarded.commands.read(token.id))).last_used_ms
    guarded.clock.s += NOTED_S
    await guarded.get("me", token)
    later_ms = (await guarded.backend.link.run(guarded.commands.read(token.id))).last_used_ms

    assert first_ms is not None
    assert later_ms is not None
    assert before_ms <= first_ms == again_ms < later_ms


@pytest.mark.parametrize("shown", [None, "", "sk-any", NOBODYS.text])
async def test_without_keys_everybody_is_default(server: EmbeddedServer, prefix: str, shown: str | None) -> None:
    """Where nobody needs a key whatever is sent is taken, because SDKs always send one."""
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix), insecure=True) as opened:
        answer = await opened.get("me", shown)

    assert answer.json() == {"tenant": "default", "scopes": sorted(Scope), "key": None}


@pytest.fixture
def address(server: EmbeddedServer, prefix: str, tmp_path: Path) -> Iterator[str]:
    """Of `router api`, as it runs in production."""
    ready, env = tmp_path / "address", environment(Settings(redis_url=server.url, prefix=prefix))
    process = launch("router.cli", "api", "--port", "0", "--ready-file", str(ready), env=env, log=tmp_path / "log")
    try:
        wait_until(lambda: ready.exists() and ready.read_text(), "the address")
        yield ready.read_text()
    finally:
        process.kill()
        process.communicate()


async def test_sdks_understand_who_may_not_come_in(guarded: Guarded, address: str) -> None:
    """In a real process OpenAI's client takes our keys, and raises its own errors where one is not enough."""
    limits = Limits(requests_per_minute=1)
    keys = [NOBODYS, await guarded.key("acme", Scope.SUBMIT), await guarded.key("other", limits=limits)]
    nobody, writer, reader = (AsyncOpenAI(base_url=f"{address}/v1", api_key=k.text, max_retries=0) for k in keys)

    with pytest.raises(AuthenticationError, match="send an API key that is in use"):
        await nobody.models.list()
    with pytest.raises(PermissionDeniedError, match="this needs an API key with the scope 'read'"):
        await writer.models.list()
    assert (await reader.models.list()).data == []
    with pytest.raises(RateLimitError, match="tenant 'other' are limited to 1 a minute") as refused:
        await reader.models.list()
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 60


async def test_the_document_says_how_to_come_in(guarded: Guarded) -> None:
    """Generated clients know that a route wants a bearer key, and what it answers without one."""
    document = (await guarded.http.get("/openapi.json")).json()
    operation = document["paths"]["/v1/probe/me"]["get"]

    (name,) = document["components"]["securitySchemes"]
    assert document["components"]["securitySchemes"][name]["scheme"] == "bearer"
    assert operation["security"] == [{name: []}]
    assert {"401", "403", "429"} <= set(operation["responses"])
    assert "security" not in document["paths"]["/livez"]["get"]


async def test_limits_come_with_the_caller(guarded: Guarded) -> None:
    """Routes know how many tasks of the tenant may wait."""
    token = await guarded.key(limits=Limits(waiting_max=7))

    known = await guarded.app.state.door.let_in(None, token.text)

    assert known == Caller("acme", frozenset({Scope.READ}), token.id, waiting_max=7)


def test_admins_see_all_tenants() -> None:
    """Others see their own alone."""
    assert Caller("acme", frozenset({Scope.ADMIN})).sees("other")
    plain = Caller("acme", frozenset(Scope) - {Scope.ADMIN})
    assert (plain.sees("acme"), plain.sees("other")) == (True, False)


def test_what_a_process_knows_is_bounded() -> None:
    """The oldest is forgotten first, and all of it after its time."""
    known: Fresh[int] = Fresh(5.0, 3)
    for number in range(5):
        known.put(str(number), float(number), number)
    known.put("2", 5.0, 22)

    assert len(known) == 3
    assert [known.get(str(number), 6.0) for number in range(5)] == [None, None, 22, 3, 4]
    assert [known.get(str(number), 8.0) for number in range(5)] == [None, None, 22, None, 4]
