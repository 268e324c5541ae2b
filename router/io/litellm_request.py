"""A Call in litellm's words. Only what is written here ever reaches litellm: it knows 354 control words."""

from __future__ import annotations

import re
from typing import Any

import httpx

from ..call import Call, Deployment

_OPENAI_BASE = "https://api.openai.com/v1"
_OPENAI_HOST = re.compile(r"https://([a-z0-9.-]+\.)?api\.openai\.com(/|$)")
_SOCKET_TIMEOUT = httpx.Timeout(600, connect=10)
"""Constant, as litellm opens a new client per distinct value; the call's own limit is kept by `asyncio.timeout`."""


def arguments(call: Call) -> dict[str, Any]:
    """Write all arguments of `litellm.acompletion` but the key and the session."""
    wished = {output_limit(call.deployment): call.max_output_tokens, **wishes(call)}
    return {
        "model": call.deployment.model,
        "api_base": api_base(call.deployment),
        "messages": list(call.messages),
        "timeout": _SOCKET_TIMEOUT,
        "num_retries": 0,
        "max_retries": 0,
        "caching": False,
        "extra_headers": {"X-Client-Request-Id": call.id, "Accept-Encoding": "identity"},
        "allowed_openai_params": list(wished) if speaks_openai(call.deployment) else [],
        "_skip_mcp_handler": True,  # else tools need a package that we do not install
        "_skip_responses_api_bridge": True,  # else tools of gpt-5.4+ go to /v1/responses, in other words
        **wished,
    }


def wishes(call: Call) -> dict[str, Any]:
    """Give the parameters that a model may take or refuse, as far as the call sets them."""
    wished: dict[str, Any] = {}
    if call.response_schema is not None:
        schema = {"name": call.response_schema.name, "schema": call.response_schema.body, "strict": True}
        wished["response_format"] = {"type": "json_schema", "json_schema": schema}
    if call.tools:
        wished |= {"tools": list(call.tools), "tool_choice": "required", "parallel_tool_calls": False}
    if call.logprobs:
        wished["logprobs"] = True
    for name in ("temperature", "reasoning_effort", "seed"):
        if (value := getattr(call, name)) is not None:
            wished[name] = value
    return wished


def output_limit(deployment: Deployment) -> str:
    """Name the output limit: OpenAI takes the new name for every model, servers like it often only the old one.

    litellm turns the old name into the new one for the models it knows to need it.
    """
    return "max_completion_tokens" if _OPENAI_HOST.match(api_base(deployment) or "") else "max_tokens"


def api_base(deployment: Deployment) -> str | None:
    """Say where to send to. Without a word from us litellm would follow OPENAI_BASE_URL and OPENAI_API_BASE."""
    return deployment.api_base or (_OPENAI_BASE if speaks_openai(deployment) else None)


def speaks_openai(deployment: Deployment) -> bool:
    """True for OpenAI and every server like it: these get all parameters, and their own refusal counts."""
    return deployment.model.startswith("openai/")
