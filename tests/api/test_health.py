"""Health tells what a load balancer has to know."""

from __future__ import annotations

import httpx

from router.api.backend import Backend
from tests.builders import a_policy


async def test_lives_whatever_else(http: httpx.AsyncClient) -> None:
    """A process that answers lives."""
    assert (await http.get("/livez")).json() == {"status": "ok"}


async def test_is_ready_once_policies_are_published(http: httpx.AsyncClient, backend: Backend) -> None:
    """Before that no task could be taken: 503, with what to do."""
    before = await http.get("/readyz")
    await backend.store.publish([a_policy()])
    after = await http.get("/readyz")

    assert (before.status_code, before.json()["code"]) == (503, "no_policies")
    assert (after.status_code, after.json()) == (200, {"status": "ok"})


async def test_monitors_may_ask_for_the_head_alone(http: httpx.AsyncClient, backend: Backend) -> None:
    """Load balancers and monitors often do: they hear the same status."""
    before = await http.head("/readyz")
    await backend.store.publish([a_policy()])
    lives, ready = await http.head("/livez"), await http.head("/readyz")

    assert [answer.status_code for answer in (before, lives, ready)] == [503, 200, 200]
