"""A request for a response: every parameter of OpenAI's is mapped, known to change nothing, or refused."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, Tag, model_validator

from ...wishes import Wishes
from ..naming import untagged
from .asked import Target
from .chatrequest import check_tools
from .formats import FlatFormat, FlatTool, FlatToolChoice, ObjectFormat, chosen, schema_of
from .items import Item
from .parameters import Absent, Common, Effort, Tokens, parameters
from .shape import Shape, misfit, only, text_or

LOGPROBS = "message.output_text.logprobs"
NAMES: Final = MappingProxyType(
    {"tier": "model", "messages": "input", "response_format": "text.format", "logprobs": "include"}
)
"""What a parameter is called here that an objection names otherwise."""

_NO_MEMORY = "responses do not remember one another here; send the whole conversation as input"
_Input: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[Item], Field(fail_fast=True), Tag("items")],
    text_or("items", "a text, or a list of items"),
    untagged("text", "items"),
]


class Reasoning(Shape):
    """How hard a reasoning model is to think."""

    effort: Effort | None = None
    summary: Annotated[None, only("reasoning is not summed up here; leave it out")] = None
    generate_summary: Annotated[None, only("reasoning is not summed up here; leave it out")] = None
    context: Absent = None
    mode: Annotated[Literal["standard"] | None, only("only 'standard' is served")] = None


class TextSettings(Shape):
    """What form the text is to have."""

    format: FlatFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class StreamOptions(Shape):
    """What a stream is to carry."""

    include_obfuscation: Annotated[Literal[False] | None, only("streams are not obfuscated; leave it out")] = None


class ResponseRequest(Common):
    """OpenAI's responses request. What is null is as good as not given; nothing unknown passes."""

    input: _Input | None = Field(default=None, examples=["Where is my parcel?"])
    instructions: str | None = None
    max_output_tokens: Tokens | None = None
    reasoning: Reasoning | None = None
    text: TextSettings | None = None
    tools: Annotated[list[FlatTool], Field(min_length=1, max_length=128)] | None = None
    tool_choice: FlatToolChoice | None = None
    include: (
        Annotated[
            list[
                Annotated[Literal["message.output_text.logprobs"], only(f"only {LOGPROBS!r} is served; leave it out")]
            ],
            Field(fail_fast=True),
        ]
        | None
    ) = None
    background: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = Field(default=None, description="false: erased as soon as it is answered.")
    truncation: Annotated[Literal["disabled"] | None, only("only 'disabled' is served: nothing is cut off")] = None
    previous_response_id: Annotated[None, only(_NO_MEMORY)] = None
    conversation: Annotated[None, only(_NO_MEMORY)] = None
    prompt: Annotated[None, only("prompts are policies here; ask for model policy/NAME")] = None
    max_tool_calls: Absent = None
    context_management: Absent = None
    access_programs: Absent = None
    image: Absent = None

    @model_validator(mode="after")
    def _fits_together(self) -> ResponseRequest:
        if self.top_logprobs is not None and not self.wants_logprobs:
            raise misfit(f"top_logprobs needs include: [{LOGPROBS!r}]")
        if self.stream_options is not None and not self.stream:
            raise misfit("stream_options needs stream: true")
        if self.store is False and self.background:
            raise misfit("background needs store: a response that is erased at once could not be asked for")
        check_tools(self.tools, self.tool_choice, parallel=self.parallel_tool_calls)
        return self

    @property
    def wants_logprobs(self) -> bool:
        return LOGPROBS in (self.include or ())


def wishes(request: ResponseRequest, target: Target) -> Wishes:
    """What the request asks of its task beyond the policy."""
    text, reasoning = request.text or TextSettings(), request.reasoning or Reasoning()
    own: dict[str, Any] = {"reasoning_effort": reasoning.effort, "verbosity": text.verbosity}
    return Wishes(
        tier=target.tier,
        response_schema=schema_of(text.format),
        json_object=isinstance(text.format, ObjectFormat),
        tools=tuple(tool.asked for tool in request.tools or ()),
        tool_choice=chosen(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls if request.tools else None,
        max_output_tokens=request.max_output_tokens,
        logprobs=request.wants_logprobs,
        parameters=parameters(request.shared() | own),
    )
