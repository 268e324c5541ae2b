"""Responses out of tasks, at whatever point a task is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...output import FunctionTool, Kind
from ...record import Record
from ...task import TaskState
from ...values import Json
from ...wishes import Named, Wishes
from .chatanswer import pieces
from .outcome import ENDED, routing
from .said import Called, Said, said
from .taking import Source

_PREFIX = "resp_"

_STATUS = {
    TaskState.READY: "queued",
    TaskState.RUNNING: "in_progress",
    TaskState.DELAYED: "in_progress",
    TaskState.REVIEW: "in_progress",
    TaskState.SUCCEEDED: "completed",
    TaskState.CANCELLED: "cancelled",
}


def response_id(task_id: str) -> str:
    """The id of the response that a task is."""
    return _PREFIX + task_id


def task_id(response: str) -> str | None:
    """The id of the task that a response is; None where the id is no response's."""
    return response.removeprefix(_PREFIX) if response.startswith(_PREFIX) else None


@dataclass(frozen=True, slots=True)
class Responding:
    """A task seen as a response. `kind` is that of its policy's outputs."""

    record: Record
    policy: str
    kind: Kind
    source: Source | None = None

    @property
    def model(self) -> str:
        tier = self._wishes.tier
        return f"tier/{tier}" if tier is not None else f"policy/{self.policy}"

    @property
    def status(self) -> str:
        if self._said is not None and self._said.finish_reason == "length":
            return "incomplete"
        begun = self.record.state is TaskState.READY and self.record.trail
        return "in_progress" if begun else _STATUS.get(self.record.state, "failed")

    def begun(self, status: str = "in_progress") -> dict[str, Json]:
        """The response before anything is known of its answer."""
        way = {"task": self.record.task.id, "policy": self.policy, "version": self.record.task.policy}
        return self._object(status) | {"router": way}

    def whole(self) -> dict[str, Json]:
        """A `response` object."""
        shown = self._object(self.status) | {"router": routing(self.record, self.policy, self.source)}
        if self._said is not None:
            shown |= {"output": list(self._output(self._said)), "usage": _usage(self._said)}
        if self.status in ("completed", "incomplete"):
            shown["completed_at"] = (self.record.ended_ms or 0) // 1000
        if self.status == "incomplete":
            shown["incomplete_details"] = {"reason": "max_output_tokens"}
        if self.status == "failed":
            shown["error"] = {"code": "server_error", "message": self._failure[1]}
        return shown

    def beginning(self) -> Iterator[dict[str, Json]]:
        """What a stream says first, the same however often it is asked for: its events are numbered."""
        first = "queued" if self.record.task.background else "in_progress"
        yield {"type": "response.created", "response": self.begun(first)}
        if first == "queued":
            yield {"type": "response.queued", "response": self.begun(first)}
        yield {"type": "response.in_progress", "response": self.begun()}

    def events(self) -> Iterator[dict[str, Json]]:
        """What a stream says once the task has ended; `beginning` comes before it."""
        for index, item in enumerate(self.whole()["output"]):
            if item["type"] == "message":
                yield from _message_events(index, item, self._said)
            else:
                yield from _call_events(index, item)
        if self.status in ("completed", "incomplete"):
            yield {"type": f"response.{self.status}", "response": self.whole()}
            return
        if self.record.state.terminal:
            yield {"type": "response.failed", "response": self.whole()}
        code, message = self._failure
        error = {"code": code, "message": message, "param": None}
        yield {"type": "error", **error, "error": error | {"type": "server_error"}}

    @property
    def _wishes(self) -> Wishes:
        return self.record.task.wishes or Wishes()

    @property
    def _failure(self) -> tuple[str, str]:
        """Our code, which is none of those that OpenAI knows for responses, and why there is no answer."""
        _, code, what = ENDED[self.record.state]
        because = f": {self.record.reason}" if self.record.reason else ""
        return code, f"the task {what}{because}"

    @property
    def _said(self) -> Said | None:
        return said(self.record, self.kind) if self.record.state is TaskState.SUCCEEDED else None

    def _output(self, told: Said) -> Iterator[dict[str, Json]]:
        task = self.record.task.id
        if told.text is not None:
            content = {"type": "output_text", "text": told.text, "annotations": [], "logprobs": list(told.tokens)}
            yield _message_item(task, "incomplete" if self.status == "incomplete" else "completed", [content])
        for number, call in enumerate(told.calls):
            yield _call_item(f"fc_{task[:24]}_{number}", call, "completed", call.arguments)

    def _object(self, status: str) -> dict[str, Json]:
        task, wishes = self.record.task, self._wishes
        asked = wishes.parameters
        return {
            "id": response_id(task.id),
            "object": "response",
            "created_at": task.created_ms // 1000,
            "completed_at": None,
            "status": status,
            "background": task.background,
            "model": self.model,
            "output": [],
            "error": None,
            "incomplete_details": None,
            "usage": None,
            "instructions": _instructions(task.input),
            "metadata": task.metadata,
            "max_output_tokens": wishes.max_output_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "top_logprobs": asked.top_logprobs,
            "reasoning": {"effort": asked.reasoning_effort, "summary": None},
            "text": {"format": _format(wishes), "verbosity": asked.verbosity},
            "tools": [_tool(tool) for tool in wishes.tools],
            "tool_choice": _choice(wishes),
            "parallel_tool_calls": wishes.parallel_tool_calls is not False,
            "user": asked.user,
            "safety_identifier": asked.safety_identifier,
            "prompt_cache_key": asked.prompt_cache_key,
            "previous_response_id": None,
            "service_tier": "default",
            "store": True,
            "truncation": "disabled",
        }


def _instructions(given: dict[str, Json]) -> Json:
    """What a conversation begins with, where that is a word of the system."""
    match given.get("messages"):
        case [{"role": "system", "content": content}, *_]:
            return content
        case _:
            return None


def _format(wishes: Wishes) -> dict[str, Json]:
    if (schema := wishes.response_schema) is not None:
        return {"type": "json_schema", "name": schema.name, "schema": schema.body, "strict": schema.strict}
    return {"type": "json_object" if wishes.json_object else "text"}


def _tool(tool: FunctionTool) -> dict[str, Json]:
    return {"type": "function", **tool.model_dump()}


def _choice(wishes: Wishes) -> Json:
    choice = wishes.tool_choice
    return {"type": "function", "name": choice.name} if isinstance(choice, Named) else choice


def _usage(told: Said) -> Json:
    if (used := told.usage) is None:
        return None
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_input_tokens, "cache_write_tokens": 0},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.input_tokens + used.output_tokens,
    }


def _message_item(task: str, status: str, content: list[Json]) -> dict[str, Json]:
    return {"id": f"msg_{task}", "type": "message", "status": status, "role": "assistant", "content": content}


def _call_item(item: str, call: Called, status: str, arguments: str) -> dict[str, Json]:
    return {
        "id": item,
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def _message_events(index: int, item: dict[str, Json], told: Said | None) -> Iterator[dict[str, Json]]:
    part = item["content"][0]
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    begun = item | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield {"type": "response.content_part.added", **where, "part": part | {"text": "", "logprobs": []}}
    for text, tokens in pieces(part["text"], told.tokens if told is not None else ()):
        yield {"type": "response.output_text.delta", **where, "delta": text, "logprobs": list(tokens)}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": part["logprobs"]}
    yield {"type": "response.content_part.done", **where, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call_events(index: int, item: dict[str, Json]) -> Iterator[dict[str, Json]]:
    where = {"item_id": item["id"], "output_index": index}
    begun = item | {"status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    for text, _ in pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **where, "delta": text}
    yield {
        "type": "response.function_call_arguments.done",
        **where,
        "name": item["name"],
        "arguments": item["arguments"],
    }
    yield {"type": "response.output_item.done", "output_index": index, "item": item}
