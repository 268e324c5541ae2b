"""How the answers of OpenAI's surface look, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

_ROUTER = {
    "type": "object",
    "description": "Which way the task went, and what it cost.",
    "properties": {
        "task": {"type": "string"},
        "status": {"type": "string"},
        "policy": {"type": "string"},
        "version": {"type": "string", "description": "The digest of the policy's version."},
        "tier": {"type": "string"},
        "model": {"type": ["string", "null"]},
        "attempts": {"type": "integer"},
        "moves": {"type": "array", "items": {"type": "string"}},
        "cost_usd": {"type": "string", "examples": ["0.000270000"]},
        "usage_total": {"type": "object"},
    },
}
_HEADERS = {
    "x-router-task": {"schema": {"type": "string"}, "description": "The task's id."},
    "x-router-tier": {"schema": {"type": "string"}, "description": "The tier whose output was accepted."},
    "x-router-attempts": {"schema": {"type": "string"}, "description": "How often tiers were asked."},
    "x-router-cost-usd": {"schema": {"type": "string"}, "description": "What all attempts cost, in dollars."},
}


def _answer(about: str, schema: dict[str, Any], *, streams: bool = True) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": about, "content": content, "headers": _HEADERS}


CHAT_ANSWER = _answer(
    "A completion whose output passed the checks; a stream of chunks with `stream: true`.",
    {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices", "router"],
        "properties": {
            "id": {"type": "string", "examples": ["chatcmpl-4f6c..."]},
            "object": {"const": "chat.completion"},
            "created": {"type": "integer"},
            "model": {"type": "string"},
            "choices": {"type": "array", "items": {"type": "object"}},
            "usage": {"type": ["object", "null"]},
            "router": _ROUTER,
        },
    },
)

RESPONSE = {
    "type": "object",
    "required": ["id", "object", "created_at", "status", "model", "output", "router"],
    "properties": {
        "id": {"type": "string", "examples": ["resp_4f6c..."]},
        "object": {"const": "response"},
        "created_at": {"type": "integer"},
        "status": {"enum": ["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]},
        "background": {"type": "boolean", "description": "Whether nobody waits for it."},
        "model": {"type": "string"},
        "output": {"type": "array", "items": {"type": "object"}},
        "error": {"type": ["object", "null"]},
        "usage": {"type": ["object", "null"]},
        "router": _ROUTER,
    },
}
RESPONSE_ANSWER = _answer(
    "A response whose output passed the checks; typed events with `stream: true`; `queued` with `background: true`.",
    RESPONSE,
)
