"""What kind of answer a policy wants, and the schema that describes it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from .call import ResponseSchema, ToolChoice
from .jsontext import canonical
from .values import Json, Value

Kind: TypeAlias = Literal["schema", "labels", "text", "tools", "turn"]
"""A `turn` is text, function calls or both: a caller asks for it, no policy's file."""

LABEL = "label"
"""The property that carries a label on the wire; the output itself is the bare string."""


class FunctionTool(Value):
    """
    A function the model may choose; `parameters` is the JSON Schema of its arguments, to which `strict` holds the
    provider (None is not sent).
    """

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, Json]
    strict: bool | None = True


class TextOutput(Value):
    """Free text; nothing to set yet."""


class Output(Value):
    """
    Exactly one of: a JSON object under a schema, one of some labels, free text, or one function call.

    The output of a task is then: a value of that schema, the label as a string, a string, or
    `{"name": ..., "arguments": {...}}`.
    """

    model_config = ConfigDict(populate_by_name=True)

    json_schema: dict[str, Json] | None = Field(default=None, alias="schema")
    labels: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    text: TextOutput | None = None
    tools: Annotated[tuple[FunctionTool, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [k for k in ("json_schema", "labels", "text", "tools") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of schema, labels, text or tools")
        if twice := [label for label, times in Counter(self.labels or ()).items() if times > 1]:
            raise ValueError(f"labels must be unique, {twice[0]!r} is there twice")
        return self

    @property
    def kind(self) -> Kind:
        if self.json_schema is not None:
            return "schema"
        if self.labels is not None:
            return "labels"
        return "text" if self.text is not None else "tools"

    @cached_property
    def value_schema(self) -> dict[str, Json]:
        """The JSON Schema of the output value, as checks and rules see it."""
        if self.json_schema is not None:
            return self.json_schema
        if self.labels is not None:
            return {"type": "string", "enum": list(self.labels)}
        if self.tools is not None:
            return _tool_call_schema(self.tools)
        return {"type": "string"}

    @cached_property
    def wire_schema(self) -> dict[str, Json] | None:
        """The JSON Schema that the provider is asked to keep to; None for text and tools."""
        if self.labels is not None:
            return {
                "type": "object",
                "properties": {LABEL: self.value_schema},
                "required": [LABEL],
                "additionalProperties": False,
            }
        return self.json_schema

    def text_of(self, value: Json) -> str | None:
        """The whole of an output value as the model's text; None where it is no text."""
        return value if isinstance(value, str) else None

    @cached_property
    def tools_by_name(self) -> dict[str, FunctionTool]:
        return {tool.name: tool for tool in self.tools or ()}

    @cached_property
    def required_fields(self) -> tuple[str, ...]:
        """What a confidence check looks at when it names no fields."""
        if self.json_schema is not None:
            return tuple(self.json_schema.get("required") or self.json_schema.get("properties", ()))
        return {"labels": (LABEL,), "tools": ("name", "arguments"), "text": ("text",)}[self.kind]


class Formed(Output):
    """A text in the form that its caller asks for: JSON under `response_schema`, or without one any JSON object."""

    response_schema: ResponseSchema | None = None

    @property
    def json_object(self) -> bool:
        return self.response_schema is None

    def text_of(self, value: Json) -> str | None:
        return canonical(value)


class Turn(Output):
    """
    What a model says in a conversation with `tools`: `{"text": str | None, "calls": [{"name", "arguments"}, ...]}`.

    `tool_choice` and `parallel_tool_calls` say which calls there may be, in OpenAI's words; the text has the form of
    `response_schema` or `json_object`.
    """

    response_schema: ResponseSchema | None = None
    json_object: bool = False
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None

    @property
    def kind(self) -> Kind:
        return "turn"

    @cached_property
    def value_schema(self) -> dict[str, Json]:
        return {
            "type": "object",
            "properties": {
                "text": {"type": ["string", "null"]},
                "calls": {"type": "array", "items": _tool_call_schema(self.tools or ())},
            },
            "required": ["text", "calls"],
            "additionalProperties": False,
        }

    @cached_property
    def required_fields(self) -> tuple[str, ...]:
        return ("text", "calls")

    def text_of(self, value: Json) -> str | None:
        text: str | None = value["text"]
        return text


def _tool_call_schema(tools: tuple[FunctionTool, ...]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [tool.name for tool in tools]},
            "arguments": {"type": "object"},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
