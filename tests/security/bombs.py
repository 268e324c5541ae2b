"""
Bombs, set off one after the other: `python -m tests.security.bombs FAMILY`.

For each it prints its name, then what became of it: a line each. A process that is killed over one has named it last.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from router.cel.problem import ExpressionInvalid
from router.compose import render_user
from router.errors import PolicyInvalid, TaskInvalid
from router.io.commands.producer import CARD
from router.io.commands.shift import ShiftCommands
from router.memory import MemoryStore
from router.policy import Policy
from router.policyfile.yamlfile import read_yaml
from router.producing import Order, prepare
from router.schema.validator import SchemaInvalid
from router.submission import Card
from router.template import PromptInvalid
from router.wishes import Wishes
from tests.builders import a_policy, a_reply
from tests.carrying import House
from tests.conftest import Clock

Bomb = Callable[[], object]
AS = "a" * 100_000
DEEP = "[" * 100_000
OBJECTS = [{"a": n} for n in range(20_000)]


def judged(schema: Mapping[str, Any], output: str) -> Bomb:
    """Have a model answer with this text where the policy wants this schema."""
    return lambda: asyncio.run(_judged(a_policy(output={"schema": dict(schema)}, checks=[], moves=_MOVES), output))


_MOVES = {"fail": "reject", "unsure": "reject", "error": "reject"}


async def _judged(policy: Policy, output: str) -> str:
    clock = Clock()
    house = House(MemoryStore(clock_ms=clock), clock, lambda call: a_reply(output, sure=None))
    await house.submit(policy=policy)
    record = await house.settle()
    return f"{record.state.value}: {str(record.reason)[:200]}"


def wished(**wishes: Any) -> Bomb:
    """Have a caller send a schema of its own."""
    return lambda: _prepared({"text": "x"}, Wishes.model_validate(wishes))


def submitted(input: Any, **order: Any) -> Bomb:
    return lambda: _prepared(input, None, **order)


def _prepared(input: Any, wishes: Wishes | None, **order: Any) -> str:
    card = a_card(a_policy(output={"text": {}}, checks=[]) if wishes else a_policy())
    prepare(card, input, Order(wishes=wishes, **order), reply_to=None)
    return "submitted"


def a_card(policy: Policy) -> Card:
    """What producers know of a policy that was published."""
    return CARD.validate_json(ShiftCommands(prefix="").publish([policy]).words[-1])


def _nested(depth: int) -> dict[str, Any]:
    return {"not": _nested(depth - 1)} if depth else {}


def _lists(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def doubling(depth: int) -> dict[str, Any]:
    """A schema that looks at each value 2 ** depth times."""
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for n in range(depth):
        definitions[f"d{n + 1}"] = {"anyOf": [{"$ref": f"#/$defs/d{n}"}, {"$ref": f"#/$defs/d{n}"}]}
    return {"$ref": f"#/$defs/d{depth}", "$defs": definitions}


def ruled(expression: str, output: Any) -> Bomb:
    """Have a rule of a policy look at an answer."""
    numbers = {
        "type": "object",
        "properties": {"n": {"type": "array", "items": {"type": "integer"}}, "s": {"type": "string"}},
    }
    checks = [{"check": "rule", "id": "bomb", "expression": expression, "message": "boom", "severity": "fail"}]
    return lambda: asyncio.run(
        _judged(a_policy(output={"schema": numbers}, checks=checks, moves=_MOVES), json.dumps(output))
    )


def prompted(user: str, **input: Any) -> Bomb:
    """Have a prompt written."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "notes": {"type": "array"}}}

    def write() -> str:
        policy = a_policy(prompt={"system": "x", "user": user}, input={"schema": schema})
        return f"{len(render_user(policy, {'text': AS, **input})):,} characters"

    return write


def read(text: str) -> Bomb:
    """Have a policy's file read."""
    return lambda: read_yaml(text, "bomb.yaml").data


STRING, TEXT = {"type": "string"}, {"type": "object", "properties": {"x": {}}}
REPEATED = "(((a{1,100}){1,100}){1,100}){1,100}"
ENDLESS = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}

FAMILIES: dict[str, dict[str, Bomb]] = {
    "output schemas": {
        "backtracking": judged({"pattern": "^(a+)+$"}, json.dumps(AS + "!")),
        "backtracking names": judged(
            {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, f'{{"{AS}!": 1}}'
        ),
        "repetition": judged({"pattern": REPEATED}, json.dumps(AS)),
        "many objects": judged({"uniqueItems": True}, json.dumps([*OBJECTS, OBJECTS[0]])),
        "many lists": judged({"uniqueItems": True}, json.dumps([[n] for n in range(20_000)] + [[0]])),
        "doubling": judged(doubling(60), "{}"),
        "endless": judged(ENDLESS, "{}"),
        "recursion": judged(
            {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "[" * 60 + "]" * 60
        ),
        "ways": judged(
            {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"items": {"$ref": "#/$defs/a"}}, {"type": "null"}] * 4}}},
            "[" * 60 + "1" + "]" * 60,
        ),
        "contains": judged({"contains": {"contains": {"const": 1}}, "minContains": 9}, json.dumps([[0] * 300] * 300)),
        "large numbers": judged({"multipleOf": 0.0000001}, "1e308"),
    },
    "callers' schemas": {
        "backtracking": wished(response_schema={"name": "x", "body": {"pattern": "(?=(a+)+$)"}}),
        "repetition": wished(response_schema={"name": "x", "body": {"pattern": REPEATED}}),
        "doubling": wished(response_schema={"name": "x", "body": doubling(60)}),
        "endless": wished(response_schema={"name": "x", "body": ENDLESS}),
        "far away": wished(response_schema={"name": "x", "body": {"$ref": "http://127.0.0.1:9/x"}}),
        "huge": wished(response_schema={"name": "x", "body": {"enum": [AS]}}),
        "deep": wished(tools=[{"name": "f", "parameters": _nested(200)}]),
        "tools": wished(tools=[{"name": "f", "parameters": doubling(60)}]),
        "many tools": wished(tools=[{"name": f"f{n}", "parameters": {"enum": ["a" * 5_000]}} for n in range(128)]),
    },
    "answers": {
        "depth": judged(TEXT, '{"x": ' + DEEP),
        "closed depth": judged(TEXT, '{"x": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        "digits": judged(TEXT, '{"x": ' + "9" * 900_000 + "}"),
        "exponent": judged(TEXT, '{"x": 1e999999999}'),
        "nan": judged(TEXT, '{"x": NaN}'),
        "duplicate keys": judged(TEXT, '{"x": 1, "x": 2}'),
        "surrogate": judged(TEXT, '{"x": "\\ud800"}'),
        "raw surrogate": judged(TEXT, '{"x": "\ud800"}'),
        "nulls": judged(TEXT, "\x00" * 1_000_000),
        "many keys": judged(TEXT, json.dumps({f"k{n}": n for n in range(100_000)})),
        "fences": judged(TEXT, "```" * 300_000),
        "quotes": judged(TEXT, '"' * 1_000_000),
        "escapes": judged(TEXT, '{"x": "' + "\\" * 999_999),
        "blanks": judged(TEXT, " " * 2_000_000 + "x"),
    },
    "inputs": {
        "depth": submitted({"text": _lists(100_000)}),
        "nan": submitted({"text": float("nan")}),
        "infinity": submitted({"text": float("inf")}),
        "surrogate": submitted({"text": "\ud800"}),
        "surrogate key": submitted({"text": "x", "\ud800": 1}),
        "digits": submitted({"text": 10**5_000}),
        "size": submitted({"text": AS * 10}),
        "no object": submitted([1]),
        "keys of numbers": submitted({1: "x"}),
        "bytes": submitted({"text": b"x"}),
        "metadata": submitted({"text": "x"}, metadata={"x": _lists(100_000)}),
        "metadata surrogate": submitted({"text": "x"}, metadata={"x": "\ud800"}),
        "deadline": submitted({"text": "x"}, deadline_s=float("nan")),
    },
    "rules": {
        "squares": ruled(
            "output.n.all(a, output.n.all(b, output.n.all(c, a + b + c >= 0)))", {"n": list(range(1_900))}
        ),
        "maps": ruled("output.n.map(a, output.n.map(b, a * b)).size() > 0", {"n": list(range(1_900))}),
        "long list": ruled("output.n.map(a, a).size() > 0", {"n": list(range(50_000))}),
        "growth": ruled("(output.s + output.s).replace('a', output.s).size() > 0", {"s": AS}),
        "backtracking": ruled("output.s.matches('^(a+)+$')", {"s": AS + "!"}),
        "repetition": ruled(f"output.s.matches('{REPEATED}')", {"s": AS}),
        "pattern of the output": ruled("'aaaa'.matches(output.s)", {"s": REPEATED}),
        "split": ruled("output.s.split('').map(x, x).size() > 0", {"s": AS}),
        "depth": ruled("(" * 5_000 + "true" + ")" * 5_000, {"s": "x"}),
        "length": ruled("true || " * 100_000 + "true", {"s": "x"}),
    },
    "prompts": {
        "loops": prompted(
            "{% for a in text %}{% for b in text %}{% for c in text %}{% endfor %}{% endfor %}{% endfor %}"
        ),
        "ranges": prompted("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"),
        "replace": prompted("{{ text|replace('a', text) }}"),
        "join": prompted("{{ text|list|join(text) }}"),
        "width": prompted("{{ '%1000000000d' % 1 }}"),
        "center": prompted("{{ text.center(10000000000) }}"),
        "doubling": prompted("{% set x = text ~ text %}" * 50),
        "macro": prompted("{% macro m(n) %}{{ m(n-1) }}{{ m(n-1) }}{% endmacro %}{{ m(60) }}"),
        "slices": prompted("{{ notes|slice(1000000000)|list|length }}", notes=["a"]),
        "lorem": prompted("{{ lipsum(n=100000000) }}"),
        "shared": prompted("{{ notes|map(attribute='x', default=text)|list }}", notes=["a"] * 50_000),
        "power": prompted("{{ 9 ** 9 ** 9 }}"),
        "nesting": prompted("{{ " + "(" * 100_000 + " }}"),
        "insides": prompted("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    },
    "policy files": {
        "laughs": read("a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijkl"))),
        "merges": read("a: &a {x: 1}\nb: {<<: [" + "*a, " * 50_000 + "*a]}"),
        "depth": read(DEEP),
        "maps": read("{a: " * 50_000),
        "code": read("a: !!python/object/apply:os.system ['id']"),
        "documents": read("---\na: 1\n" * 10_000),
        "size": read("a: " + AS * 10),
        "nodes": read("- 1\n" * 100_000),
        "digits": read("a: " + "9" * 100_000),
        "keys": read("".join(f"? {'k' * 500}{n}\n: 1\n" for n in range(900)) + "? a: b\n: c"),
        "surrogate": read("a: \ud800"),
        "control": read("a: \x00"),
    },
}
"""Each is refused, or judged, in little time and room."""


def explode(name: str, bomb: Bomb) -> None:
    """Say which bomb it is, then what it did."""
    print(json.dumps(name), flush=True)
    try:
        became = f"fine: {str(bomb())[:200]}"
    except EXPECTED as why:
        became = f"refused: {type(why).__name__}: {str(why)[:300]}"
    print(json.dumps(became), flush=True)


EXPECTED = (TaskInvalid, PolicyInvalid, ExpressionInvalid, PromptInvalid, SchemaInvalid)
"""Errors that say what is wrong; any other ends the process, and the test."""


if __name__ == "__main__":
    for named, one in FAMILIES[sys.argv[1]].items():
        explode(named, one)
