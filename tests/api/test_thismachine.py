"""Without keys, requests must be meant for this machine."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from router.api.thismachine import ThisMachine


async def asked(app: FastAPI, host: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ThisMachine(app)), base_url="http://router") as client:
        return await client.get("/livez", headers={"host": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LocalHost", "[::1]:8080", "[::1]"])
async def test_serves_this_machine(app: FastAPI, host: str) -> None:
    """Whoever asks for a loopback name or address is answered."""
    assert (await asked(app, host)).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", "", "127.0.0.1.evil.example", "::"],
)
async def test_refuses_names_that_were_bound_to_it(app: FastAPI, host: str) -> None:
    """A page of another site cannot ask us by binding its name to our address."""
    answer = await asked(app, host)

    assert (answer.status_code, answer.json()["code"]) == (421, "not_this_machine")
