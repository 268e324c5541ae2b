"""Dead letters over HTTP: listed, shown, sent again, dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from router.api.backend import Backend
from router.apikey import Scope
from router.decision import DeadLetter
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from router.verdict import Outcome
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy, a_submission, an_attempt

POLICY = a_policy()


async def bury(backend: Backend, *task_ids: str, reason: str = "no tier is left", tenant: str = "default") -> None:
    await backend.store.publish([POLICY])
    for task_id in task_ids:
        await backend.store.submit([a_submission(task_id, tenant=tenant)])
        (claim,) = await backend.store.claim({"mini": 10}, at_most=1, token=task_id)
        await backend.store.finish(claim, POLICY, an_attempt(1, "mini", Outcome.FAIL), DeadLetter(reason))


async def test_lists_and_shows_dead_letters(http: httpx.AsyncClient, backend: Backend) -> None:
    """Narrowed down by reason and by what became of them; each with its whole trail."""
    await bury(backend, "t1", reason="the provider timed out")
    await bury(backend, "t2")
    await http.post("/v1/dead/t2/redrive")

    async def ids(**params: str) -> list[str]:
        return [task["id"] for task in (await http.get("/v1/dead", params=params)).json()["data"]]

    assert sorted(await ids()) == ["t1", "t2"]
    assert (await ids(reason="TIMED"), await ids(redriven="true"), await ids(redriven="false")) == (
        ["t1"],
        ["t2"],
        ["t1"],
    )
    assert (await ids(policy="others"), sorted(await ids(since="1h"))) == ([], ["t1", "t2"])
    shown = (await http.get("/v1/dead/t1")).json()
    assert (shown["status"], shown["reason"], shown["trail"][0]["verdict"]) == (
        "dead",
        "the provider timed out",
        "fail",
    )


async def test_tags_narrow_letters_down(http: httpx.AsyncClient, backend: Backend) -> None:
    """Those of a kind of work can be looked at, and sent again, alone."""
    await backend.store.submit([a_submission("t0", metadata={"tags": ["mail"]})])
    (claim,) = await backend.store.claim({"mini": 10}, at_most=1, token="t0")
    await backend.store.finish(claim, POLICY, an_attempt(1, "mini", Outcome.FAIL), DeadLetter("no tier is left"))
    await bury(backend, "t1")

    (letter,) = (await http.get("/v1/dead", params={"tag": "mail"})).json()["data"]

    assert (letter["id"], letter["tags"]) == ("t0", ["mail"])


async def test_lists_in_pages(http: httpx.AsyncClient, backend: Backend) -> None:
    """`next` of a page leads on to the end, filters included; what is no cursor is refused."""
    await bury(backend, "t1", "t2", "t3", reason="the provider timed out")
    await bury(backend, "t4")

    found, cursor = [], None
    while cursor is not None or not found:
        params = {"limit": "2", "reason": "timed"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/dead", params=params)).json()
        found.append([task["id"] for task in page["data"]])
        cursor = page["next"]

    assert (sorted(task for page in found for task in page), list(map(len, found))) == (["t1", "t2", "t3"], [2, 1])
    refused = await http.get("/v1/dead", params={"cursor": "nonsense"})
    assert (refused.status_code, refused.json()["code"]) == (422, "cursor_invalid")


async def test_sends_a_letter_again_once(http: httpx.AsyncClient, backend: Backend) -> None:
    """Repeated, it is the same new task, with the status that it has then."""
    await bury(backend, "t1")

    first, again = [await http.post("/v1/dead/t1/redrive") for _ in range(2)]

    assert [(answer.status_code, answer.json()["replayed"]) for answer in (first, again)] == [(202, False), (202, True)]
    assert first.json()["id"] == again.json()["id"]
    new = (await http.get(first.headers["location"])).json()
    assert (new["status"], new["origin"]) == ("ready", "t1")


async def test_an_erased_letter_is_not_sent_again(http: httpx.AsyncClient, backend: Backend) -> None:
    """There is nothing left to send, and the answer says so."""
    await bury(backend, "t1")
    await http.delete("/v1/tasks/t1")

    answer = await http.post("/v1/dead/t1/redrive")

    assert (answer.status_code, answer.json()["code"]) == (422, "task_invalid")
    assert "were erased" in answer.json()["detail"]


async def test_drops_a_letter(http: httpx.AsyncClient, backend: Backend) -> None:
    """Nothing of it is left but what it cost."""
    await bury(backend, "t1")

    assert (await http.delete("/v1/dead/t1")).status_code == 204
    assert (await http.get("/v1/tasks/t1")).status_code == 404
    assert (await http.delete("/v1/dead/t1")).status_code == 404


async def test_what_is_not_dead_is_left_alone(http: httpx.AsyncClient, backend: Backend) -> None:
    """Whatever is asked, a task that waits goes on waiting."""
    await backend.store.publish([POLICY])
    await backend.store.submit([a_submission("t1")])

    answers = [await http.request(v, f"/v1/dead/t1{m}") for v, m in (("GET", ""), ("POST", "/redrive"), ("DELETE", ""))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "not_dead")] * 3
    assert (await http.get("/v1/tasks/t1")).json()["status"] == "ready"


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


async def test_other_tenants_letters_are_for_admins_to_list(guarded: Guarded) -> None:
    """To list, not to send again or to drop; everybody else is told that the scope is missing."""
    await bury(guarded.backend, "t1", tenant="acme")
    plain, admin = await guarded.key("bolt", Scope.READ), await guarded.key("bolt", *Scope)
    user, boss = ({"authorization": f"Bearer {token.text}"} for token in (plain, admin))

    assert (await guarded.http.get("/v1/dead", headers=boss)).json()["data"] == []
    listed = await guarded.http.get("/v1/dead", params={"tenant": "acme"}, headers=boss)
    assert [task["id"] for task in listed.json()["data"]] == ["t1"]
    assert (await guarded.http.get("/v1/dead", params={"tenant": "acme"}, headers=user)).status_code == 403
    for verb, path in (("GET", "/v1/dead/t1"), ("POST", "/v1/dead/t1/redrive"), ("DELETE", "/v1/dead/t1")):
        assert (await guarded.http.request(verb, path, headers=boss)).status_code == 404
