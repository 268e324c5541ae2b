"""Messages as chat completions has them: which are taken, and how they are passed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, Tag, model_validator

from ...values import Json
from ..naming import untagged
from .shape import Echoed, Shape, misfit, only, text_or

_ADDRESS = "expected an https: URL, or the image itself as a data:image/...;base64,... URL"


class TextPart(Shape):
    """Some text."""

    type: Literal["text"]
    text: str


class ImageAddress(Shape):
    """Where an image is, or the image itself."""

    url: Annotated[str, Field(pattern=r"^(https://|data:image/)"), only(_ADDRESS)]
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Shape):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageAddress


class RefusalPart(Shape):
    """What the model said when it refused."""

    type: Literal["refusal"]
    refusal: str


_TEXT_OR_PARTS = text_or("parts", "a text, or a list of parts")
_UNTAGGED = untagged("text", "parts")
_Words: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[TextPart], Field(min_length=1, fail_fast=True), Tag("parts")],
    _TEXT_OR_PARTS,
    _UNTAGGED,
]
_Shown: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type"), untagged("text", "image_url")]
_Said: TypeAlias = Annotated[TextPart | RefusalPart, Field(discriminator="type"), untagged("text", "refusal")]
_Asked: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[_Shown], Field(min_length=1, fail_fast=True), Tag("parts")],
    _TEXT_OR_PARTS,
    _UNTAGGED,
]
_Answered: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[_Said], Field(min_length=1, fail_fast=True), Tag("parts")],
    _TEXT_OR_PARTS,
    _UNTAGGED,
]


class SystemMessage(Shape):
    """What the model is told before anything else."""

    role: Literal["system", "developer"]
    content: _Words
    name: str | None = None


class UserMessage(Shape):
    """What a person says, with images."""

    role: Literal["user"]
    content: _Asked
    name: str | None = None


class CalledFunction(Echoed):
    """What was called; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str


class ToolCallMade(Echoed):
    """A function that the model wanted called."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class AssistantMessage(Echoed):
    """What the model said earlier, as it came back from here or from OpenAI."""

    role: Literal["assistant"]
    content: _Answered | None = None
    refusal: str | None = None
    name: str | None = None
    tool_calls: Annotated[list[ToolCallMade], Field(fail_fast=True)] | None = None
    annotations: Annotated[
        Annotated[list[None], Field(max_length=0, fail_fast=True)] | None,
        only("annotations are not passed on; leave them out"),
    ] = None
    audio: Annotated[None, only("audio is not passed on; leave it out")] = None
    function_call: Annotated[None, only("deprecated by OpenAI and not passed on; use tool_calls")] = None

    @model_validator(mode="after")
    def _says_something(self) -> AssistantMessage:
        if self.content is None and not self.tool_calls and self.refusal is None:
            raise misfit("an assistant's message needs content or tool_calls")
        return self


class ToolMessage(Shape):
    """What a function gave back."""

    role: Literal["tool"]
    content: _Words
    tool_call_id: str
    name: str | None = None


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
    untagged("system", "developer", "user", "assistant", "tool"),
]

_NOT_PASSED_ON = ("annotations", "audio", "function_call")


def plain(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """The messages as they are passed on: what was given, without what is null."""
    return [_plain(message.model_dump(exclude_unset=True)) for message in messages]


def _plain(message: dict[str, Json]) -> dict[str, Json]:
    kept = {name: value for name, value in message.items() if value is not None and name not in _NOT_PASSED_ON}
    if message["role"] == "assistant":
        kept.setdefault("content", None)
        if not kept.get("tool_calls"):
            kept.pop("tool_calls", None)
    return kept | ({"content": [_without_nulls(part) for part in kept["content"]]} if _has_parts(kept) else {})


def _has_parts(message: dict[str, Json]) -> bool:
    return isinstance(message["content"], list)


def _without_nulls(part: dict[str, Json]) -> dict[str, Json]:
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in part.items()
        if value is not None
    }


def last_user(messages: Sequence[dict[str, Json]]) -> tuple[str, list[str]] | None:
    """The text and the images of the last message of the user; None where there is none."""
    content = next((m["content"] for m in reversed(messages) if m["role"] == "user"), None)
    if content is None or isinstance(content, str):
        return None if content is None else (content, [])
    texts = [part["text"] for part in content if part["type"] == "text"]
    return "\n".join(texts), [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
