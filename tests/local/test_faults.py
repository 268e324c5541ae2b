"""Bad behaviour on request."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest

MINI = "local-mini"
TEXT = "Mail: refund, money back"


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
