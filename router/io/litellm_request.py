"""A Call in litellm's words. Only what is written here ever reaches litellm: it knows 354 control words."""

from __future__ import annotations

import re
from typing import Any

import httpx

from ..call import Call, Deployment, Named, Parameters, ResponseSchema, ToolChoice

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
        **_verbatim(call),
    }


def _verbatim(call: Call) -> dict[str, Any]:
    """Keep litellm from turning developers' messages into system's: what stands in `extra_body` is sent as it is."""
    if not speaks_openai(call.deployment) or all(message.get("role") != "developer" for message in call.messages):
        return {}
    return {"extra_body": {"messages": list(call.messages)}}


def wishes(call: Call) -> dict[str, Any]:
    """Give the parameters that a model may take or refuse, as far as the call sets them."""
    wished: dict[str, Any] = {}
    if call.response_schema is not None:
        wished["response_format"] = {"type": "json_schema", "json_schema": _schema(call.response_schema)}
    elif call.json_object:
        wished["response_format"] = {"type": "json_object"}
    if call.tools:
        wished |= {"tools": list(call.tools), "tool_choice": _choice(call.tool_choice)}
        if call.parallel_tool_calls is not None:
            wished["parallel_tool_calls"] = call.parallel_tool_calls
    if call.logprobs:
        wished["logprobs"] = True
    parameters = {name: getattr(call, name) for name in Parameters.model_fields}
    return wished | {name: _listed(value) for name, value in parameters.items() if value is not None}


def _schema(asked: ResponseSchema) -> dict[str, Any]:
    schema: dict[str, Any] = {"name": asked.name, "schema": asked.body}
    return schema if asked.strict is None else schema | {"strict": asked.strict}


def _choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if isinstance(choice, Named) else choice


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


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
