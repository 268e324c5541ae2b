"""A task's input, from the messages of a request or as the caller wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from ...errors import TaskInvalid
from ...submission import Card
from ...values import Json
from .conversation import last_user

Source: TypeAlias = Literal["messages", "last_user_message", "router.input"]


def task_input(
    card: Card, messages: Sequence[dict[str, Json]], given: Mapping[str, Json] | None
) -> tuple[dict[str, Json], Source]:
    """
    The input, and what it was taken from.

    A policy without a prompt takes the whole conversation. One with a prompt takes *given*, or where it has one text
    field the last message of the user, whose images fill its image fields in order. Raises: TaskInvalid.
    """
    if card.conversation:
        return _conversation(card, messages, given), "messages"
    if given is not None:
        return dict(given), "router.input"
    return _from_last(card, messages), "last_user_message"


def _conversation(card: Card, messages: Sequence[dict[str, Json]], given: Mapping[str, Json] | None) -> dict[str, Json]:
    if given is not None:
        raise TaskInvalid(f"policy {card.policy!r} takes the conversation itself; leave router.input out")
    if not messages:
        raise TaskInvalid("there is nothing to answer; give at least one message", parameter="messages")
    return {"messages": list(messages)}


def _from_last(card: Card, messages: Sequence[dict[str, Json]]) -> dict[str, Json]:
    found = last_user(messages)
    if found is None:
        raise TaskInvalid(f"there is no message of the user; give one, or {_advice(card)}", parameter="messages")
    text, images = found
    if len(images) > len(card.images):
        takes = f"takes {len(card.images)} ({', '.join(card.images)})" if card.images else "takes none"
        raise TaskInvalid(f"the last message has {len(images)} images, policy {card.policy!r} {takes}")
    filled: dict[str, Json] = dict(zip(card.images, images, strict=False))
    field = _text_field(card)
    if text and field is None:
        raise TaskInvalid(f"one message does not fill the fields of policy {card.policy!r}; {_advice(card)}")
    rest = set(card.input_schema.get("required", ())) - {field, *filled}
    if rest:
        names = ", ".join(sorted(rest))
        raise TaskInvalid(f"policy {card.policy!r} also needs {names}; {_advice(card)}")
    return ({field: text} if field is not None and (text or not filled) else {}) | filled


def _text_field(card: Card) -> str | None:
    """The one field that a text can go to: the only required one, or the only one at all."""
    texts = [name for name, field in _fields(card) if name not in card.images and _takes_text(field)]
    required = [name for name in texts if name in card.input_schema.get("required", ())]
    named = required or texts
    return named[0] if len(named) == 1 else None


def _fields(card: Card) -> list[tuple[str, Json]]:
    return list(card.input_schema.get("properties", {}).items())


def _takes_text(field: Json) -> bool:
    kinds = field.get("type", "string") if isinstance(field, dict) else "string"
    return kinds == "string" or (isinstance(kinds, list) and "string" in kinds)


def _advice(card: Card) -> str:
    example = {name: _example(field) for name, field in _fields(card)}
    return f'send the fields as "router": {{"input": {json.dumps(example, ensure_ascii=False)}}} in the body'


def _example(field: Json) -> Json:
    """A value of about the right kind, to show where one goes."""
    if not isinstance(field, dict):
        return "..."
    if field.get("enum"):
        return field["enum"][0]
    kind = field.get("type", "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    shown: dict[str, Json] = {"number": 0, "integer": 0, "boolean": True, "array": [], "object": {}}
    return shown.get(str(kind), "...")
