"""Inputs that are a conversation: messages as chat completions have them, and the images in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .values import Json

_PART: Final[dict[str, Json]] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
            "required": ["type", "text"],
        },
        {
            "type": "object",
            "properties": {
                "type": {"const": "image_url"},
                "image_url": {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
            },
            "required": ["type", "image_url"],
        },
        {
            "type": "object",
            "properties": {"type": {"const": "refusal"}, "refusal": {"type": "string"}},
            "required": ["type", "refusal"],
        },
    ]
}

CONVERSATION: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
                    "content": {"anyOf": [{"type": ["string", "null"]}, {"type": "array", "items": _PART}]},
                },
                "required": ["role"],
            },
        }
    },
    "required": ["messages"],
    "additionalProperties": False,
}
"""The JSON Schema of an input whose messages are passed on as they are; what else a message may hold is left open."""


def messages_of(input: Mapping[str, Any]) -> list[dict[str, Json]]:
    """The messages of an input; none where it is no conversation."""
    messages = input.get("messages")
    return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []


def images_of(input: Mapping[str, Any]) -> Iterator[str]:
    """The URLs of the images in the messages of an input."""
    for message in messages_of(input):
        for part in _parts(message):
            shown = part.get("image_url")
            url = shown.get("url") if isinstance(shown, dict) else None
            if isinstance(url, str):
                yield url


def without_images(input: Mapping[str, Any]) -> dict[str, Json]:
    """The same conversation, of each message what was said in it."""
    return {"messages": [_said(message) for message in messages_of(input)]}


def _said(message: dict[str, Json]) -> dict[str, Json]:
    if not isinstance(message.get("content"), list):
        return message
    return message | {"content": [part for part in _parts(message) if "image_url" not in part]}


def _parts(message: Mapping[str, Any]) -> list[dict[str, Json]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
