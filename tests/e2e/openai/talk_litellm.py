"""A caller with litellm; says at its end, as JSON, what it heard."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import litellm
import openai

litellm.suppress_debug_info = True
ASKED = [{"role": "user", "content": "A hard question."}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PRICE = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
PLACE: dict[str, Any] = {
    "api_base": os.environ["OPENAI_BASE_URL"],
    "api_key": "rk_unused",
    "model": "openai/policy/chat",
}


def said(answer: Any) -> Any:
    return answer.choices[0].message.content


async def heard() -> dict[str, Any]:
    chunks = [chunk async for chunk in await litellm.acompletion(messages=ASKED, stream=True, **PLACE)]
    tool = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
    called = await litellm.acompletion(messages=ASKED[:1], tools=[tool], _skip_mcp_handler=True, **PLACE)
    call = called.choices[0].message.tool_calls[0]
    back = {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "sunny"}
    told = await litellm.acompletion(
        messages=[*ASKED, called.choices[0].message, back], tools=[tool], _skip_mcp_handler=True, **PLACE
    )
    form = {"type": "json_schema", "json_schema": {"name": "price", "schema": PRICE}}
    formed = await litellm.acompletion(messages=ASKED, response_format=form, **PLACE)
    try:
        refused: Any = await litellm.acompletion(messages=[{"role": "user", "content": "nonsense"}], **PLACE)
    except openai.APIStatusError as why:
        refused = [type(why).__name__, why.status_code]
    return {
        "chat": said(litellm.completion(messages=ASKED, temperature=0.5, **PLACE)),
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
        "called": call.function.name,
        "told": said(told),
        "formed": json.loads(said(formed)),
        "refused": refused,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(heard())))
