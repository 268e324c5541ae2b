"""What checks look at: one reading of one task's reply, with the policy's schemas at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ..cel.expression import Activation, Expression, activation, compile_expression
from ..conversation import without_images
from ..output import Output
from ..reading import Reading
from ..schema.validator import Validator
from ..task import Task
from ..values import Json


class Types:
    """The schemas of a policy's input and output, with what was compiled against them; made once per policy."""

    def __init__(
        self,
        *,
        input_schema: dict[str, Json],
        output: Output,
        images: tuple[str, ...] = (),
        conversation: bool = False,
    ) -> None:
        self.input_schema = input_schema
        self.images = images
        self.conversation = conversation
        self.output = output
        self.validator = Validator(output.value_schema)
        self.expression = lru_cache(maxsize=None)(self._compile)

    def _compile(self, source: str) -> Expression:
        return compile_expression(source, input_schema=self.input_schema, output_schema=self.output.value_schema)

    @cached_property
    def tool_validators(self) -> dict[str, Validator]:
        return {tool.name: Validator(tool.parameters) for tool in self.output.tools or ()}


@dataclass(frozen=True)
class Subject:
    """One reply under examination. The CEL activation is made once and shared by all rules."""

    task: Task
    reading: Reading
    types: Types
    tier: str

    @property
    def output(self) -> Json:
        return self.reading.output

    @cached_property
    def activation(self) -> Activation:
        return activation(
            self.task.input,
            self.output,
            input_schema=self.types.input_schema,
            output_schema=self.types.output.value_schema,
        )

    @cached_property
    def input_text(self) -> str:
        """All texts and numbers of the input, a line each, without images: what grounding searches."""
        return "\n".join(_plain(self.input_without_images))

    @property
    def input_without_images(self) -> dict[str, Json]:
        if self.types.conversation:
            return without_images(self.task.input)
        return {name: value for name, value in self.task.input.items() if name not in self.types.images}


def _plain(value: Any) -> list[str]:
    match value:
        case dict():
            return [line for item in value.values() for line in _plain(item)]
        case list():
            return [line for item in value for line in _plain(item)]
        case None | bool():
            return []
        case _:
            return [str(value)]
