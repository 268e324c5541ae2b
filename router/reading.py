"""A reply, read as the output that the policy asked for."""

from __future__ import annotations

from typing import Any

from .alignment import field_confidences, text_confidence
from .call import FinishReason, Named, Reply, ToolCall
from .jsontext import NotJson, parse
from .output import LABEL, Formed, Output, Turn
from .values import Json, Value


class Reading(Value):
    """
    What a reply says.  `output` is None where it could not be read, `problem` then says why and `raw` holds the text.

    `confidence` maps fields (dotted paths; `label`, `text` or `name` for the other kinds) to probabilities;
    None means that the model gave no log-probabilities. `logprobs` are its tokens as the provider wrote them, where the
    caller asked for them and the reply was accepted.
    """

    output: Json = None
    problem: str | None = None
    raw: str | None = None
    refusal: str | None = None
    finish_reason: FinishReason = FinishReason.STOP
    confidence: dict[str, float] | None = None
    logprobs: tuple[dict[str, Json], ...] | None = None

    @property
    def refused(self) -> bool:
        return self.refusal is not None or self.finish_reason is FinishReason.CONTENT_FILTER

    def confidence_in(self, field: str) -> float | None:
        """The least confidence among the scalars at or under *field*; None where nothing is known of it."""
        known, under = self.confidence or {}, field + "."
        levels = [p for path, p in known.items() if path == field or path.startswith(under)]
        return min(levels, default=None)


def read(output: Output, reply: Reply) -> Reading:
    """Parse strictly what the model said; what is not exactly the asked-for form is a problem, never repaired."""
    seen: dict[str, Any] = {"refusal": reply.refusal, "finish_reason": reply.finish_reason}
    if reply.refusal is not None:
        return Reading(problem="the model refused", raw=reply.text, **seen)
    if isinstance(output, Turn):
        return _read_turn(output, reply, seen)
    if output.kind == "tools":
        return _read_tool_call(output, reply, seen)
    if not reply.text:
        return Reading(problem="the reply is empty", **seen)
    if output.kind == "text":
        return Reading(output=reply.text, confidence=_in_text(reply), **seen)
    return _read_json(output, reply, reply.text, seen)


def _read_json(output: Output, reply: Reply, text: str, seen: dict[str, Any]) -> Reading:
    try:
        value = parse(text)
    except NotJson as why:
        return Reading(problem=f"the reply is not JSON: {why}", raw=text, **seen)
    schema = output.wire_schema or {}
    confidence = field_confidences(text, reply.tokens, schema) if reply.tokens else None
    if isinstance(output, Formed) and confidence is not None:
        confidence |= _in_text(reply) or {}
    if output.kind == "labels":
        if not isinstance(value, dict) or set(value) != {LABEL}:
            return Reading(problem=f'the reply is not {{"{LABEL}": ...}}', raw=text, **seen)
        value = value[LABEL]
    return Reading(output=value, confidence=confidence, **seen)


def _in_text(reply: Reply) -> dict[str, float] | None:
    """How sure the model was of its text as a whole."""
    level = text_confidence(reply.tokens) if reply.tokens else None
    return None if level is None else {"text": level}


def _read_turn(output: Turn, reply: Reply, seen: dict[str, Any]) -> Reading:
    text = reply.text or None
    problem = "the reply is empty" if text is None and not reply.tool_calls else _miscalled(output, reply.tool_calls)
    calls = []
    for call in reply.tool_calls if problem is None else ():
        try:
            calls.append({"name": call.name, "arguments": parse(call.arguments)})
        except NotJson as why:
            problem = f"the arguments of {call.name} are not JSON: {why}"
    if problem is not None:
        return Reading(problem=problem, raw=_raw(reply), **seen)
    return Reading(output={"text": text, "calls": calls}, confidence=_in_text(reply) if text else None, **seen)


def _miscalled(output: Turn, calls: tuple[ToolCall, ...]) -> str | None:
    """What is wrong with the functions that were called, given what the caller allows."""
    names = [call.name for call in calls]
    if unknown := next((name for name in names if name not in output.tools_by_name), None):
        return f"there is no function {unknown!r}"
    if output.parallel_tool_calls is False and len(names) > 1:
        return f"{len(names)} functions were called, at most one was asked for"
    match output.tool_choice:
        case "auto":
            return None
        case "none":
            return f"{names[0]} was called, no call was asked for" if names else None
        case "required":
            return None if names else "no function was called, at least one was asked for"
        case Named(name=wanted):
            return None if names and set(names) == {wanted} else f"{wanted} was asked for, {_listed(names)} called"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'was' if len(names) == 1 else 'were'}" if names else "no function was"


def _read_tool_call(output: Output, reply: Reply, seen: dict[str, Any]) -> Reading:
    if len(reply.tool_calls) != 1:
        said = "no function was called" if not reply.tool_calls else f"{len(reply.tool_calls)} functions were called"
        return Reading(problem=f"{said}, exactly one was asked for", raw=_raw(reply), **seen)
    (call,) = reply.tool_calls
    if call.name not in output.tools_by_name:
        return Reading(problem=f"there is no function {call.name!r}", raw=_raw(reply), **seen)
    try:
        arguments = parse(call.arguments)
    except NotJson as why:
        return Reading(problem=f"the arguments are not JSON: {why}", raw=_raw(reply), **seen)
    return Reading(output={"name": call.name, "arguments": arguments}, **seen)


def _raw(reply: Reply) -> str | None:
    return "\n".join(map(_spelled, reply.tool_calls)) or reply.text


def _spelled(call: ToolCall) -> str:
    return f"{call.name}({call.arguments})"
