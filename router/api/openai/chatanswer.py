"""Chat completions, whole and in chunks, out of tasks that succeeded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...call import Usage
from ...values import Json
from .outcome import summed
from .said import Called, Said

_PIECE = re.compile(r"\s*\S{1,200}\s*(?:\S{1,8}\s+){0,5}|\s+")
"""A few words; a word that never ends is cut."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Accepted answers to one request: its id, the model as it was asked for, seconds since 1970, the choices."""

    id: str
    model: str
    created: int
    choices: Sequence[Said]
    routing: dict[str, Json]

    def whole(self) -> dict[str, Json]:
        """A `chat.completion` object."""
        return self._head("chat.completion") | {
            "choices": [_choice(index, said) for index, said in enumerate(self.choices)],
            "usage": self.usage,
            "router": self.routing,
        }

    def chunks(self, *, include_usage: bool) -> Iterator[dict[str, Json]]:
        """`chat.completion.chunk` objects; the last but the usage carries the `router` object."""
        for chunk in self._parts():
            yield chunk | {"usage": None} if include_usage else chunk
        if include_usage:
            yield self._head("chat.completion.chunk") | {"choices": [], "usage": self.usage}

    def _parts(self) -> Iterator[dict[str, Json]]:
        for index, said in enumerate(self.choices):
            yield self._chunk(index, {"role": "assistant", "content": None if said.calls else "", "refusal": None})
            for text, tokens in pieces(said.text or "", said.tokens):
                yield self._chunk(index, {"content": text}, logprobs=_logprobs(tokens))
            for position, call in enumerate(said.calls):
                yield self._chunk(index, {"tool_calls": [{"index": position, **_call(call, arguments="")}]})
                for text, _ in pieces(call.arguments):
                    yield self._chunk(index, {"tool_calls": [{"index": position, "function": {"arguments": text}}]})
            last = self._chunk(index, {}, finish_reason=said.finish_reason)
            yield last | {"router": self.routing} if index == len(self.choices) - 1 else last

    @property
    def usage(self) -> Json:
        """The tokens of the accepted calls; null where no provider told any."""
        told = [said.usage for said in self.choices if said.usage is not None]
        return usage(told) if told else None

    def _head(self, kind: str) -> dict[str, Json]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": None,
        }

    def _chunk(
        self, index: int, delta: dict[str, Json], *, finish_reason: str | None = None, logprobs: Json = None
    ) -> dict[str, Json]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._head("chat.completion.chunk") | {"choices": [choice]}


def usage(told: Sequence[Usage]) -> dict[str, Json]:
    """Token counts with their details."""
    return {
        **summed(told),
        "prompt_tokens_details": {"cached_tokens": sum(u.cached_input_tokens for u in told), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(u.reasoning_tokens for u in told),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def pieces(text: str, tokens: Sequence[dict[str, Json]] = ()) -> Iterator[tuple[str, Sequence[dict[str, Json]]]]:
    """Cut a text into pieces of a few words; where its tokens are known, into these."""
    if tokens and "".join(token["token"] for token in tokens) == text:
        yield from ((token["token"], (token,)) for token in tokens)
    elif tokens:
        yield text, tokens
    else:
        yield from ((found[0], ()) for found in _PIECE.finditer(text))


def _choice(index: int, said: Said) -> dict[str, Json]:
    message: dict[str, Json] = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    if said.calls:
        message["tool_calls"] = [_call(call, arguments=call.arguments) for call in said.calls]
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(said.tokens),
        "finish_reason": said.finish_reason,
    }


def _call(call: Called, *, arguments: str) -> dict[str, Json]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _logprobs(tokens: Sequence[dict[str, Json]]) -> Json:
    return {"content": list(tokens), "refusal": None} if tokens else None
