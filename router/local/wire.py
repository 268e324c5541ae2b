"""OpenAI's wire format: a request body in, an answer or an error body out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from . import tokens
from .belief import Json
from .tokens import Token


class Refused(Exception):
    """The request cannot be served; the caller is told why in OpenAI's error format."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    @property
    def kind(self) -> str:
        """OpenAI's `type` of the error."""
        return {429: "requests", 500: "server_error"}.get(self.status, "invalid_request_error")

    def body(self) -> dict[str, Json]:
        """The error as OpenAI writes it."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation, its text only."""

    role: str
    text: str


@dataclass(frozen=True)
class Asked:
    """What a request asks for. Either `schema` is set, or `functions` (name to the schema of its arguments)."""

    model: str
    turns: tuple[Turn, ...]
    schema_name: str | None
    schema: Mapping[str, Json]
    functions: Mapping[str, Mapping[str, Json]]
    logprobs: bool
    output_tokens_max: int | None
    temperature: float
    frame: str

    @cached_property
    def input_tokens(self) -> int:
        """Tokens of all messages and of the schema or tools, as JSON."""
        return sum(tokens.count(turn.text) for turn in self.turns) + tokens.count(self.frame)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model says: the tokens of its text, or of the arguments when it calls `function`, or of its refusal."""

    tokens: tuple[Token, ...]
    function: str | None = None
    refused: bool = False
    cut: bool = False
    unseen_tokens: int = 0

    @property
    def text(self) -> str:
        """All tokens in one string."""
        return "".join(token.text for token in self.tokens)

    @property
    def output_tokens(self) -> int:
        """Tokens to be paid: those of the text, of the function's name, and what nobody gets to see."""
        return len(self.tokens) + tokens.count(self.function or "") + self.unseen_tokens


def read(body: bytes) -> Asked:
    """Reads a request body; raises Refused with a sentence for what these models do not do."""
    request = _object(body)
    _refuse_unsupported(request)
    schema_name, schema = _schema(request)
    limit = _number(request, "max_completion_tokens") or _number(request, "max_tokens")
    return Asked(
        model=str(request.get("model", "")),
        turns=tuple(_turn(message) for message in _list(request, "messages")),
        schema_name=schema_name,
        schema=schema,
        functions=_functions(request),
        logprobs=bool(request.get("logprobs")),
        output_tokens_max=int(limit) if limit else None,
        temperature=_number(request, "temperature"),
        frame=_frame(request),
    )


def within(completion: Completion, tokens_max: int | None) -> Completion:
    """Cuts a completion off at the token limit the caller set."""
    if tokens_max is None or completion.output_tokens <= tokens_max:
        return completion
    return replace(completion, tokens=completion.tokens[:tokens_max], cut=True)


def response(asked: Asked, completion: Completion, *, call_id: str, created_s: int) -> dict[str, Json]:
    """The body of a chat completion, usage included."""
    return {
        "id": f"chatcmpl-{call_id}",
        "object": "chat.completion",
        "created": created_s,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": _message(completion, call_id),
                "logprobs": _logprobs(completion) if asked.logprobs else None,
                "finish_reason": _finish_reason(completion),
            }
        ],
        "usage": _usage(asked.input_tokens, completion.output_tokens),
        "system_fingerprint": "fp_local",
    }


def models(names: Sequence[str]) -> dict[str, Json]:
    """The body of the list of models."""
    return {"object": "list", "data": [{"id": n, "object": "model", "created": 0, "owned_by": "local"} for n in names]}


def _object(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise Refused(f"the body is not JSON: {why}") from None
    if not isinstance(request, dict):
        raise Refused("the body must be a JSON object")
    return request


def _refuse_unsupported(request: Mapping[str, Any]) -> None:
    if request.get("stream"):
        raise Refused("this model does not stream; leave `stream` out", param="stream")
    if request.get("n", 1) != 1:
        raise Refused("this model gives one choice; leave `n` out", param="n")
    if not request.get("messages"):
        raise Refused("`messages` must have at least one message", param="messages")


def _list(request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects; empty where it is left out."""
    found = request.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Refused(f"`{name}` must be a list of objects", param=name)
    return found


def _mapping(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object; empty where it is left out."""
    found = holder.get(name) or {}
    if not isinstance(found, dict):
        raise Refused(f"`{name}` must be an object", param=name)
    return found


def _number(request: Mapping[str, Any], name: str) -> float:
    """A number that is not negative; zero where it is left out."""
    found = request.get(name) or 0
    if not isinstance(found, int | float) or found < 0:
        raise Refused(f"`{name}` must be a number, zero or more", param=name)
    return float(found)


def _turn(message: Mapping[str, Any]) -> Turn:
    called = [str(_mapping(call, "function").get("arguments", "")) for call in _list(message, "tool_calls")]
    return Turn(str(message.get("role")), "\n".join([*_texts(message.get("content")), *called]))


def _texts(content: Json) -> list[str]:
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Refused("`content` must be a string or a list of parts", param="messages")
    for part in content:
        if part.get("type") == "image_url":
            raise Refused("this model takes no images", code="no_images", param="messages")
        if part.get("type") != "text":
            raise Refused(f"this model takes text only, not {part.get('type')!r}", param="messages")
    return [str(part.get("text", "")) for part in content]


def _schema(request: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Json]]:
    named = _mapping(_mapping(request, "response_format"), "json_schema")
    name = named.get("name")
    return None if name is None else str(name), _properties_checked(_mapping(named, "schema"))


def _functions(request: Mapping[str, Any]) -> dict[str, Mapping[str, Json]]:
    functions = [_mapping(tool, "function") for tool in _list(request, "tools")]
    return {str(tool.get("name")): _properties_checked(_mapping(tool, "parameters")) for tool in functions}


def _properties_checked(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, once all its properties are known to be objects."""
    properties = _mapping(schema, "properties")
    for name in properties:
        _mapping(properties, name)
    return schema


def _frame(request: Mapping[str, Any]) -> str:
    """What is paid beside the messages: the schema and the tools, as JSON."""
    framed = [request[key] for key in ("response_format", "tools") if request.get(key)]
    return "".join(orjson.dumps(part).decode() for part in framed)


def _message(completion: Completion, call_id: str) -> dict[str, Json]:
    said: dict[str, Json] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if completion.refused:
        return said | {"refusal": completion.text}
    if completion.function is None:
        return said | {"content": completion.text}
    function = {"name": completion.function, "arguments": completion.text}
    return said | {"tool_calls": [{"id": f"call_{call_id}", "type": "function", "function": function}]}


def _logprobs(completion: Completion) -> dict[str, Json] | None:
    """Log-probabilities of a text; OpenAI gives none for the arguments of a function call."""
    if completion.function is not None:
        return None
    said = [
        {"token": t.text, "logprob": t.logprob, "bytes": list(t.text.encode()), "top_logprobs": []}
        for t in completion.tokens
    ]
    return {"content": None, "refusal": said} if completion.refused else {"content": said, "refusal": None}


def _finish_reason(completion: Completion) -> str:
    if completion.cut:
        return "length"
    return "stop" if completion.function is None else "tool_calls"


def _usage(input_tokens: int, output_tokens: int) -> dict[str, Json]:
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
