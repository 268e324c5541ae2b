"""The form of an answer, and the functions a model may call, in OpenAI's words for both of its interfaces."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from ...call import ResponseSchema
from ...output import FunctionTool
from ...wishes import Named
from ..naming import untagged
from .shape import Shape, only

FunctionName: TypeAlias = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
"""What OpenAI takes a function without parameters for."""


class TextFormat(Shape):
    """Text as the policy has it."""

    type: Literal["text"]


class ObjectFormat(Shape):
    """Any JSON object."""

    type: Literal["json_object"]


class SchemaFields(Shape):
    """A JSON Schema with the name under which the model sees it."""

    name: FunctionName
    json_schema: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: Annotated[None, only("not passed on; write it into the schema, as its own `description`")] = None

    @property
    def asked(self) -> ResponseSchema:
        return ResponseSchema(name=self.name, body=self.json_schema, strict=self.strict)


class SchemaFormat(Shape):
    """JSON under a schema."""

    type: Literal["json_schema"]
    json_schema: SchemaFields


class FlatSchemaFormat(SchemaFields):
    """JSON under a schema, as the responses interface writes it."""

    type: Literal["json_schema"]


class FunctionFields(Shape):
    """A function the model may call."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None

    @property
    def asked(self) -> FunctionTool:
        parameters = NO_ARGUMENTS if self.parameters is None else self.parameters
        return FunctionTool(
            name=self.name, description=self.description or "", parameters=parameters, strict=self.strict
        )


class Tool(Shape):
    """A function the model may call."""

    type: Annotated[Literal["function"], only("only tools of type 'function' are served; leave the others out")]
    function: FunctionFields


class _Typed(Shape):
    """What kind of tool it is: told first, before what a function would need."""

    type: Annotated[Literal["function"], only("only tools of type 'function' are served; leave the others out")]


class FlatTool(FunctionFields, _Typed):
    """A function the model may call, as the responses interface writes it."""

    defer_loading: Annotated[Literal[False] | None, only("not served; leave it out")] = None
    allowed_callers: Annotated[None, only("not served; leave it out")] = None
    output_schema: Annotated[None, only("not served; leave it out")] = None


class ChosenFunction(Shape):
    """Its name."""

    name: FunctionName


class ChosenTool(Shape):
    """The one function that must be called."""

    type: Annotated[
        Literal["function"], only("only a choice of type 'function' is served; give just the tools that are allowed")
    ]
    function: ChosenFunction

    @property
    def asked(self) -> Named:
        return Named(name=self.function.name)


class FlatChosenTool(ChosenFunction):
    """The one function that must be called, as the responses interface writes it."""

    type: Annotated[
        Literal["function"], only("only a choice of type 'function' is served; give just the tools that are allowed")
    ]

    @property
    def asked(self) -> Named:
        return Named(name=self.name)


def _word_or_one(choice: Any) -> str:
    return "word" if isinstance(choice, str) else "one"


_Word: TypeAlias = Annotated[Literal["none", "auto", "required"], Tag("word")]
ToolChoice: TypeAlias = Annotated[
    _Word | Annotated[ChosenTool, Tag("one")], Discriminator(_word_or_one), untagged("word", "one")
]
FlatToolChoice: TypeAlias = Annotated[
    _Word | Annotated[FlatChosenTool, Tag("one")], Discriminator(_word_or_one), untagged("word", "one")
]
_KINDS = ("text", "json_object", "json_schema")
Format: TypeAlias = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type"), untagged(*_KINDS)]
FlatFormat: TypeAlias = Annotated[
    TextFormat | ObjectFormat | FlatSchemaFormat, Field(discriminator="type"), untagged(*_KINDS)
]


def schema_of(form: TextFormat | ObjectFormat | SchemaFormat | FlatSchemaFormat | None) -> ResponseSchema | None:
    """The schema that a format asks for."""
    match form:
        case SchemaFormat(json_schema=fields):
            return fields.asked
        case FlatSchemaFormat():
            return form.asked
        case _:
            return None


def chosen(choice: Literal["none", "auto", "required"] | ChosenTool | FlatChosenTool | None) -> Any:
    """A choice of tools as a wish."""
    match choice:
        case None:
            return "auto"
        case str():
            return choice
        case _:
            return choice.asked
