"""What a caller asks of a task beyond its policy, in the words of OpenAI's chat completions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .call import Named, Parameters, ResponseSchema, ToolChoice
from .output import FunctionTool
from .values import Json, Name, Value

__all__ = ["Named", "Parameters", "Wishes"]


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
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    parameters: Parameters = Parameters()

    @property
    def told(self) -> dict[str, Json]:
        """As JSON, without what was not asked for."""
        return self.model_dump(mode="json", exclude_defaults=True)
