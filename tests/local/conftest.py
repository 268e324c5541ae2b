"""A small shop's policies, the models taught from them, and the server, all real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestServer

from router.local.billing import Bill, RequestLog
from router.local.lessons import Lesson, lessons_in
from router.local.school import School
from router.local.server import application

MAIL = """
policy: mail
prompt: {system: Sort the mail., user: "Mail: {{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}}}
tiers: [mini]
output: {labels: [refund, delivery, praise]}
examples: examples/mail.yaml
"""
REFUND = ["refund", "money back", "pay me back", "return the money", "refund me now", "my money, please", "refund it"]
DELIVERY = ["where is it", "parcel late", "not delivered", "the courier never came", "parcel lost", "when is delivery"]
PRAISE = ["thanks a lot", "lovely shop", "great service", "what a great shop", "thanks, lovely", "great, thanks"]

ORDERS = """
policy: orders
prompt: {system: Read the order., user: "{{ text }}", examples: 1}
input: {schema: {type: object, properties: {text: {type: string}}}}
tiers: [mini]
output: {schema: schemas/orders.json}
examples:
"""
SHOPS = [
    ("Rose", "2026-03-04", 12.50),
    ("Lily", "2026-04-05", 7.25),
    ("Iris", "2026-05-06", 99.00),
    ("Aster", "2026-06-07", 41.10),
    ("Tulip", "2026-07-08", 8.80),
    ("Daisy", "2026-08-09", 5.60),
]
ORDER_SCHEMA = {
    "type": "object",
    "properties": {
        "shop": {"type": "string"},
        "day": {"type": ["string", "null"]},
        "total": {"type": "number"},
        "note": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["shop", "day", "total", "note", "tags"],
    "additionalProperties": False,
}

DESK = """
policy: desk
prompt: {system: Help the caller., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}}}
tiers: [mini]
output: {tools: schemas/desk-tools.json}
examples:
  - {input: {text: "track order A111222"}, output: {name: track, arguments: {order: A111222}}}
  - {input: {text: "please track order B333444"}, output: {name: track, arguments: {order: B333444}}}
  - {input: {text: "where is order C555666"}, output: {name: track, arguments: {order: C555666}}}
  - {input: {text: "track D777888 for me"}, output: {name: track, arguments: {order: D777888}}}
  - {input: {text: "table for 4 people"}, output: {name: book, arguments: {people: 4}}}
  - {input: {text: "book a table for 6 people"}, output: {name: book, arguments: {people: 6}}}
  - {input: {text: "a table for 2, please"}, output: {name: book, arguments: {people: 2}}}
  - {input: {text: "book for 8 people"}, output: {name: book, arguments: {people: 8}}}
"""
DESK_TOOLS = [
    {
        "name": "track",
        "description": "Says where an order is.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string", "pattern": "^[A-Z][0-9]{6}$"}},
            "required": ["order"],
            "additionalProperties": False,
        },
    },
    {
        "name": "book",
        "description": "Books a table.",
        "parameters": {
            "type": "object",
            "properties": {"people": {"type": "integer"}},
            "required": ["people"],
            "additionalProperties": False,
        },
    },
]


class Shop:
    """A client of the server that knows the shop's policies."""

    def __init__(self, url: str, session: aiohttp.ClientSession, bill: Path, requests: Path) -> None:
        self.url = url
        self.session = session
        self.bill_file = bill
        self.requests_file = requests

    def logged(self) -> list[dict[str, Any]]:
        """The lines of the log of requests."""
        return [orjson.loads(line) for line in self.requests_file.read_bytes().splitlines()]

    async def ask(
        self, model: str, text: str, *, call_id: str = "call-1", account: str = "", policy: str = "mail", **more: Any
    ) -> Any:
        """Send one request; returns status, headers and the decoded body."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **_output(policy), **more}
        return await self.post(body, call_id=call_id, account=account)

    async def post(self, body: object, *, call_id: str = "call-1", account: str = "") -> Any:
        """Send any body."""
        headers = {"X-Client-Request-Id": call_id}
        path = f"/{account}/v1/chat/completions" if account else "/v1/chat/completions"
        sent = self.session.post(f"{self.url}{path}", data=orjson.dumps(body), headers=headers)
        async with sent as response:
            return response.status, response.headers, await response.json()

    async def get(self, path: str) -> Any:
        """Fetch a document."""
        async with self.session.get(f"{self.url}{path}") as response:
            return await response.json()


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A folder with three policies, as authors write them."""
    folder = tmp_path / "policies"
    (folder / "schemas").mkdir(parents=True)
    (folder / "examples").mkdir()
    (folder / "mail.yaml").write_text(MAIL)
    (folder / "examples" / "mail.yaml").write_text(_mail_examples())
    (folder / "orders.yaml").write_text(ORDERS + "\n".join(_order_example(*shop) for shop in SHOPS))
    (folder / "schemas" / "orders.json").write_bytes(orjson.dumps(ORDER_SCHEMA))
    (folder / "desk.yaml").write_text(DESK)
    (folder / "schemas" / "desk-tools.json").write_bytes(orjson.dumps(DESK_TOOLS))
    (folder / "tiers.yaml").write_text("tiers: {mini: {model: openai/gpt-4o-mini}}")
    return folder


@pytest.fixture
def lessons(policies: Path) -> dict[str, Lesson]:
    """What the folder teaches, by policy."""
    return {lesson.policy: lesson for lesson in lessons_in(policies)}


@pytest.fixture
def school(lessons: dict[str, Lesson]) -> School:
    """All models, taught."""
    return School.teaching(list(lessons.values()))


@pytest.fixture
async def shop(school: School, tmp_path: Path) -> AsyncIterator[Shop]:
    """A running server and a client of it."""
    bill_file, requests_file = tmp_path / "bill.jsonl", tmp_path / "requests.jsonl"
    bill, requests = Bill(bill_file), RequestLog(requests_file)
    async with TestServer(application(school, bill, requests)) as server, aiohttp.ClientSession() as session:
        yield Shop(str(server.make_url("")).rstrip("/"), session, bill_file, requests_file)
    bill.close()
    requests.close()


def _mail_examples() -> str:
    labelled = [("refund", REFUND), ("delivery", DELIVERY), ("praise", PRAISE)]
    return "\n".join(f"- {{input: {{text: {text!r}}}, output: {label}}}" for label, texts in labelled for text in texts)


def _order_example(shop: str, day: str, total: float) -> str:
    text = f"Shop: {shop}\\nDate: {day}\\nGoods {len(shop)}.00\\nTotal: {total:.2f}"
    return (
        f'  - input: {{text: "{text}"}}\n    output: {{shop: {shop}, day: {day}, total: {total}, note: null, tags: []}}'
    )


def _output(policy: str) -> dict[str, Any]:
    if policy == "desk":
        return {"tools": [{"type": "function", "function": tool} for tool in DESK_TOOLS], "tool_choice": "required"}
    labels = {"type": "object", "properties": {"label": {"enum": ["refund", "delivery", "praise"], "type": "string"}}}
    schema = ORDER_SCHEMA if policy == "orders" else labels
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": policy, "strict": True, "schema": schema}}
    }
