"""Two tenants, every route, every verb: nobody sees, changes, or learns that there is, anything of another tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from tests.api.town import (
    ANSWERED,
    CHAT,
    NOTE,
    OWNER,
    SECRET,
    VERBS,
    Operation,
    Town,
    a_town,
    ids,
    operations,
)

OF: dict[str, tuple[str, ...]] = {
    "task_id": ("succeeded", "dead", "review", "ready"),
    "response": ("response",),
    "delivery_id": ("delivery",),
}
"""What a name in a path may stand for that is one tenant's own."""
SHARED = {"name": "receipts", "model": f"policy/{CHAT}"}
"""What a name in a path may stand for that is everybody's."""
NOBODY = {"task_id": "0" * 32, "response": f"resp_{'0' * 32}", "delivery_id": f"evt_{'0' * 32}_succeeded"}
BODIES: dict[str, Any] = {"/v1/review/{task_id}/resolve": {"decision": "reject", "reason": "because"}}
"""What a route with somebody's thing in its path takes."""
OPEN = {"/livez", "/readyz", "/metrics", "/"}
"""Routes that need no key."""
TELLS = (SECRET, ANSWERED, NOTE, OWNER)


@pytest.fixture
async def town(server: EmbeddedServer, prefix: str) -> AsyncIterator[Town]:
    async with a_town(server.url, prefix) as town:
        yield town


def private(app: FastAPI) -> list[Operation]:
    return [operation for operation in operations(app) if set(operation.parameters) & set(OF)]


def body_of(operation: Operation) -> dict[str, Any]:
    return {"json": BODIES[operation.path]} if operation.path in BODIES else {}


async def test_whose_a_name_in_a_path_is_is_known(town: Town) -> None:
    """A new route with a new name in its path has to say here whether it is one tenant's own."""
    found = {name for operation in operations(town.app) for name in operation.parameters}

    assert found <= {*OF, *SHARED}
    assert {*OF, "name"} <= found


async def test_what_is_anothers_is_not_there(town: Town) -> None:
    """Whatever is done to a thing of another tenant is answered, but for its id, as for a thing that never was."""
    for operation in private(town.app):
        (name,) = operation.parameters
        for state in OF[name]:
            theirs = await town.ask(
                operation.verb, operation.path.format(**{name: town.owned[state]}), town.stranger, **body_of(operation)
            )
            nobodys = await town.ask(
                operation.verb, operation.path.format(**{name: NOBODY[name]}), town.stranger, **body_of(operation)
            )
            assert theirs.status_code == nobodys.status_code == 404, (str(operation), state, theirs.text)
            assert _plain(theirs, town.owned[state]) == _plain(nobodys, NOBODY[name]), str(operation)
            assert not [tell for tell in TELLS if tell in theirs.text]


async def test_nothing_happened_to_what_is_anothers(town: Town) -> None:
    """After all of that the owner's things are as they were."""
    before = await _state_of(town)

    for operation in private(town.app):
        (name,) = operation.parameters
        for state in OF[name]:
            path = operation.path.format(**{name: town.owned[state]})
            for verb in VERBS:
                await town.ask(verb, path, town.stranger, **body_of(operation))

    assert await _state_of(town) == before


async def test_the_owner_gets_what_the_stranger_does_not(town: Town) -> None:
    """The same questions by whose they are find something: the test above can fail."""
    reading = [operation for operation in private(town.app) if operation.verb == "GET"]
    answered = {}
    for operation in reading:
        (name,) = operation.parameters
        if operation.path.endswith("/events"):
            continue  # streams do not end before their task
        found = [await town.ask("GET", operation.path.format(**{name: town.owned[s]}), town.owner) for s in OF[name]]
        answered[operation.path] = [answer.status_code for answer in found]

    assert all(200 in statuses for statuses in answered.values()), answered


async def test_lists_hold_ones_own_alone(town: Town) -> None:
    """No list, sum or overview of a stranger has an id, a word, a name or a cost of another tenant in it."""
    for operation in operations(town.app):
        if operation.verb != "GET" or set(operation.parameters) & set(OF):
            continue
        answer = await town.ask("GET", operation.path.format(**SHARED), town.stranger)
        assert answer.status_code < 500, str(operation)
        assert not [tell for tell in (*TELLS, *ids(town)) if tell in answer.text], str(operation)


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/dead", "/v1/review", "/v1/webhooks", "/v1/costs", "/v1/queues"])
async def test_no_parameter_widens_a_list(town: Town, path: str) -> None:
    """Naming another tenant is refused, ignored or not known; it shows nothing."""
    for value in (OWNER, "*", ""):
        for name in ("tenant", "tenants", "of", "by", "scope"):
            answer = await town.ask("GET", path, town.stranger, params={name: value})
            assert answer.status_code < 500
            assert not [tell for tell in (SECRET, ANSWERED, NOTE, *ids(town)) if tell in answer.text], (name, value)


async def test_costs_of_others_are_not_told(town: Town) -> None:
    """Who has spent nothing sees no call, even grouped by tenant; the owner sees what was spent."""
    own = await town.ask("GET", "/v1/costs?by=tenant,policy", town.owner)
    other = await town.ask("GET", "/v1/costs?by=tenant,policy", town.stranger)
    asked = await town.ask("GET", f"/v1/costs?tenant={OWNER}", town.stranger)

    assert len(own.json()["data"]) > 0
    assert other.json()["data"] == []
    assert asked.status_code == 403


async def test_an_admin_reads_money_not_contents(town: Town) -> None:
    """The scope admin shows costs of all tenants; tasks stay their tenant's."""
    admin = await town.guarded.key("ops", *Scope)

    costs = await town.ask("GET", "/v1/costs?by=tenant", admin)
    task = await town.ask("GET", f"/v1/tasks/{town.owned['succeeded']}", admin)

    assert OWNER in costs.text
    assert task.status_code == 404


async def test_keys_of_idempotency_are_each_tenants_own(town: Town) -> None:
    """The owner's key and body, sent by a stranger, are a task of the stranger's."""
    body = {"policy": "receipts", "input": {"text": f"{SECRET} receipts"}, "metadata": {"note": NOTE}}
    answer = await town.ask("POST", "/v1/tasks", town.stranger, json=body, headers={"idempotency-key": "k-succeeded"})

    assert answer.status_code == 202
    assert answer.json()["id"] not in set(ids(town))
    assert (await town.ask("GET", f"/v1/tasks/{answer.json()['id']}", town.owner)).status_code == 404


async def test_the_tenant_comes_from_the_key_alone(town: Town) -> None:
    """Nothing in a body, a query or a header makes somebody another tenant."""
    body = {"policy": "receipts", "input": {"text": "x"}}
    tried = [
        await town.ask("POST", "/v1/tasks", town.stranger, json=body | {"tenant": OWNER}),
        await town.ask("POST", f"/v1/tasks?tenant={OWNER}", town.stranger, json=body),
        await town.ask(
            "POST", "/v1/tasks", town.stranger, json=body, headers={"x-tenant": OWNER, "openai-organization": OWNER}
        ),
        await town.ask("POST", "/v1/tasks", town.stranger, json=body | {"metadata": {"tenant": OWNER}}),
    ]

    assert [answer.status_code for answer in tried] == [422, 422, 202, 202]
    for answer in tried[2:]:
        shown = await town.ask("GET", f"/v1/tasks/{answer.json()['id']}", town.stranger)
        assert shown.json()["tenant"] != OWNER


async def test_every_route_wants_a_key(town: Town) -> None:
    """Without a key, or with one that is not quite right, every route but those that say so answers 401."""
    wrong = [
        None,
        "",
        "x",
        town.owner.text[:-1],
        town.owner.text + "x",
        town.owner.text.upper(),
        f"rk_{'a' * 20}_{'b' * 43}",
    ]
    for operation in operations(town.app):
        if operation.path in OPEN:
            continue
        path = operation.path.format(**NOBODY, **SHARED)
        for shown in wrong:
            answer = await town.ask(operation.verb, path, shown, **body_of(operation))
            assert answer.status_code == 401, (str(operation), shown, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_every_route_wants_its_scope(town: Town) -> None:
    """A key with no more than the scope `metrics` opens nothing that is somebody's: 403, whether it is there or not."""
    poor = await town.guarded.key(OWNER, Scope.METRICS)
    for operation in operations(town.app):
        if operation.path in OPEN:
            continue
        names = {name: town.owned[OF[name][0]] if name in OF else SHARED[name] for name in operation.parameters}
        answer = await town.ask(operation.verb, operation.path.format(**names), poor, **body_of(operation))
        assert answer.status_code == 403, (str(operation), answer.text)
        assert not [tell for tell in (SECRET, ANSWERED, NOTE) if tell in answer.text]


async def test_other_verbs_do_nothing(town: Town) -> None:
    """What a route does not say it takes, it refuses, in words that programs understand."""
    known = {(operation.verb, operation.path) for operation in operations(town.app)}
    before = await _state_of(town)
    for path in sorted({path for _, path in known}):
        names = {name: town.owned[states[0]] for name, states in OF.items()} | SHARED
        for verb in VERBS:
            if (verb, path) in known or (verb == "HEAD" and ("GET", path) in known):
                continue
            answer = await town.ask(verb, path.format(**names), town.owner)
            assert answer.status_code in (404, 405), (verb, path)
            assert verb == "HEAD" or answer.json()["error"]["code"] in ("method_not_allowed", "unknown_route")

    assert await _state_of(town) == before


async def _state_of(town: Town) -> list[str]:
    """What the owner has, word for word."""
    paths = [f"/v1/tasks/{town.owned[state]}" for state in OF["task_id"]]
    paths += [f"/v1/responses/{town.owned['response']}", "/v1/tasks", "/v1/dead", "/v1/review", "/v1/webhooks"]
    return [(await town.ask("GET", path, town.owner)).text for path in paths]


def _plain(answer: httpx.Response, name: str) -> str:
    """What was answered, without what is each answer's own."""
    return answer.text.replace(name, "ID").replace(answer.headers["x-request-id"], "REQUEST")
