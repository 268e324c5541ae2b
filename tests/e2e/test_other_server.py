"""The shipped policies and tiers against a second server, which shares no line with the product."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind
from router.result import Result
from router.trail import Purpose
from tests.e2e.house import Site, open_site
from tests.fault_provider import FaultProvider, Request, completion, tool_call
from tests.gang import POLICIES

KEY = "sk-the-other-one"
PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
RECEIPT = {"merchant": "ACME", "date": "2026-03-04", "total": 12.5, "currency": "EUR", "items": None}
MINI_NUSD, SMALL_NUSD = 270_000, 1_650_000
"""1,000 tokens in and 200 out at .15 / .60 and at .75 / 4.50 dollars per million."""


def answer(body: Any) -> dict[str, Any]:
    """What the other server's models say: the small one is right and sure, the mini one not always."""
    mini = body["model"] == "gpt-4o-mini"
    if body.get("tools"):
        return tool_call("track_order", '{"order_id": "R482913"}')
    match body.get("response_format", {}).get("json_schema", {}).get("name"):
        case "intents":
            return said('{"label": "complaint"}', sure=0.5) if mini else said('{"label": "refund"}')
        case "receipts":
            return said(json.dumps(RECEIPT))
        case "judgement":
            return said('{"mistake": null, "right": "yes"}')
        case _:
            return said("Speichern")


def said(text: str, *, sure: float = 0.99) -> dict[str, Any]:
    """A completion with log-probabilities: every four characters are a token."""
    pieces = [text[i : i + 4] for i in range(0, len(text), 4)]
    tokens = [{"token": p, "logprob": math.log(sure), "bytes": list(p.encode()), "top_logprobs": []} for p in pieces]
    body = completion(text)
    body["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    return body


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultProvider]:
    with FaultProvider(answer) as provider:
        yield provider


@pytest.fixture(scope="module")
def site(server: EmbeddedServer, provider: FaultProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Workers with the shipped policies; only their tiers file says where the models answer, and whose key it takes."""
    folder = tmp_path_factory.mktemp("other")
    tiers = folder / "tiers.yaml"
    theirs = f"api_key_env: OTHER_KEY\n    api_base: {provider.url()}"
    tiers.write_text((POLICIES / "tiers.yaml").read_text().replace("api_key_env: OPENAI_API_KEY", theirs))
    with open_site("other", folder, redis_url=server.url, tiers=tiers, env={"OTHER_KEY": KEY}) as site:
        yield site


@pytest.fixture(scope="module")
def results(site: Site) -> dict[str, Result]:
    inputs = {
        "intents": {"text": "Please send my money back for order R482913."},
        "toolcall": {"text": "Where is order R482913?"},
        "translate": {"text": "Save", "target": "de"},
        "receipts": {"photo": PHOTO},
    }
    handles = {policy: site.client.submit(policy, given) for policy, given in inputs.items()}
    return {policy: handle.wait(timeout_s=60) for policy, handle in handles.items()}


@pytest.mark.parametrize(
    ("policy", "output", "calls", "cost_nusd"),
    [
        ("intents", "refund", [("mini", "answer"), ("small", "answer")], MINI_NUSD + SMALL_NUSD),
        ("translate", "Speichern", [("mini", "answer"), ("small", "judge")], MINI_NUSD + SMALL_NUSD),
        ("receipts", RECEIPT, [("mini", "answer")], MINI_NUSD),
        (
            "toolcall",
            {"name": "track_order", "arguments": {"order_id": "R482913"}},
            [("mini", "answer"), ("mini", "sample")],
            2 * MINI_NUSD,
        ),
    ],
)
def test_a_task_goes_the_whole_way(
    results: dict[str, Result], policy: str, output: Any, calls: list[tuple[str, Purpose]], cost_nusd: int
) -> None:
    """Labels that climb, a function with a second sample, a text with a judge, a photo: each is answered and booked."""
    result = results[policy]

    assert (result.status, result.output) == ("succeeded", output), result.reason
    assert [(call.tier, call.purpose) for attempt in result.trail for call in attempt.calls] == calls
    assert result.cost_usd * 10**9 == cost_nusd


def test_each_call_is_one_request_that_is_booked(
    results: dict[str, Result], site: Site, provider: FaultProvider
) -> None:
    """The server saw the id of each settled call once, and no other."""
    seen = Counter(request.call_id for request in provider.requests)
    booked = [entry.call for entry in site.entries() if entry.kind is EntryKind.SETTLED]

    assert len(booked) == sum(len(attempt.calls) for result in results.values() for attempt in result.trail)
    assert seen == Counter(booked)


def test_requests_are_what_such_a_server_expects(results: dict[str, Result], provider: FaultProvider) -> None:
    """Chat completions with the key of the tiers file, with the photo, the schema, the functions; nothing streams."""
    sent = {policy: _of(policy, provider) for policy in results}

    assert {request.headers["authorization"] for request in provider.requests} == {f"Bearer {KEY}"}
    assert {request.path for request in provider.requests} == {"/given/v1/chat/completions"}
    assert not any(request.body.get("stream") for request in provider.requests)
    assert PHOTO in json.dumps(sent["receipts"][0].body)
    assert [r.body["model"] for r in sent["intents"]] == ["gpt-4o-mini", "gpt-5.4-mini"]
    assert sent["intents"][1].body["reasoning_effort"] == "none"
    assert sent["toolcall"][0].body["tool_choice"] == "required"


def test_no_key_and_no_prompt_is_logged(results: dict[str, Result], site: Site) -> None:
    """What the workers log names tasks, tiers and costs; neither keys nor what was asked and answered."""
    log = site.gang.log.read_text()

    assert all(result.id in log for result in results.values())
    assert not [secret for secret in (KEY, "money back", "Speichern", "R482913") if secret in log]


def _of(policy: str, provider: FaultProvider) -> list[Request]:
    """The requests of a policy's task in order, without those of judges."""
    words = {"intents": "my money back", "toolcall": "Where is order", "translate": "Target language"}
    return [request for request in provider.requests if words.get(policy, PHOTO) in json.dumps(request.body)]
