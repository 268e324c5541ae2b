"""How often a tenant may ask, told in every answer, and counted for all processes together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from router.allowance import Allowance
from router.api.pace import headers
from router.apikey import Limits, Scope
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.keys import Guarded, a_guarded

TOLD = {
    "ratelimit-policy",
    "ratelimit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
}
FEW = 2
"""Requests a minute: none comes back within half of one."""


@pytest.fixture
def settings(server: EmbeddedServer, prefix: str) -> Settings:
    return Settings(redis_url=server.url, prefix=prefix)


@pytest.fixture
async def guarded(settings: Settings) -> AsyncIterator[Guarded]:
    async with a_guarded(settings) as made:
        yield made


def limited(per_minute: int) -> Limits:
    return Limits(requests_per_minute=per_minute)


def remaining(answer: httpx.Response) -> int:
    return int(answer.headers["x-ratelimit-remaining-requests"])


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (Allowance(60, 1000.0), ('"requests";r=59;t=1', "59", "1s")),
        (Allowance(600, 100.0), ('"requests";r=599;t=1', "599", "100ms")),
        (Allowance(60, 2500.0), ('"requests";r=57;t=3', "57", "2.5s")),
        (Allowance(60, 60_000.0), ('"requests";r=0;t=1', "0", "1m0s")),
        (Allowance(60, 0.0), ('"requests";r=60;t=0', "60", "0s")),
    ],
)
def test_both_families_of_headers_say_the_same(stands: Allowance, told: tuple[str, str, str]) -> None:
    """Structured fields count seconds, OpenAI's headers write times as Go does."""
    said = headers(stands)

    assert said["ratelimit-policy"] == f'"requests";q={stands.per_minute};w=60'
    assert said["x-ratelimit-limit-requests"] == str(stands.per_minute)
    names = ("ratelimit", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")
    assert tuple(said[name] for name in names) == told


@pytest.mark.parametrize(
    ("path", "status"),
    [("me", 200), ("stream", 200), ("review", 403), ("refused", 404), ("broken", 500)],
)
async def test_every_answer_tells_how_the_tenant_stands(guarded: Guarded, path: str, status: int) -> None:
    """Streams and problems too."""
    token = await guarded.key(limits=limited(60))

    answer = await guarded.get(path, token)

    assert answer.status_code == status
    assert set(answer.headers) >= TOLD
    assert answer.headers["ratelimit-policy"] == '"requests";q=60;w=60'
    assert answer.headers["ratelimit"] == '"requests";r=59;t=1'


async def test_without_a_limit_nothing_is_told_or_asked(guarded: Guarded) -> None:
    """A tenant without one costs the store no command."""
    token = await guarded.key()
    await guarded.get("me", token)
    sent = guarded.backend.link.sent

    answer = await guarded.get("me", token)

    assert set(answer.headers) & TOLD == set()
    assert guarded.backend.link.sent == sent


async def test_too_many_requests_are_refused(guarded: Guarded) -> None:
    """The answer says how many may come, and when to come again; what is refused reaches no route."""
    token = await guarded.key(limits=limited(FEW))
    answers = [await guarded.get("me", token) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    refused = answers[-1]
    wait_s = int(refused.headers["retry-after"])
    assert 0 < wait_s <= 30
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={wait_s}'
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.json()["detail"] == (
        f"the requests of tenant 'acme' are limited to 2 a minute; send this one again in {wait_s} s"
    )


async def test_all_processes_count_together(guarded: Guarded, settings: Settings) -> None:
    """Whichever process of the service is asked, a tenant has one allowance."""
    token = await guarded.key(limits=limited(FEW))
    async with a_guarded(settings) as other:
        statuses = [(await process.get("me", token)).status_code for process in (guarded, other, guarded, other)]

    assert statuses == [200, 200, 429, 429]


async def test_all_keys_of_a_tenant_count_together(guarded: Guarded) -> None:
    """Nobody gains by a second key, and the lowest limit of any is the tenant's."""
    low = await guarded.key(limits=limited(FEW))
    high = await guarded.key(limits=limited(600))
    none = await guarded.key()

    answers = [await guarded.get("me", token) for token in (high, none, low)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"2"}


async def test_tenants_do_not_get_in_each_others_way(guarded: Guarded) -> None:
    """One that asks too often leaves the others their share."""
    loud, calm = [await guarded.key(tenant, limits=limited(FEW)) for tenant in ("loud", "calm")]
    for _ in range(5):
        await guarded.get("me", loud)

    assert remaining(await guarded.get("me", calm)) == 1


async def test_a_request_counts_once(guarded: Guarded) -> None:
    """However many parts of a route ask who calls."""
    token = await guarded.key("acme", Scope.READ, Scope.REVIEW, limits=limited(60))

    assert remaining(await guarded.get("both", token)) == 59


async def test_strangers_use_nothing_up(guarded: Guarded) -> None:
    """Who guesses at a tenant's key does not stop the tenant."""
    token = await guarded.key(limits=limited(FEW))
    for _ in range(5):
        assert (await guarded.get("me", f"rk_{token.id}_{'a' * 43}")).status_code == 401

    assert remaining(await guarded.get("me", token)) == 1


async def test_requests_at_once_are_all_counted(guarded: Guarded) -> None:
    """As many as the limit allows come in, whatever comes at the same moment."""
    token = await guarded.key(limits=limited(3))
    answers = await asyncio.gather(*(guarded.get("me", token) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 17


async def test_the_document_has_the_headers(guarded: Guarded) -> None:
    """Every answer to who needs a key may have them, no other has."""
    document = (await guarded.http.get("/openapi.json")).json()

    assert {name.lower() for name in document["components"]["headers"]} == TOLD
    answers = document["paths"]["/v1/probe/me"]["get"]["responses"]
    named = {status: {name.lower() for name in answer["headers"]} for status, answer in answers.items()}
    assert named == dict.fromkeys(("200", "401", "403", "422", "429"), TOLD)
    assert "headers" not in document["paths"]["/livez"]["get"]["responses"]["200"]
