"""A caller with OpenAI's SDK for Python, of whichever version; says at its end, as JSON, what it heard."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Tells the weather.", "parameters": CITY | {"additionalProperties": False}}
TOOL: Any = {"type": "function", "function": WEATHER}
ENDED = ("completed", "failed", "cancelled", "incomplete")


class Price(BaseModel):
    """What a model is to fill in."""

    currency: str
    total: float


client = OpenAI()


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


def chat() -> Any:
    answer = client.chat.completions.create(model="policy/chat", messages=asked("A hard question."))
    way = answer.model_dump()["router"]
    return {
        "said": answer.choices[0].message.content,
        "model": answer.model,
        "finish_reason": answer.choices[0].finish_reason,
        "total_tokens": answer.usage.total_tokens if answer.usage else None,
        "tier": way["tier"],
        "moves": way["moves"],
        "spent": way["usage_total"]["total_tokens"],
    }


def pinned() -> Any:
    raw = client.chat.completions.with_raw_response.create(model="tier/small", messages=asked("A hard question."))
    names = ("x-router-tier", "x-router-attempts", "x-router-cost-usd")
    return [raw.parse().choices[0].message.content, *(raw.headers[name] for name in names)]


def streamed() -> Any:
    chunks = list(
        client.chat.completions.create(
            model="policy/chat",
            messages=asked("A hard question."),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    usage = chunks[-1].usage
    return {
        "said": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
        "finish_reason": [c.choices[0].finish_reason for c in chunks if c.choices][-1],
        "total_tokens": usage.total_tokens if usage else None,
    }


def parsed() -> Any:
    answer = client.chat.completions.parse(model="policy/chat", messages=asked("A hard price."), response_format=Price)
    price = answer.choices[0].message.parsed
    return [price.model_dump() if price else None, answer.model_dump()["router"]["tier"]]


def labelled() -> Any:
    answer = client.chat.completions.create(model="policy/intents", messages=asked("Money back!"))
    return answer.choices[0].message.content


def called() -> Any:
    messages = asked("A hard question about the weather in two cities.")
    first = client.chat.completions.create(model="policy/chat", messages=messages, tools=[TOOL])
    said = first.choices[0].message
    messages.append(said.model_dump())
    for call in said.tool_calls or ():
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    last = client.chat.completions.create(model="policy/chat", messages=messages, tools=[TOOL])
    made = [json.loads(call.function.arguments) for call in said.tool_calls or () if call.type == "function"]
    return [first.choices[0].finish_reason, made, last.choices[0].message.content]


def tools_streamed() -> Any:
    messages = asked("The weather?")
    with client.chat.completions.stream(
        model="policy/chat", messages=messages, tools=[TOOL], tool_choice="required"
    ) as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_completion().choices[0].message
    (call,) = message.tool_calls or []
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    last = client.chat.completions.create(model="policy/chat", messages=messages, tools=[TOOL])
    done = "tool_calls.function.arguments.done" in kinds
    return [done, call.function.arguments, last.choices[0].message.content]


def seen() -> Any:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PHOTO}}]
    answer = client.chat.completions.create(model="policy/chat", messages=[{"role": "user", "content": parts}])
    return answer.choices[0].message.content


def chosen() -> Any:
    answer = client.chat.completions.create(model="policy/chat", messages=asked("Say it."), n=3, logprobs=True)
    logprobs = answer.choices[0].logprobs
    tokens = [token.token for token in (logprobs.content if logprobs else None) or ()]
    return [[c.index for c in answer.choices], {c.message.content for c in answer.choices} == {"".join(tokens)}]


def refused() -> Any:
    try:
        client.chat.completions.create(model="policy/chat", messages=asked("nonsense"))
    except openai.APIStatusError as why:
        tries = why.response.request.headers["x-stainless-retry-count"]
        return [type(why).__name__, why.status_code, why.code, tries]
    return "an answer"


def refused_in_a_stream() -> Any:
    stream = client.chat.completions.create(model="policy/chat", messages=asked("nonsense"), stream=True)
    said = []
    try:
        for chunk in stream:
            said.append(chunk.choices[0].delta.content)
    except openai.APIError as why:
        return [said, type(why).__name__, why.code]
    return said


def misfit() -> Any:
    broken = client.chat.completions
    try:
        broken.parse(model="policy/chat", messages=asked("nonsense price"), response_format=Price)
    except openai.APIStatusError as why:
        return [why.status_code, why.code]
    return "an answer"


def wrong() -> Any:
    heard = []
    for changes in ({"model": "gpt-4o"}, {"temperature": 3}, {"extra_body": {"temprature": 1}}, {"store": True}):
        try:
            client.chat.completions.create(**({"model": "policy/chat", "messages": asked("Hi")} | changes))
        except openai.APIStatusError as why:
            heard.append([type(why).__name__, why.param])
    return heard


def again() -> Any:
    key = f"order-{time.time_ns()}"
    ids = [
        client.chat.completions.create(
            model="policy/chat", messages=asked("Once."), extra_headers={"Idempotency-Key": key}
        ).id
        for _ in range(2)
    ]
    try:
        client.chat.completions.create(
            model="policy/chat", messages=asked("Other."), extra_headers={"Idempotency-Key": key}
        )
    except openai.APIStatusError as why:
        return [ids[0] == ids[1], why.status_code, why.code]
    return ids


def fields() -> Any:
    given = {"router": {"input": {"text": "Money back!"}, "metadata": {"order": 7}}}
    answer = client.chat.completions.create(model="policy/intents", messages=[], extra_body=given)
    return [answer.choices[0].message.content, answer.model_dump()["router"]["input_from"]]


def responded() -> Any:
    answer = client.responses.create(model="policy/chat", instructions="Be brief.", input="A hard question.")
    later = client.responses.retrieve(answer.id)
    deleted = client.responses.delete(answer.id)
    try:
        client.responses.retrieve(answer.id)
    except openai.NotFoundError as why:
        return [answer.status, answer.output_text, later.output_text == answer.output_text, deleted, why.code]
    return "still there"


def responded_in_a_stream() -> Any:
    with client.responses.stream(model="policy/chat", input="A hard question.") as stream:
        events = list(stream)
        last = stream.get_final_response()
    numbers = [event.sequence_number for event in events]
    resumed = list(client.responses.retrieve(last.id, stream=True, starting_after=numbers[-3]))
    return {
        "said": last.output_text,
        "kinds": list(dict.fromkeys(event.type for event in events)),
        "numbered": numbers == list(range(len(numbers))),
        "resumed": [event.type for event in resumed],
    }


def response_parsed() -> Any:
    answer = client.responses.parse(model="policy/chat", input="A hard price.", text_format=Price)
    return answer.output_parsed.model_dump() if answer.output_parsed else None


def response_called() -> Any:
    tool: Any = {"type": "function", "strict": True, **WEATHER}
    first = client.responses.create(model="policy/chat", input="The weather?", tools=[tool])
    (call,) = [item for item in first.output if item.type == "function_call"]
    items: Any = [*asked("The weather?"), call.model_dump()]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    return [call.arguments, client.responses.create(model="policy/chat", input=items, tools=[tool]).output_text]


def response_refused() -> Any:
    heard: list[Any] = []
    try:
        client.responses.create(model="policy/chat", input="nonsense")
    except openai.APIStatusError as why:
        heard += [why.status_code, why.code]
    try:
        for event in client.responses.create(model="policy/chat", input="nonsense", stream=True):
            heard.append(event.type)
    except openai.APIError as why:
        heard += [type(why).__name__, why.code]
    return heard


def in_the_background() -> Any:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((body, dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()
            told.set()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    received: list[tuple[bytes, dict[str, str]]] = []
    told = threading.Event()
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = {"router": {"webhook": f"http://127.0.0.1:{server.server_port}/hook"}}
    begun = client.responses.create(model="policy/chat", input="Later.", background=True, extra_body=hook)
    assert told.wait(60)
    body, headers = received[0]
    event = client.webhooks.unwrap(body, headers)
    answer = client.responses.retrieve(event.data.id)
    return [begun.status, event.type, answer.id == begun.id, answer.background, answer.output_text]


def streamed_in_the_background() -> Any:
    stream = client.responses.create(model="policy/chat", input="Later.", background=True, stream=True)
    events = list(stream)
    begun = [[event.type, event.response.status] for event in events[:3]]
    resumed = list(client.responses.retrieve(events[0].response.id, stream=True, starting_after=1))
    return [begun, [event.sequence_number for event in resumed] == [event.sequence_number for event in events[2:]]]


def cancelled() -> Any:
    begun = client.responses.create(model="policy/chat", input="Later.", background=True)
    status = client.responses.cancel(begun.id).status
    return status in ENDED


def forgotten() -> Any:
    answer = client.responses.create(model="policy/chat", input="Secret.", store=False)
    try:
        client.responses.retrieve(answer.id)
    except openai.NotFoundError as why:
        return [answer.output_text, why.code]
    return "still there"


def listed() -> Any:
    names = [model.id for model in client.models.list()]
    return [{"policy/chat", "policy/intents", "tier/mini"} <= set(names), client.models.retrieve("policy/chat").id]


async def without_waiting() -> Any:
    async with AsyncOpenAI() as own:
        answers = await asyncio.gather(
            *(own.chat.completions.create(model="policy/chat", messages=asked(f"Number {i}.")) for i in range(20))
        )
        stream = await own.chat.completions.create(model="policy/chat", messages=asked("Hi"), stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
        answer = await own.responses.create(model="policy/chat", input="Hi")
        last = await own.responses.create(model="policy/chat", input="Hi", stream=True)
        events = [event.type async for event in last]
    return [len({answer.id for answer in answers}), "".join(said), answer.output_text, events[-1]]


SCENES: list[Callable[[], Any]] = [
    *(chat, pinned, streamed, parsed, labelled, called, tools_streamed, seen, chosen, refused, refused_in_a_stream),
    *(misfit, wrong, again, fields, responded, responded_in_a_stream, response_parsed, response_called),
    *(response_refused, in_the_background, streamed_in_the_background, cancelled, forgotten, listed),
]

if __name__ == "__main__":
    heard = {scene.__name__: scene() for scene in SCENES}
    heard["without_waiting"] = asyncio.run(without_waiting())
    print(json.dumps({"version": openai.__version__} | heard))
