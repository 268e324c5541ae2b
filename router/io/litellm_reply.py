"""What litellm's answer really says: a Reply, with everything that litellm made up taken out again."""

from __future__ import annotations

from math import isfinite
from typing import Any

from ..call import FinishReason, Reply, Token, ToolCall, Usage
from ..values import Json
from .litellm_errors import request_id
from .litellm_wire import Wire

_FINISH = {reason.value: reason for reason in FinishReason} | {"function_call": FinishReason.TOOL_CALLS}
_TOKENS_MAX = 1_000_000_000


def read(answer: Any, wire: Wire, *, latency_ms: int, keeps_logprobs: bool = False) -> Reply:
    """Read a litellm ModelResponse by attribute. Raises ValueError, TypeError, AttributeError, IndexError if unfit."""
    choice = answer.choices[0]
    message = choice.message
    reply = Reply(
        text=message.content,
        refusal=_extras(message).get("refusal"),
        tool_calls=tuple(_tool_call(call) for call in message.tool_calls or ()),
        finish_reason=_finish_reason(choice),
        tokens=_tokens(choice),
        logprobs=_logprobs(choice) if keeps_logprobs else None,
        usage=_usage(answer, wire),
        model=answer.model,
        request_id=request_id(wire.headers),
        latency_ms=latency_ms,
    )
    _refuse_surrogates(reply)
    return reply


def _refuse_surrogates(reply: Reply) -> None:
    """Raise UnicodeEncodeError for text that JSON can carry and UTF-8 can not: it would break the store later."""
    called = (text for call in reply.tool_calls for text in (call.name, call.arguments))
    for text in (reply.text, reply.refusal, reply.model, *called):
        if text is not None:
            text.encode()


def _tool_call(call: Any) -> ToolCall:
    return ToolCall(name=call.function.name, arguments=call.function.arguments)


def _finish_reason(choice: Any) -> FinishReason:
    """Take the provider's word: litellm turns reasons that it does not know into "stop"."""
    native = _extras(choice).get("native_finish_reason", choice.finish_reason)
    return _FINISH.get(native, FinishReason.UNKNOWN)


def _tokens(choice: Any) -> tuple[Token, ...] | None:
    """Give the tokens with their logprobs, or None where one of them is no number: half a confidence is none."""
    found = _found(choice)
    return tuple(map(_token, found)) if found and all(isfinite(token.logprob) for token in found) else None


def _logprobs(choice: Any) -> tuple[dict[str, Json], ...] | None:
    """Give the tokens as they came, with their alternatives, or None where one of them is no number."""
    found = _found(choice)
    told = tuple(
        _told(token) | {"top_logprobs": [_told(other) for other in token.top_logprobs or ()]} for token in found
    )
    levels = (one["logprob"] for token in told for one in (token, *token["top_logprobs"]))
    return told if told and all(map(isfinite, levels)) else None


def _told(token: Any) -> dict[str, Json]:
    token.token.encode()  # raises for a lone surrogate
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def _found(choice: Any) -> list[Any]:
    return getattr(getattr(choice, "logprobs", None), "content", None) or []


def _token(token: Any) -> Token:
    written = len(token.token.encode())  # raises for a lone surrogate, also where the size is told
    return Token(text=token.token, logprob=token.logprob, size=written if token.bytes is None else len(token.bytes))


def _usage(answer: Any, wire: Wire) -> Usage | None:
    """Give the usage the provider stated. litellm puts zeros where none came, and makes replies up out of some 400s."""
    stated = getattr(answer, "usage", None)
    read_tokens = _count(stated, "prompt_tokens")
    written = _count(stated, "completion_tokens")
    if wire.status != 200 or not read_tokens or written is None:
        return None
    cached = _count(getattr(stated, "prompt_tokens_details", None), "cached_tokens") or 0
    reasoning = _count(getattr(stated, "completion_tokens_details", None), "reasoning_tokens") or 0
    return Usage(
        input_tokens=read_tokens,
        cached_input_tokens=min(cached, read_tokens),
        output_tokens=written,
        reasoning_tokens=min(reasoning, written),
    )


def _count(stated: Any, name: str) -> int | None:
    found = getattr(stated, name, None)
    return found if type(found) is int and 0 <= found <= _TOKENS_MAX else None


def _extras(part: Any) -> dict[str, Any]:
    return getattr(part, "provider_specific_fields", None) or {}
