"""Bad behaviour on request."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest

MINI = "local-mini"
TEXT = "Mail: refund, money back"
LABELS = {"type": "object", "properties": {"label": {"enum": ["refund", "delivery", "praise"], "type": "string"}}}
OUTPUT = {"response_format": {"type": "json_schema", "json_schema": {"name": "mail", "schema": LABELS}}}


def content(body: dict[str, Any]) -> Any:
    """The content of the first choice."""
    return body["choices"][0]["message"]["content"]


async def billed(shop: Any) -> int:
    """How many calls stand on the bill."""
    return int((await shop.get("/bill"))["calls"])


async def test_slow_waits_first(shop: Any) -> None:
    """`+slow=0.2` answers after that many seconds."""
    began = time.monotonic()

    status, _, _ = await shop.ask(f"{MINI}+slow=0.2", TEXT)

    assert status == 200
    assert time.monotonic() - began >= 0.2


async def test_fail_answers_500_for_some_calls_always_the_same_ones(shop: Any) -> None:
    """`+fail=0.3` strikes by call id, so a run repeats; what failed is not billed."""
    first = [(await shop.ask(f"{MINI}+fail=0.3", TEXT, call_id=f"c{i}"))[0] for i in range(60)]
    again = [(await shop.ask(f"{MINI}+fail=0.3", TEXT, call_id=f"c{i}"))[0] for i in range(60)]

    assert first == again
    assert 8 <= first.count(500) <= 30
    assert await billed(shop) == 2 * first.count(200)


async def test_limit_asks_to_come_back_later(shop: Any) -> None:
    """`+limit` answers 429 with Retry-After, and bills nothing."""
    status, headers, body = await shop.ask(f"{MINI}+limit", TEXT)

    assert (status, headers["Retry-After"], body["error"]["code"]) == (429, "1", "rate_limit_exceeded")
    assert await billed(shop) == 0


async def test_hang_never_answers(shop: Any) -> None:
    """`+hang` leaves the caller to its own timeout, and bills nothing."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await shop.ask(f"{MINI}+hang", TEXT)

    assert await billed(shop) == 0


async def test_latebill_bills_a_caller_who_is_gone(shop: Any) -> None:
    """`+latebill=5` writes the bill at once and answers later."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await shop.ask(f"{MINI}+latebill=5", TEXT)

    assert await billed(shop) == 1


async def test_nousage_bills_but_does_not_say_for_what(shop: Any) -> None:
    """`+nousage` leaves the usage out."""
    status, _, body = await shop.ask(f"{MINI}+nousage", TEXT)

    assert status == 200
    assert "usage" not in body
    assert await billed(shop) == 1


async def test_nousage_strikes_as_often_as_asked(shop: Any) -> None:
    """`+nousage=0.3` tells the usage of most calls."""
    said = [(await shop.ask(f"{MINI}+nousage=0.3", TEXT, call_id=f"c{i}"))[2] for i in range(60)]

    assert 8 <= sum("usage" not in body for body in said) <= 30


async def test_latefail_answers_500_after_the_bill(shop: Any) -> None:
    """`+latefail` has done the work when it fails: what failed is billed."""
    status, _, body = await shop.ask(f"{MINI}+latefail", TEXT)

    assert (status, body["error"]["code"]) == (500, "server_error")
    assert await billed(shop) == 1


async def test_overcharge_bills_what_nobody_asked_for(shop: Any) -> None:
    """`+overcharge=5000` bills so many tokens above what is said, and tells them in the usage."""
    _, _, plain = await shop.ask(MINI, TEXT, max_tokens=50)
    _, _, over = await shop.ask(f"{MINI}+overcharge=5000", TEXT, call_id="over", max_tokens=50)

    assert content(over) == content(plain)
    assert over["usage"]["completion_tokens"] == plain["usage"]["completion_tokens"] + 5000
    assert orjson.loads(shop.bill_file.read_bytes().splitlines()[1])["output_tokens"] > 5000


async def test_cut_breaks_off_in_the_body(shop: Any) -> None:
    """`+cut` promises a length and sends half of it; the call is billed."""
    with pytest.raises(aiohttp.ClientPayloadError):
        await shop.ask(f"{MINI}+cut", TEXT)

    assert await billed(shop) == 1


async def test_drip_sends_byte_by_byte(shop: Any) -> None:
    """`+drip=1` takes a second for each byte: the whole never comes in time."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await shop.ask(f"{MINI}+drip=1", TEXT)

    assert await billed(shop) == 1


async def test_flood_sends_megabytes(shop: Any) -> None:
    """`+flood=3` sends an answer that can be read, and so many megabytes of blanks after it."""
    body = {"model": f"{MINI}+flood=3", "messages": [{"role": "user", "content": TEXT}], **OUTPUT}
    async with shop.session.post(f"{shop.url}/v1/chat/completions", data=orjson.dumps(body)) as response:
        sent = await response.read()

    assert len(sent) > 3 * 1024 * 1024
    assert content(orjson.loads(sent)) is not None


async def test_truncate_stops_half_way(shop: Any) -> None:
    """`+truncate` gives broken JSON, says so, and bills what was said."""
    _, _, body = await shop.ask(f"{MINI}+truncate", TEXT)

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(content(body))
    assert body["choices"][0]["finish_reason"] == "length"
    (line,) = shop.bill_file.read_bytes().splitlines()
    assert orjson.loads(line)["output_tokens"] == body["usage"]["completion_tokens"]


async def test_wrong_gives_another_value_of_the_same_form(shop: Any) -> None:
    """`+wrong` is a wrong label, still of the list, as sure as the right one."""
    _, _, right = await shop.ask(MINI, TEXT)
    _, _, wrong = await shop.ask(f"{MINI}+wrong", TEXT)

    assert content(wrong) != content(right)
    assert orjson.loads(content(wrong))["label"] in {"refund", "delivery", "praise"}


async def test_wrong_strikes_as_often_as_asked(shop: Any) -> None:
    """`+wrong=0.3` leaves most answers alone."""
    _, _, right = await shop.ask(MINI, TEXT)

    answers = [content((await shop.ask(f"{MINI}+wrong=0.3", TEXT, call_id=f"c{i}"))[2]) for i in range(60)]

    assert 8 <= sum(answer != content(right) for answer in answers) <= 30


async def test_refuse_gives_a_refusal_in_place_of_content(shop: Any) -> None:
    """`+refuse` fills `refusal`, as OpenAI does."""
    _, _, body = await shop.ask(f"{MINI}+refuse", TEXT, logprobs=True)

    message = body["choices"][0]["message"]
    assert message["content"] is None
    assert message["refusal"] == "I'm sorry, I can't help with that."
    assert body["choices"][0]["finish_reason"] == "stop"
    assert await billed(shop) == 1


async def test_faults_combine(shop: Any) -> None:
    """Several suffixes act together."""
    _, _, body = await shop.ask(f"{MINI}+slow=0.01+nousage+truncate", TEXT)

    assert "usage" not in body
    assert body["choices"][0]["finish_reason"] == "length"
