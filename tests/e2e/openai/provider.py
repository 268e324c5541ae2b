"""The models behind the service in these tests: what they say depends on what they are asked."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.test_other_server import said
from tests.fault_provider import completion

PRICE = {"currency": "EUR", "total": 12.5}
CHEAP = "gpt-4o-mini"


def answer(body: Any) -> dict[str, Any]:
    """The cheap model is unsure where the task is hard, and no model keeps to a form where it is asked for nonsense."""
    asked = json.dumps(body["messages"], ensure_ascii=False)
    cheap = body["model"] == CHEAP
    match body.get("response_format", {}).get("json_schema", {}).get("name"):
        case "intents":
            return said('{"label": "refund"}')
        case None:
            return _turn(body, asked, cheap=cheap)
        case _:
            broken = "nonsense" in asked or ("hard" in asked and cheap)
            return said(json.dumps({"currency": "EUR", "total": "twelve"} if broken else PRICE))


def _turn(body: Any, asked: str, *, cheap: bool) -> dict[str, Any]:
    if body["messages"][-1]["role"] == "tool":
        return said(f"It is {body['messages'][-1]['content']}.")
    if body.get("tools"):
        return _calls(["Oslo", "Rome"] if "two" in asked else ["Oslo"], wrong="hard" in asked and cheap)
    if "image_url" in asked:
        return said("A photo.")
    if "nonsense" in asked:
        return completion("", finish="content_filter")
    return said("Perhaps.", sure=0.2) if "hard" in asked and cheap else said("Certainly, at once.")


def _calls(cities: list[str], *, wrong: bool) -> dict[str, Any]:
    made = [
        {
            "id": f"theirs_{number}",
            "type": "function",
            "function": {"name": "weather", "arguments": json.dumps({"town" if wrong else "city": city})},
        }
        for number, city in enumerate(cities)
    ]
    return completion(None, finish="tool_calls", tool_calls=made)
