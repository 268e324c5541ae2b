"""A query says nothing that a route does not know: what is misspelt would change what is meant."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from tests.api.town import operations


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/tasks?staus=dead", "query.staus: is not known here; did you mean 'status'?"),
        ("/v1/costs?teneant=acme", "query.teneant: is not known here; did you mean 'tenant'?"),
        ("/v1/queues?colour=red", "query.colour: is not known here; leave it out"),
        ("/v1/responses/resp_1?include=x", "query.include: is not known here; did you mean 'include[]'?"),
    ],
)
async def test_a_misspelt_parameter_is_refused(http: httpx.AsyncClient, path: str, said: str) -> None:
    """With its place, and with the one that was probably meant."""
    answer = await http.get(path)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["detail"]) == (422, "invalid", said)
    assert problem["error"]["param"] == said.partition(":")[0].removeprefix("query.")


async def test_every_route_refuses_it(http: httpx.AsyncClient, app: FastAPI) -> None:
    """Whatever the verb, before anything is looked at or done; and its document knows of the answer."""
    asked = [one for one in operations(app) if one.path.startswith("/v1/")]

    answers = [await http.request(one.verb, one.path.format_map(_Any()) + "?zzz=1") for one in asked]

    found = {str(one): (answer.status_code, "zzz" in answer.text) for one, answer in zip(asked, answers, strict=True)}
    assert found == {str(one): (422, True) for one in asked}
    assert not [str(one) for one in asked if "422" not in one.about["responses"]]


async def test_probes_may_say_what_they_like(http: httpx.AsyncClient) -> None:
    """What load balancers add to a path is nobody's mistake."""
    assert (await http.get("/livez?cache=no")).status_code == 200


class _Any(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "x"
