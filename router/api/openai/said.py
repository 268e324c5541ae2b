"""What a task's accepted output says, as a message of OpenAI's."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...call import FinishReason, Usage
from ...output import LABEL, Kind
from ...reading import Reading
from ...record import Record
from ...trail import Attempt
from ...values import Json
from ...wishes import Wishes


@dataclass(frozen=True, slots=True)
class Called:
    """A function that is to be called; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """
    The text or the calls of an accepted answer, why the model stopped, and its tokens where they were asked for.

    The tokens are those of what the model wrote, which for JSON and labels may be spaced otherwise than the text.
    """

    text: str | None
    calls: tuple[Called, ...]
    finish_reason: str
    tokens: tuple[dict[str, Json], ...]
    usage: Usage | None


def said(record: Record, kind: Kind) -> Said:
    """Read the accepted output of a task that succeeded; *kind* is that of its policy."""
    attempt = record.trail[-1]
    assert isinstance(attempt.answer, Reading), "a task succeeds by a reading"
    wishes = record.task.wishes or Wishes()
    text, calls = _content(attempt.answer.output, kind, wishes)
    return Said(
        text=text,
        calls=tuple(_called(record.task.id, number, call) for number, call in enumerate(calls)),
        finish_reason=_finish_reason(attempt.answer, called=bool(calls)),
        tokens=attempt.answer.logprobs or (),
        usage=answer_usage(attempt),
    )


def answer_usage(attempt: Attempt) -> Usage | None:
    """The tokens of the call that answered, without those of judges and second samples."""
    return next((call.usage for call in attempt.calls if call.purpose == "answer"), None)


def _content(output: Json, kind: Kind, wishes: Wishes) -> tuple[str | None, list[Json]]:
    if kind == "tools":
        return None, [output]
    if kind == "text" and wishes.tools:
        return output["text"], output["calls"]
    if kind == "labels" and wishes.response_schema is not None:
        return compact({LABEL: output}), []
    bare = kind == "labels" or (kind == "text" and wishes.response_schema is None and not wishes.json_object)
    return output if bare else compact(output), []


def compact(value: Json) -> str:
    """JSON in the model's own order of keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _called(task_id: str, number: int, call: Json) -> Called:
    return Called(id=f"call_{task_id[:24]}_{number}", name=call["name"], arguments=compact(call["arguments"]))


def _finish_reason(reading: Reading, *, called: bool) -> str:
    """As the provider said it; where OpenAI knows no such reason, or it speaks of calls, as the answer looks."""
    if reading.finish_reason not in (FinishReason.UNKNOWN, FinishReason.TOOL_CALLS):
        return reading.finish_reason.value
    return "tool_calls" if called else "stop"
