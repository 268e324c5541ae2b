"""What answers say that they cost is what the ledger has, to the nano-dollar, whichever way a request went."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from router.call import Call, Reply, Usage
from router.cost import usd
from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind
from tests.api.served import a_client, served
from tests.builders import a_policy, a_reply
from tests.workers.floor import Floor, Gated

BOOKED = (EntryKind.SETTLED, EntryKind.UNSETTLED)
CHAT = a_policy(policy="free", output={"text": {}}, checks=[{"check": "confidence", "at_least": 0.9}])


def answered(call: Call) -> Reply:
    """Mini is not sure; the next tier is, each for another price; nobody can answer what is `broken`."""
    if "broken" in json.dumps(call.messages):
        return a_reply("", sure=0.99, usage=Usage(input_tokens=11, output_tokens=0))
    usage = Usage(input_tokens=997, cached_input_tokens=101, output_tokens=13)
    return a_reply("hello", sure=0.2 if call.tier == "mini" else 0.99, usage=usage)


@pytest.fixture
async def floor(server: EmbeddedServer, prefix: str) -> AsyncIterator[Floor]:
    floor = Floor(server.url, prefix, None, Gated(answered))
    await floor.store.publish([CHAT])
    yield floor
    await floor.close()


@pytest.fixture
async def client(app: FastAPI, floor: Floor) -> AsyncIterator[httpx.AsyncClient]:
    async with served(app) as url, a_client(url) as client:
        yield client


def chat(text: str = "hi", **changes: Any) -> dict[str, Any]:
    return {"model": "policy/free", "messages": [{"role": "user", "content": text}], **changes}


async def booked(floor: Floor) -> str:
    """What the ledger has, in dollars."""
    return usd(sum(entry.amount_nusd for entry in await floor.store.ledger() if entry.kind in BOOKED))


def read(answer: httpx.Response) -> dict[str, Any]:
    """The router object of an answer, or of the last chunk of a stream."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return dict(answer.json()["router"])
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    (told,) = [chunk["router"] for chunk in chunks if "router" in chunk]
    return dict(told)


@pytest.mark.parametrize("text", ["hi", "broken"])
@pytest.mark.parametrize("choices", [1, 3])
async def test_a_completion_tells_what_was_booked(
    client: httpx.AsyncClient, floor: Floor, text: str, choices: int
) -> None:
    """Of all its choices, accepted or not, in the header and in the body; and so do the tokens."""
    floor.llm.open()
    async with floor.shift("mini", "small", "large"):
        answer = await client.post("/v1/chat/completions", json=chat(text, n=choices))

    told = read(answer)
    assert answer.headers["x-router-cost-usd"] == told["cost_usd"] == await booked(floor) != usd(0)
    tokens = [answered(call).usage.input_tokens for call in floor.llm.calls]
    assert told["usage_total"]["prompt_tokens"] == sum(tokens)


@pytest.mark.parametrize("choices", [1, 3])
async def test_a_stream_tells_what_was_booked(client: httpx.AsyncClient, floor: Floor, choices: int) -> None:
    """In its last chunk, since its headers are sent before anything was paid."""
    floor.llm.open()
    async with floor.shift("mini", "small", "large"):
        answer = await client.post("/v1/chat/completions", json=chat(n=choices, stream=True))

    assert read(answer)["cost_usd"] == await booked(floor) != usd(0)
    assert "x-router-cost-usd" not in answer.headers


async def test_a_response_that_was_cancelled_tells_what_its_last_call_took(
    client: httpx.AsyncClient, floor: Floor
) -> None:
    """Until that call is booked the most that it may take is told, afterwards what it took."""
    async with floor.shift("mini", "small", "large"):
        asked = await client.post("/v1/responses", json={"model": "policy/free", "input": "x", "background": True})
        name = asked.json()["id"]
        await floor.llm.asked(1)
        cancelled = await client.post(f"/v1/responses/{name}/cancel")
        assert (read(cancelled)["status"], await booked(floor)) == ("cancelled", usd(0))
        most = await floor.store.balance()
    later = await client.get(f"/v1/responses/{name}")

    assert read(cancelled)["cost_usd"] == usd(most.reserved_nusd) != usd(0)
    assert later.headers["x-router-cost-usd"] == read(later)["cost_usd"] == await booked(floor) != usd(0)
