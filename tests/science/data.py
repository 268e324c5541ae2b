"""Public benchmark runs as recorded traffic: real replies of real models with their grades, one converter a file."""

from __future__ import annotations

import ast
import gzip
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from router.policy import Policy
from router.recorded.recording import Recording
from router.tier import Tier

DATA: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data"
"""Beside the checkout; who has it not can run none of this."""

Row: TypeAlias = dict[str, Any]

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

_CALLS = {
    "type": "object",
    "properties": {
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["name", "arguments"],
            },
        }
    },
    "required": ["calls"],
}

_ANSWER = {
    "type": "object",
    "properties": {"reasoning": {"type": "string"}, "answer": {}},
    "required": ["answer"],
}

TIERS: Final = {name: Tier(name=name, model=f"recorded/{name}") for name in ("mini", "large")}

_GPT_4O_MINI = (0.15, 0.60)
_GPT_4O_0806 = (2.50, 10.00)
"""Dollars per million tokens of input and output, as listed by their providers at the time of the runs."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the data, the task in it, how a row becomes a recording, and the policy that such a task would have."""

    file: str
    task: str | None
    recording: Callable[[Row], Row]
    policy: Row

    def rows(self) -> Iterator[Row]:
        with gzip.open(DATA / self.file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                row = {"id": f"{number:04}"} | json.loads(line)
                if self.task is None or row.get("task") == self.task:
                    yield row

    def lines(self) -> Iterator[str]:
        """The recordings as lines of a log."""
        return (json.dumps(self.recording(row), ensure_ascii=False) for row in self.rows())

    def inputs(self) -> Iterator[str]:
        """The inputs alone, as `router task submit --inputs` takes them."""
        return (json.dumps(self.recording(row)["input"], ensure_ascii=False) for row in self.rows())

    def labels(self, ids: Iterable[str]) -> Iterator[str]:
        """What was right, as `router calibrate --labels` takes it, of the tasks *ids* that the inputs became."""
        told = (self.recording(row)["expected"] for row in self.rows())
        return (
            json.dumps({"id": of, "expected": right}, ensure_ascii=False) for of, right in zip(ids, told, strict=False)
        )

    def recordings(self) -> list[Recording]:
        return [Recording.model_validate(self.recording(row)) for row in self.rows()]

    def bound(self, **changes: Any) -> Policy:
        """The policy of such a task, with its tiers."""
        settings = {"prompt": {"system": "Do the task.", "user": "{{ text }}"}, "tiers": ["mini", "large"]}
        return Policy.model_validate(settings | {"input": {"schema": _TEXT}} | self.policy | changes).on(TIERS)


def _cascade(row: Row) -> Row:
    """A short answer with one probability: of the answer itself, or P(True) where the model was asked to verify."""
    replies = {}
    for tier, name in (("mini", "gpt-4o-mini"), ("large", "gpt-4o")):
        model = row["models"][name]
        replies[tier] = {
            "output": str(model["a"]),
            "confidence": round(min(1.0, math.exp(model["lp"])), 9),
            "cost_usd": _usd(model["usd"]),
            "latency_ms": round(model["ms"]),
            "correct": bool(model["ok"]),
        }
    return {"id": row["id"], "input": {"text": row["prompt"]}, "replies": replies}


def _function_calls(row: Row) -> Row:
    """Function calls, beside what the same small model wrote when it was asked in the prompt instead."""
    systems = row["systems"]
    small, again, large = (
        systems[f"gpt-4o-{name}"] for name in ("mini-2024-07-18-FC", "mini-2024-07-18", "2024-08-06-FC")
    )
    reply = _graded(small, {"calls": _called(small["raw"])}, _GPT_4O_MINI) | {
        "sample": {"calls": _written(again["raw"])},
        "consulted": {"agreement": {"cost_usd": _cost(again, _GPT_4O_MINI), "latency_ms": round(again["s"] * 1000)}},
    }
    functions = row["functions"] if isinstance(row["functions"], list) else [row["functions"]]
    return {
        "id": row["id"],
        "input": {"text": _question(row["question"]), "functions": [_offered(f) for f in functions]},
        "replies": {"mini": reply, "large": _graded(large, {"calls": _called(large["raw"])}, _GPT_4O_0806)},
    }


def _offered(function: Row) -> Row:
    """A function as the task's input has it: its parameters by their type."""
    parameters = function["parameters"]
    kinds: dict[str, list[str]] = {kind: [] for kind in ("floats", "integers", "strings", "booleans", "float_lists")}
    for name, parameter in parameters.get("properties", {}).items():
        kind = _KINDS.get(str(parameter.get("type")).lower())
        item = parameter.get("items") or {}
        if kind == "lists":
            kind = "float_lists" if _KINDS.get(str(item.get("type")).lower()) == "floats" else None
        if kind:
            kinds[kind].append(name)
    required = parameters.get("required", [])
    return {"name": _name(function["name"]), "required": required, **kinds}


_KINDS = {
    **dict.fromkeys(("float", "double", "number"), "floats"),
    "integer": "integers",
    "string": "strings",
    "boolean": "booleans",
    **dict.fromkeys(("array", "list", "tuple"), "lists"),
}


def _graded(system: Row, output: Any, rates: tuple[float, float]) -> Row:
    return {
        "output": output,
        "cost_usd": _cost(system, rates),
        "latency_ms": round(system["s"] * 1000),
        "correct": bool(system["ok"]),
    }


def _cost(system: Row, rates: tuple[float, float]) -> str:
    return _usd((system["i"] * rates[0] + system["o"] * rates[1]) / 1e6)


def _usd(amount: float) -> str:
    return f"{amount:.12f}"


def _question(question: Any) -> str:
    return question if isinstance(question, str) else json.dumps(question)


def _name(name: str) -> str:
    """Functions are offered without dots, which the provider does not take."""
    return name.replace(".", "_")


def _called(raw: Any) -> list[Row]:
    """The calls of the provider's own form; a text is no call."""
    calls = [item for call in raw for item in call.items()] if isinstance(raw, list) else []
    return [{"name": _name(name), "arguments": _arguments(told)} for name, told in calls]


def _arguments(told: Any) -> Row:
    try:
        value = json.loads(told) if isinstance(told, str) else told
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"unreadable": str(told)}


def _written(raw: str) -> list[Row]:
    """The calls of a text `[f(a=1), g(b="x")]`; another text is no call."""
    text = re.sub(r"^(json|python)?\s*", "", raw.strip().strip("`").strip())
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return []
    found = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
    return [
        {"name": _name(ast.unparse(call.func)), "arguments": {k.arg: _literal(k.value) for k in call.keywords if k.arg}}
        for call in found
        if isinstance(call, ast.Call)
    ]


def _literal(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return ast.unparse(node)
    return json.loads(json.dumps(value, default=str))


def _school_sum(row: Row) -> Row:
    """A sum told in words, answered in steps; the file has no costs."""
    replies = {
        tier: {"output": row[name], "correct": bool(row[f"{name}_ok"])}
        for tier, name in (("mini", "weak"), ("large", "strong"))
    }
    metadata = {"contaminated": bool(row["contaminated"])}
    return {"id": row["id"], "input": {"text": row["prompt"]}, "replies": replies, "metadata": metadata}


def _reasoned(row: Row) -> Row:
    """An answer with its reasoning before it."""
    output = {"reasoning": row["cheap_raw"][:4000], "answer": _json(row["cheap_ans"])}
    replies = {
        "mini": {"output": output, "correct": bool(row["cheap_ok"])},
        "large": {"output": {"answer": _json(row["exp_ans"])}, "correct": bool(row["exp_ok"])},
    }
    return {"id": row["id"], "input": {"text": row["prompt"]}, "replies": replies}


def _entities(row: Row) -> Row:
    """What one small model found in a text, and what it found when it was asked once more; the file has no costs."""
    runs = [_by_kind(run) for run in row["runs"][:2]]  # a run without a readable reply is not in the file
    reply = {"output": runs[0]} if runs else {"failure": "malformed"}
    return {
        "id": row["id"],
        "input": {"text": row["text"]},
        "expected": _by_kind(row["gold"]),
        "replies": {"mini": reply | ({"sample": runs[1]} if len(runs) > 1 else {})},
        "metadata": {"framework": row["framework"]},
    }


def _by_kind(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Frameworks leave out a kind that does not occur, or say that it is empty; in which order means nothing."""
    return {kind: sorted(set(found.get(kind, ()))) for kind in _ENTITIES}


_ENTITIES = (
    *("person_name", "company", "street_address", "time", "date_of_birth", "phone_number", "email", "employee_id"),
    *("customer_id", "account_pin", "swift_bic_code", "bank_routing_number", "credit_card_number", "iban", "bban"),
    *("passport_number", "api_key", "password", "ipv4", "ipv6", "local_latlng"),
)


def _labelled(row: Row) -> Row:
    """An input with what is right; no model was asked."""
    return {"id": row["id"], "input": row["input"], "expected": row["gold"], "replies": {}}


def _json(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)


_ANSWER_POLICY: Row = {"policy": "answers", "output": {"text": {}}}
_CHOICE_POLICY: Row = {"policy": "choices", "output": {"labels": ["A", "B", "C", "D"]}}

_TYPED = (
    "output.calls.all(c, input.functions.exists(f, f.name == c.name"
    + "".join(
        f" && f.{kind}.all(p, !(p in c.arguments) || type(c.arguments[p]) == {word})"
        for kind, word in (("floats", "double"), ("integers", "int"), ("strings", "string"), ("booleans", "bool"))
    )
    + " && f.float_lists.all(p, !(p in c.arguments) || (type(c.arguments[p]) == list"
    " && c.arguments[p].all(x, type(x) == double)))))"
)

_CALLS_POLICY: Row = {
    "policy": "calls",
    "input": {
        "schema": {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "functions": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            **{
                                name: {"type": "array", "items": {"type": "string"}}
                                for name in ("required", "floats", "integers", "strings", "booleans", "float_lists")
                            },
                        },
                    },
                },
            },
            "required": ["text", "functions"],
        }
    },
    "output": {"schema": _CALLS},
    "checks": [
        {
            "check": "rule",
            "id": "offered",
            "expression": "output.calls.all(c, input.functions.exists(f, f.name == c.name))",
            "severity": "warn",
        },
        {
            "check": "rule",
            "id": "complete",
            "expression": "output.calls.all(c, input.functions.exists(f, f.name == c.name"
            " && f.required.all(r, r in c.arguments)))",
            "severity": "warn",
        },
        {"check": "rule", "id": "typed", "expression": _TYPED, "severity": "warn"},
        {"check": "agreement", "severity": "warn", "tiers": ["mini"]},
    ],
}

_SUMS_POLICY: Row = {
    "policy": "sums",
    "output": {"text": {}},
    "checks": [
        {"check": "pattern", "id": "ends_with_the_answer", "matches": r"####\s*-?\$?[\d.,]+", "severity": "warn"}
    ],
}

_REASONED_POLICY: Row = {"policy": "reasoned", "output": {"schema": _ANSWER}}


def _fields(names: Iterable[str], each: Row) -> Row:
    """An output of these fields, all of one kind."""
    properties = dict.fromkeys(names, each)
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


_ENTITIES_POLICY: Row = {
    "policy": "entities",
    "output": {"schema": _fields(_ENTITIES, {"type": "array", "items": {"type": "string"}})},
    "checks": [{"check": "agreement", "severity": "warn", "tiers": ["mini"]}],
}
_SLIP_POLICY: Row = {
    "policy": "slips",
    "output": {"schema": _fields(("company", "date", "address", "total"), {"type": "string"})},
}
_INTENT_POLICY: Row = {"policy": "requests", "output": {"text": {}}}

SOURCES: Final[Mapping[str, Source]] = {
    **{
        task: Source("logprob_cascade.jsonl.gz", task, _cascade, policy)
        for task, policy in (
            ("mmlu", _CHOICE_POLICY),
            ("triviaqa", _ANSWER_POLICY),
            ("medmcqa", _CHOICE_POLICY),
            ("truthfulqa", _ANSWER_POLICY),
            ("gsm8k", _ANSWER_POLICY),
        )
    },
    "bfcl": Source("bfcl_tool_calls.jsonl.gz", None, _function_calls, _CALLS_POLICY),
    "routellm": Source("routellm_gsm8k.jsonl.gz", None, _school_sum, _SUMS_POLICY),
    **{
        task: Source("zeroeval_json.jsonl.gz", task, _reasoned, _REASONED_POLICY)
        for task in ("gsm", "crux", "numersense-v2")
    },
    "ner": Source("ner_repeated_runs.jsonl.gz", None, _entities, _ENTITIES_POLICY),
    "sroie": Source("receipts_sroie.jsonl.gz", None, _labelled, _SLIP_POLICY),
    "clinc150": Source("intents_clinc150.jsonl.gz", None, _labelled, _INTENT_POLICY),
}
"""What can be converted, by the name of the task."""

UNASKED: Final = ("clinc150", "sroie")
"""Inputs with what is right, and without replies: tasks to submit, and labels for them."""
