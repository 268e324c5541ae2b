"""What a caller asks of a task beyond its policy, in the words of OpenAI's chat completions."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from .call import ResponseSchema
from .output import FunctionTool
from .values import Finite, Json, Name, Value

Penalty: TypeAlias = Annotated[Finite, Field(ge=-2, le=2)]


class Parameters(Value):
    """
    What goes to the provider as it is; None: not asked for, so that the tier's own setting holds.

    Names and bounds are those of OpenAI's chat completions.
    """

    temperature: Annotated[Finite, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Finite, Field(ge=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, max_length=4)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Annotated[dict[str, Annotated[Finite, Field(ge=-100, le=100)]], Field(max_length=1024)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None
    prompt_cache_key: Annotated[str, Field(max_length=512)] | None = None


class Named(Value):
    """The one function that must be called."""

    name: str


class Wishes(Value):
    """
    `tier` pins the task to one tier. `response_schema` or `json_object` say what form the text is to have, `tools` what
    may be called: these are checked like the policy's own. `max_output_tokens` can only lower the policy's limit.

    `logprobs` asks for the tokens of the accepted reply with their log-probabilities.
    """

    tier: Name | None = None
    response_schema: ResponseSchema | None = None
    json_object: bool = False
    tools: Annotated[tuple[FunctionTool, ...], Field(max_length=128)] = ()
    tool_choice: Literal["auto", "none", "required"] | Named = "auto"
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    parameters: Parameters = Parameters()

    @property
    def told(self) -> dict[str, Json]:
        """As JSON, without what was not asked for."""
        return self.model_dump(mode="json", exclude_defaults=True)
