"""A request for a chat completion: every parameter of OpenAI's is mapped, known to change nothing, or refused."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from ...wishes import Wishes
from ..naming import untagged
from .asked import Target
from .conversation import Message
from .formats import Format, ObjectFormat, Tool, ToolChoice, chosen, schema_of
from .parameters import Absent, Common, Effort, Penalty, Tokens, parameters
from .shape import Shape, misfit, only

CHOICES_MAX = 128
NAMES: Final = MappingProxyType({"tier": "model"})
"""What a parameter is called here that an objection names otherwise."""

_Stop = Annotated[str, Field(min_length=1)]
_Stops: TypeAlias = Annotated[
    Annotated[_Stop, Tag("one")] | Annotated[list[_Stop], Field(min_length=1, max_length=4), Tag("several")],
    Discriminator(lambda given: "one" if isinstance(given, str) else "several"),
    untagged("one", "several"),
]


class StreamOptions(Shape):
    """What a stream is to carry."""

    include_usage: bool | None = None
    include_obfuscation: Annotated[Literal[False] | None, only("streams are not obfuscated; leave it out")] = None


class ChatRequest(Common):
    """OpenAI's chat completions request. What is null is as good as not given; nothing unknown passes."""

    messages: Annotated[list[Message], Field(fail_fast=True)] = Field(
        default_factory=list, examples=[[{"role": "user", "content": "Hello"}]]
    )
    n: Annotated[int, Field(ge=1, le=CHOICES_MAX)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: _Stops | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[int, Field(ge=-100, le=100)]] | None = Field(default=None, max_length=1024)
    logprobs: bool | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = Field(default=None, description="The older name of max_completion_tokens.")
    response_format: Format | None = None
    tools: Annotated[list[Tool], Field(min_length=1, max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    stream_options: StreamOptions | None = None
    store: Annotated[
        Literal[False] | None, only("completions are not stored here; GET /v1/tasks/{id} has the task for a while")
    ] = None
    modalities: Annotated[
        Annotated[list[Literal["text"]], Field(fail_fast=True)] | None, only("only ['text'] is served")
    ] = None
    functions: Annotated[None, only("deprecated by OpenAI and not served; use tools")] = None
    function_call: Annotated[None, only("deprecated by OpenAI and not served; use tool_choice")] = None
    audio: Absent = None
    prediction: Absent = None
    web_search_options: Absent = None

    @model_validator(mode="after")
    def _fits_together(self) -> ChatRequest:
        _check(self)
        return self


def _check(request: ChatRequest) -> None:
    """Raises: PydanticCustomError, naming the parameters that do not go together."""
    if None not in (request.max_tokens, request.max_completion_tokens):
        raise misfit("max_tokens and max_completion_tokens are both given; max_completion_tokens is enough")
    if request.top_logprobs is not None and not request.logprobs:
        raise misfit("top_logprobs needs logprobs: true")
    if request.stream_options is not None and not request.stream:
        raise misfit("stream_options needs stream: true")
    if (request.n or 1) > 1 and request.seed is not None:
        raise misfit("seed and n go not together: each choice is asked for by itself, and all would be alike")
    check_tools(request.tools, request.tool_choice, parallel=request.parallel_tool_calls)


def check_tools(tools: Any, choice: Any, *, parallel: bool | None) -> None:
    """Raises: PydanticCustomError where something is said about tools that are not there."""
    if not tools and (parallel is False or choice not in (None, "none", "auto")):
        raise misfit("tool_choice and parallel_tool_calls: false need tools")


def wishes(request: ChatRequest, target: Target) -> Wishes:
    """What the request asks of its task beyond the policy."""
    return Wishes(
        tier=target.tier,
        response_schema=schema_of(request.response_format),
        json_object=isinstance(request.response_format, ObjectFormat),
        tools=tuple(tool.function.asked for tool in request.tools or ()),
        tool_choice=chosen(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls if request.tools else None,
        max_output_tokens=request.max_completion_tokens or request.max_tokens,
        logprobs=bool(request.logprobs),
        parameters=parameters(request.shared() | {name: getattr(request, name) for name in _OWN} | _stop(request)),
    )


_OWN = ("seed", "presence_penalty", "frequency_penalty", "logit_bias", "reasoning_effort", "verbosity")


def _stop(request: ChatRequest) -> dict[str, Any]:
    match request.stop:
        case None:
            return {}
        case str() as one:
            return {"stop": (one,)}
        case several:
            return {"stop": tuple(several)}
