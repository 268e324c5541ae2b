"""Input items of the responses interface, and what they are as messages of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from ...values import Json
from ..naming import untagged
from .shape import Echoed, Shape, only, text_or

_ADDRESS = "expected an https: URL, or the image itself as a data:image/...;base64,... URL"
_Status: TypeAlias = Literal["in_progress", "completed", "incomplete"] | None


class InputText(Shape):
    """Some text."""

    type: Literal["input_text"]
    text: str

    def part(self) -> dict[str, Json]:
        return {"type": "text", "text": self.text}


class InputImage(Shape):
    """An image, or where it is."""

    type: Literal["input_image"]
    image_url: Annotated[str, Field(pattern=r"^(https://|data:image/)"), only(_ADDRESS)]
    detail: Literal["auto", "low", "high", "original"] | None = None
    file_id: Annotated[None, only("files are not kept here; give image_url")] = None

    def part(self) -> dict[str, Json]:
        detail = {} if self.detail is None else {"detail": self.detail}
        return {"type": "image_url", "image_url": {"url": self.image_url, **detail}}


class OutputText(Echoed):
    """What the model said, as it came back from here or from OpenAI; only the text is passed on."""

    type: Literal["output_text"]
    text: str
    annotations: Annotated[list[Any], Field(max_length=0), only("not passed on; leave them out")] = Field(
        default_factory=list
    )
    logprobs: list[Any] | None = None

    def part(self) -> dict[str, Json]:
        return {"type": "text", "text": self.text}


class OutputRefusal(Echoed):
    """What the model said when it refused."""

    type: Literal["refusal"]
    refusal: str

    def part(self) -> dict[str, Json]:
        return {"type": "refusal", "refusal": self.refusal}


_PARTS = ("input_text", "input_image", "output_text", "refusal")
_Part: TypeAlias = Annotated[
    InputText | InputImage | OutputText | OutputRefusal, Field(discriminator="type"), untagged(*_PARTS)
]


_TEXT_OR_PARTS = text_or("parts", "a text, or a list of parts")
_Content: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[_Part], Field(min_length=1, fail_fast=True), Tag("parts")],
    _TEXT_OR_PARTS,
    untagged("text", "parts"),
]
_Words: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[InputText], Field(min_length=1, fail_fast=True), Tag("parts")],
    _TEXT_OR_PARTS,
    untagged("text", "parts"),
]


class MessageItem(Echoed):
    """What somebody says."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: _Content
    id: str | None = None
    status: _Status = None
    phase: Literal["commentary", "final_answer"] | None = None

    def message(self) -> dict[str, Json]:
        return {"role": self.role, "content": _said(self.content)}


class CallItem(Echoed):
    """A function that the model wanted called."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: _Status = None

    def call(self) -> dict[str, Json]:
        return {
            "id": self.call_id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }


class CallOutputItem(Echoed):
    """What a function gave back."""

    type: Literal["function_call_output"]
    call_id: str
    output: _Words
    id: str | None = None
    status: _Status = None

    def message(self) -> dict[str, Json]:
        return {"role": "tool", "tool_call_id": self.call_id, "content": _said(self.output)}


def _type(item: Any) -> Any:
    return item.get("type") or "message" if isinstance(item, dict) else getattr(item, "type", None)


_ITEMS = ("message", "function_call", "function_call_output")
Item: TypeAlias = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")],
    Discriminator(_type),
    untagged(*_ITEMS),
]


def messages(instructions: str | None, given: str | Sequence[Item] | None) -> list[dict[str, Json]]:
    """Write a conversation in the form of chat completions; calls that follow one another are one message."""
    told: list[dict[str, Json]] = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*told, {"role": "user", "content": given}]
    for item in given or ():
        if not isinstance(item, CallItem):
            told.append(item.message())
        elif told and told[-1]["role"] == "assistant":
            told[-1].setdefault("tool_calls", []).append(item.call())
        else:
            told.append({"role": "assistant", "content": None, "tool_calls": [item.call()]})
    return told


def _said(content: str | Sequence[_Part]) -> Json:
    return content if isinstance(content, str) else [part.part() for part in content]
