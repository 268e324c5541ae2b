"""Reviews over HTTP: what waits for a person, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from router.api.backend import Backend
from router.apikey import Scope
from router.decision import Review
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from router.summary import Cursor
from router.verdict import Outcome
from tests.api.keys import Guarded, a_guarded
from tests.builders import a_policy, a_submission, an_attempt

POLICY = a_policy()
ACME = {"merchant": "ACME", "total": 12.5}


async def send_to_review(backend: Backend, *task_ids: str, tenant: str = "default") -> None:
    await backend.store.publish([POLICY])
    for task_id in task_ids:
        await backend.store.submit([a_submission(task_id, tenant=tenant)])
        (claim,) = await backend.store.claim({"mini": 10}, at_most=1, token=task_id)
        await backend.store.finish(claim, POLICY, an_attempt(1, "mini", Outcome.UNSURE), Review("who knows"))


async def resolve(http: httpx.AsyncClient, task_id: str = "t1", **decision: Any) -> httpx.Response:
    return await http.post(f"/v1/review/{task_id}/resolve", json=decision)


async def test_lists_and_shows_what_waits(http: httpx.AsyncClient, backend: Backend) -> None:
    """Longest first, then each with its whole trail."""
    await send_to_review(backend, "t1", "t2")

    listed = (await http.get("/v1/review")).json()
    shown = (await http.get("/v1/review/t1")).json()

    assert [(task["id"], task["status"], task["reason"]) for task in listed["data"]] == [
        ("t1", "review", "who knows"),
        ("t2", "review", "who knows"),
    ]
    assert (shown["status"], shown["trail"][0]["output"]) == ("review", ACME)
    assert [task["id"] for task in (await http.get("/v1/review", params={"limit": 1})).json()["data"]] == ["t1"]
    assert (await http.get("/v1/review", params={"policy": "others"})).json()["data"] == []


async def test_lists_in_pages(http: httpx.AsyncClient, backend: Backend) -> None:
    """`next` of a page leads on to the end, and tells nothing of others' tasks; what is no cursor is refused."""
    await send_to_review(backend, "t1", "t2")
    await send_to_review(backend, "others", tenant="acme")
    await send_to_review(backend, "t3")

    first = (await http.get("/v1/review", params={"limit": 2})).json()
    second = (await http.get("/v1/review", params={"limit": 2, "cursor": first["next"]})).json()

    assert [[task["id"] for task in page["data"]] for page in (first, second)] == [["t1", "t2"], ["t3"]]
    assert (Cursor.read(first["next"]).id, second["next"]) == ("t2", None)
    refused = await http.get("/v1/review", params={"cursor": "nonsense"})
    assert (refused.status_code, refused.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"decision": "accept", "attempt": 1}, "succeeded"),
        ({"decision": "accept", "output": {"merchant": None, "total": 1}, "reason": "no name on it"}, "succeeded"),
        ({"decision": "reject", "reason": "no receipt"}, "rejected"),
        ({"decision": "dead_letter", "reason": "too blurred"}, "dead"),
        ({"decision": "ask", "tier": "large"}, "ready"),
    ],
)
async def test_a_person_decides(http: httpx.AsyncClient, backend: Backend, decision: Any, status: str) -> None:
    """Each way; the same decision again gets the same answer, and the trail names who decided."""
    await send_to_review(backend, "t1")

    answers = [await resolve(http, by="anna", **decision) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"id": "t1", "status": status})] * 2
    shown = (await http.get("/v1/tasks/t1")).json()
    last = shown["trail"][-1]
    assert (last["tier"], last["why"], last["by"], last["calls"]) == ("review", "review", "anna (nobody's key)", [])
    assert last["answer"] == "ruling"
    assert shown["output"] == (decision.get("output", ACME) if status == "succeeded" else None)


@pytest.mark.parametrize(
    ("decision", "code", "said"),
    [
        ({"decision": "accept"}, "invalid", "either `output` or `attempt`"),
        ({"decision": "accept", "attempt": 1, "output": ACME}, "invalid", "either `output` or `attempt`"),
        ({"decision": "accept", "output": None}, "ruling_invalid", "does not meet the schema"),
        ({"decision": "accept", "output": {"merchant": 1}}, "ruling_invalid", "does not meet the schema"),
        ({"decision": "accept", "attempt": 7}, "ruling_invalid", "there is no attempt 7"),
        ({"decision": "ask", "tier": "huge"}, "ruling_invalid", "it climbs mini, small, large"),
        ({"decision": "ask"}, "invalid", "needs `tier`"),
        ({"decision": "reject"}, "invalid", "needs a `reason`"),
        ({"decision": "reject", "reason": "no", "attempt": 1}, "invalid", "and they with nothing else"),
        ({"decision": "shrug"}, "invalid", "decision"),
        ({"decision": "reject", "reason": "no", "by": "a\nb"}, "invalid", "by"),
    ],
)
async def test_refuses_what_is_no_decision(
    http: httpx.AsyncClient, backend: Backend, decision: Any, code: str, said: str
) -> None:
    """With what is right instead; the task still waits."""
    await send_to_review(backend, "t1")

    answer = await resolve(http, **decision)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in answer.json()["detail"]
    assert (await http.get("/v1/tasks/t1")).json()["status"] == "review"


async def test_another_decision_is_too_late(http: httpx.AsyncClient, backend: Backend) -> None:
    """A task ends once; what does not wait for a person is nobody's to decide, or to be shown here."""
    await send_to_review(backend, "t1")
    await resolve(http, decision="reject", reason="no receipt")

    late = await resolve(http, decision="accept", attempt=1)

    assert (late.status_code, late.json()["code"]) == (409, "not_in_review")
    assert (await http.get("/v1/review/t1")).status_code == 409


async def test_a_deadline_in_review_ends_it(http: httpx.AsyncClient, backend: Backend) -> None:
    """Whoever comes after a cancellation is told how it ended."""
    await send_to_review(backend, "t1")
    await backend.client.cancel("t1")

    late = await resolve(http, decision="accept", attempt=1)

    assert (late.status_code, "t1 is cancelled" in late.json()["detail"]) == (409, True)


@pytest.fixture
async def guarded(server: EmbeddedServer, prefix: str) -> AsyncIterator[Guarded]:
    async with a_guarded(Settings(redis_url=server.url, prefix=prefix)) as made:
        yield made


async def test_reviewers_see_their_tenants_tasks_alone(guarded: Guarded) -> None:
    """An admin of another tenant decides nothing either; the key that decides is told in the trail."""
    await send_to_review(guarded.backend, "t1", tenant="acme")
    acme, bolt = await guarded.key("acme", Scope.REVIEW, Scope.READ), await guarded.key("bolt", *Scope)
    theirs, ours = ({"authorization": f"Bearer {token.text}"} for token in (bolt, acme))
    decision = {"decision": "accept", "attempt": 1}

    assert (await guarded.http.get("/v1/review", headers=theirs)).json()["data"] == []
    assert (await guarded.http.get("/v1/review/t1", headers=theirs)).status_code == 404
    assert (await guarded.http.post("/v1/review/t1/resolve", json=decision, headers=theirs)).status_code == 404
    assert (await guarded.http.post("/v1/review/t1/resolve", json=decision, headers=ours)).status_code == 200
    shown = (await guarded.http.get("/v1/tasks/t1", headers=ours)).json()
    assert shown["trail"][-1]["by"] == f"key {acme.id}"
