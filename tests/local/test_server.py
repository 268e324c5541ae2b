"""The server on the wire: answers, log-probabilities, usage, bill, refusals."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import orjson
import pytest

from router.local import tokens
from router.local.billing import PRICES, Bill

MINI, LARGE = "local-mini", "local-large"
ORDER = "Shop: Violet\nDate: 2026-09-10\nGoods 6.00\nTotal: 77.30"


async def test_answers_a_label(shop: Any) -> None:
    """A text gets the label of the texts that it is like."""
    status, _, body = await shop.ask(LARGE, "Mail: I want my money back")

    assert status == 200
    assert orjson.loads(body["choices"][0]["message"]["content"]) == {"label": "refund"}
    assert body["choices"][0]["finish_reason"] == "stop"


async def test_fills_in_a_form_in_the_order_of_the_schema(shop: Any) -> None:
    """Values come from the text, in the form that the examples have; what cannot be learnt stays empty."""
    _, _, body = await shop.ask(LARGE, ORDER, policy="orders")

    form = orjson.loads(body["choices"][0]["message"]["content"])
    assert form == {"shop": "Violet", "day": "2026-09-10", "total": 77.3, "note": None, "tags": []}
    assert list(form) == ["shop", "day", "total", "note", "tags"]


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("can you track order Z123456", "track", {"order": "Z123456"}),
        ("book a table for 7 people", "book", {"people": 7}),
    ],
)
async def test_calls_a_function(shop: Any, text: str, function: str, arguments: dict[str, Any]) -> None:
    """One of the functions is called with arguments from the text, in OpenAI's form, without log-probabilities."""
    _, _, body = await shop.ask(LARGE, text, policy="desk", logprobs=True)

    choice = body["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == function
    assert orjson.loads(call["function"]["arguments"]) == arguments
    assert choice["message"]["content"] is None
    assert choice["logprobs"] is None
    assert choice["finish_reason"] == "tool_calls"


async def test_logprobs_spell_the_content_and_are_given_only_when_asked_for(shop: Any) -> None:
    """Tokens concatenate to the content, their bytes are the token's, structure is certain."""
    _, _, body = await shop.ask(MINI, ORDER, policy="orders", logprobs=True)
    choice = body["choices"][0]
    spelled = choice["logprobs"]["content"]

    assert "".join(token["token"] for token in spelled) == choice["message"]["content"]
    assert b"".join(bytes(token["bytes"]) for token in spelled) == choice["message"]["content"].encode()
    assert all(token["logprob"] <= 0.0 and token["top_logprobs"] == [] for token in spelled)
    assert all(token["logprob"] == 0.0 for token in spelled if token["token"] in "{}:,")
    _, _, unasked = await shop.ask(MINI, ORDER, policy="orders")
    assert unasked["choices"][0]["logprobs"] is None


async def test_usage_is_what_the_tokenizer_counts(shop: Any) -> None:
    """Input is all messages and the schema, output the tokens of the content."""
    request = {
        "model": MINI,
        "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Mail: thanks"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "mail", "schema": {"properties": {}}}},
    }

    _, _, body = await shop.post(request)

    counted = sum(tokens.count(message["content"]) for message in request["messages"])  # type: ignore[index]
    counted += tokens.count(orjson.dumps(request["response_format"]).decode())
    assert body["usage"]["prompt_tokens"] == counted
    assert body["usage"]["completion_tokens"] == tokens.count(body["choices"][0]["message"]["content"])
    assert body["usage"]["total_tokens"] == counted + body["usage"]["completion_tokens"]


async def test_the_bill_is_the_usage_at_the_list_price(shop: Any) -> None:
    """Every answered call is one line, keyed by the caller's id, in integer nano-dollars."""
    answers = [(model, await shop.ask(model, "Mail: thanks", call_id=f"id-{model}")) for model in PRICES]

    lines = [orjson.loads(line) for line in shop.bill_file.read_bytes().splitlines()]
    due = {}
    for model, (_, _, body) in answers:
        usage = body["usage"]
        due[f"id-{model}"] = PRICES[model](usage["prompt_tokens"], usage["completion_tokens"])
    assert {line["call_id"]: line["amount_nusd"] for line in lines} == due
    totals = await shop.get("/bill")
    assert totals["billed_nusd"] == sum(due.values())
    assert totals["calls"] == 4
    assert totals["by_model"][LARGE] == {"billed_nusd": due[f"id-{LARGE}"], "calls": 1}


def test_prices_are_the_list_prices_of_the_models_they_stand_for() -> None:
    """A million tokens in and out cost what the price lists say, in dollars."""
    million = 1_000_000
    dollars = {model: (price(million, 0) / 1e9, price(0, million) / 1e9) for model, price in PRICES.items()}

    assert dollars == {
        "local-mini": (0.15, 0.60),
        "local-small": (0.75, 4.50),
        "local-large": (2.50, 15.0),
        "local-frontier": (5.0, 30.0),
    }


async def test_every_request_is_logged_billed_or_not(shop: Any) -> None:
    """The log tells what arrived: refused, failed and answered calls, each time that they came."""
    await shop.ask(MINI, "Mail: thanks", call_id="good")
    await shop.ask(MINI, "Mail: thanks", call_id="good")
    await shop.ask(f"{MINI}+fail", "Mail: thanks", call_id="failed")
    await shop.ask("no-such-model", "Mail: thanks", call_id="refused")

    assert [line["call_id"] for line in shop.logged()] == ["good", "good", "failed", "refused"]
    assert len(shop.bill_file.read_bytes().splitlines()) == 2


async def test_a_name_before_the_route_is_an_account(shop: Any) -> None:
    """Bill and log tell whose call it was; without a name it is nobody's."""
    await shop.ask(MINI, "Mail: thanks", call_id="a", account="acme")
    await shop.ask(MINI, "Mail: thanks", call_id="b")

    lines = [orjson.loads(line) for line in shop.bill_file.read_bytes().splitlines()]
    assert [(line["call_id"], line["account"]) for line in lines] == [("a", "acme"), ("b", "")]
    assert [(line["call_id"], line["account"]) for line in shop.logged()] == [("a", "acme"), ("b", "")]


async def test_a_bill_goes_on_where_it_stopped(shop: Any) -> None:
    """A new server on an old file starts with its totals."""
    await shop.ask(MINI, "Mail: thanks")

    again = Bill(shop.bill_file)
    again.close()

    assert again.totals() == await shop.get("/bill")


async def test_a_refused_call_costs_nothing(shop: Any) -> None:
    """What the models cannot do is said in a sentence, in OpenAI's form, and is not billed."""
    for body, sentence in [
        ({"model": MINI, "messages": [{"role": "user", "content": "Hi"}]}, "no free text"),
        ({"model": "gpt-9", "messages": [{"role": "user", "content": "Hi"}]}, "no model 'gpt-9'"),
        ({"model": MINI, "messages": []}, "`messages`"),
        ({"model": MINI, "messages": [{"role": "user", "content": "Hi"}], "stream": True}, "does not stream"),
        ({"model": "local-mini+explode", "messages": [{"role": "user", "content": "Hi"}]}, "no fault 'explode'"),
        ({"model": MINI, "messages": "Hi"}, "list of objects"),
        ({"model": MINI, "messages": [{"role": "user", "content": 7}]}, "`content`"),
        ({"model": MINI, "messages": [{"role": "user", "content": "Hi"}], "temperature": "hot"}, "`temperature`"),
        ({"model": MINI, "messages": [{"role": "user", "content": "Hi"}], "tools": ["fly"]}, "`tools`"),
        (
            {"model": MINI, "messages": [{"role": "user", "content": "Hi"}], "response_format": "json"},
            "must be an object",
        ),
        ([1], "JSON object"),
    ]:
        status, _, answer = await shop.post(body)

        assert status in {400, 404}
        assert sentence in answer["error"]["message"]
        assert answer["error"]["type"] == "invalid_request_error"
    assert (await shop.get("/bill"))["calls"] == 0


async def test_images_are_refused(shop: Any) -> None:
    """The models see text only, and say so."""
    parts = [{"type": "text", "text": "Mail:"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]

    status, _, body = await shop.post({"model": MINI, "messages": [{"role": "user", "content": parts}]})

    assert (status, body["error"]["message"]) == (400, "this model takes no images")


async def test_a_policy_that_was_not_taught_is_refused(shop: Any) -> None:
    """No answer is made up for an unknown policy or unknown functions."""
    status, _, body = await shop.ask(MINI, "Mail: thanks", response_format={"json_schema": {"name": "weather"}})
    assert status == 400
    assert "'weather'" in body["error"]["message"]

    status, _, body = await shop.ask(
        MINI, "x", policy="desk", tools=[{"type": "function", "function": {"name": "fly"}}]
    )
    assert status == 400
    assert "fly" in body["error"]["message"]


async def test_only_values_that_the_schema_lists_are_given(shop: Any) -> None:
    """A schema that leaves a label out never gets it."""
    narrow = {"name": "mail", "schema": {"properties": {"label": {"type": "string", "enum": ["delivery", "praise"]}}}}

    _, _, body = await shop.ask(LARGE, "Mail: refund", response_format={"json_schema": narrow}, logprobs=True)

    assert orjson.loads(body["choices"][0]["message"]["content"])["label"] in {"delivery", "praise"}
    assert sum(token["logprob"] for token in body["choices"][0]["logprobs"]["content"]) <= 0.0


async def test_a_repair_gives_the_best_other_value_where_the_findings_name_the_field(shop: Any) -> None:
    """The rejected value is not repeated, the other fields stay."""
    wrong = {"shop": "Violet", "day": "2026-09-10", "total": 77.3, "note": None, "tags": []}
    messages = [
        {"role": "user", "content": ORDER},
        {"role": "assistant", "content": orjson.dumps(wrong).decode()},
        {"role": "user", "content": "- total: this is not what was paid"},
    ]

    _, _, body = await shop.ask(LARGE, "", policy="orders", messages=messages)

    again = orjson.loads(body["choices"][0]["message"]["content"])
    assert again["total"] != 77.3
    assert again | {"total": 77.3} == wrong


async def test_a_warm_sample_follows_the_probabilities_and_a_cold_one_is_the_best(shop: Any) -> None:
    """At temperature 1 doubtful texts get different answers, drawn by call id; at 0 always the same."""
    doubtful = "Mail: great courier, money"

    async def drawn(temperature: float, number: int) -> str:
        _, _, body = await shop.ask(MINI, doubtful, call_id=f"c{number}", temperature=temperature)
        return str(body["choices"][0]["message"]["content"])

    warm = [await drawn(1.0, number) for number in range(30)]
    assert len(set(warm)) > 1
    assert warm == [await drawn(1.0, number) for number in range(30)]
    assert len({await drawn(0.0, number) for number in range(5)}) == 1


async def test_an_answer_over_the_limit_is_cut(shop: Any) -> None:
    """`max_tokens` ends the text there, and the finish reason says so."""
    _, _, body = await shop.ask(MINI, "Mail: thanks", max_completion_tokens=4, logprobs=True)

    choice = body["choices"][0]
    assert choice["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 4 == len(choice["logprobs"]["content"])


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "1(" * 5000, "A" * 200_000, "a b " * 20_000, "\n" * 5000, "🙂" * 3000]
)
@pytest.mark.parametrize("policy", ["mail", "orders", "desk"])
async def test_any_text_gets_an_answer_in_good_time(shop: Any, policy: str, text: str) -> None:
    """Empty, odd or huge: what comes is an answer in the asked-for form, within a fraction of a second."""
    began = time.process_time()

    status, _, body = await shop.ask("local-frontier", text, policy=policy, logprobs=True)

    message = body["choices"][0]["message"]
    assert status == 200
    assert isinstance(orjson.loads(message["content"] or message["tool_calls"][0]["function"]["arguments"]), dict)
    assert time.process_time() - began < 1.0


async def test_the_models_are_listed(shop: Any) -> None:
    """Four models, smallest first."""
    assert [model["id"] for model in (await shop.get("/v1/models"))["data"]] == list(PRICES)


async def test_a_hundred_calls_at_once_are_answered_and_billed_once_each(shop: Any) -> None:
    """Concurrency changes neither answers nor the bill."""
    asked = [shop.ask(f"{MINI}+slow=0.05", f"Mail: thanks {i}", call_id=f"c{i}") for i in range(100)]

    answers = await asyncio.gather(*asked)

    assert {status for status, _, _ in answers} == {200}
    lines = [orjson.loads(line) for line in shop.bill_file.read_bytes().splitlines()]
    assert sorted(line["call_id"] for line in lines) == sorted(f"c{i}" for i in range(100))
    assert (await shop.get("/bill"))["billed_nusd"] == sum(line["amount_nusd"] for line in lines)


async def test_confidence_is_a_probability_of_the_value(shop: Any) -> None:
    """A clear text is answered with more confidence than a doubtful one."""

    async def confidence(text: str) -> float:
        _, _, body = await shop.ask(LARGE, text, logprobs=True)
        return math.exp(sum(token["logprob"] for token in body["choices"][0]["logprobs"]["content"]))

    assert await confidence("Mail: refund, my money back") > 0.7 > await confidence("Mail: hm, perhaps")
