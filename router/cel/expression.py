"""Rules in CEL, typed against the JSON Schemas of a task's input and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from cel_expr_python import cel

from .complaint import complaints, complaints_beside_null, evaluation_sentence, type_name
from .environment import runtime
from .problem import ExpressionInvalid, ExpressionProblem
from .scope import Scope, scope_of
from .source import copies, growth_problems, size_problems, with_typed_sums

ELEMENTS_MAX: Final = 2_000
"""How long a list may be for rules that use map, filter or sum.  CEL copies the list for each element it adds: 1,000
take 16 ms, 10,000 (CEL's own budget of iterations) 2 s, and all other tasks of the process would wait.  Lists that a
rule makes with split() are bounded by that budget alone."""
EVALUATION_ERRORS: Final = (RuntimeError, MemoryError, ValueError, IndexError, OverflowError)
"""What pybind11 makes of C++ exceptions; only the iteration budget and lone surrogates were seen to raise."""


@dataclass(frozen=True, slots=True)
class ExpressionError:
    """Why an expression has no value for this input and output; a sentence for people."""

    message: str

    def __str__(self) -> str:
        return self.message


class Activation:
    """An input and an output as CEL sees them; made once per task and shared by its rules."""

    def __init__(self, input: Any, output: Any) -> None:
        self._raw = (input, output)
        self.values = runtime().Activation({"input": input, "output": output})

    @cached_property
    def longest(self) -> int:
        """How many elements the longest list or object has."""
        return max(map(_longest, self._raw))


class Expression:
    """A compiled rule: called with an activation it says True, False, or why it cannot say."""

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program
        self._copies = copies(source)

    def __call__(self, activation: Activation) -> bool | ExpressionError:
        if self._copies and activation.longest > ELEMENTS_MAX:
            return ExpressionError(
                f"a list has {activation.longest:,} elements, rules with map, filter or sum take {ELEMENTS_MAX:,}"
            )
        try:
            value = self._program.eval(activation.values).value()
        except EVALUATION_ERRORS as why:
            return ExpressionError(evaluation_sentence(str(why)))
        if value is True or value is False:
            return value
        return ExpressionError(evaluation_sentence(value))


def compile_expression(source: str, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> Expression:
    """
    Compile a rule about `input` and `output` that is true or false; the schemas are sound (`check_schema`).

    Raises ExpressionInvalid: an unknown field, types that do not go together, a source over 4 kB or nested deeper
    than 32, or a function that could build texts of any size from a hostile input.
    """
    if problems := size_problems(source):
        raise ExpressionInvalid(problems)
    scope = scope_of(input_schema, output_schema)
    try:
        checked = scope.checker.compile(source)
    except RuntimeError as why:
        raise ExpressionInvalid(complaints(source, str(why), scope.objects)) from None
    if problems := _nullable_problems(source, scope):
        raise ExpressionInvalid(problems)
    if problems := [*_result_problems(checked), *growth_problems(source, scope.checker, checked)]:
        raise ExpressionInvalid(problems)
    try:
        return Expression(source, runtime().compile(with_typed_sums(source, scope.checker)))
    except RuntimeError as why:
        raise ExpressionInvalid(complaints(source, str(why), scope.objects)) from None


def activation(
    input: Any, output: Any, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]
) -> Activation:
    """
    Make the values that rules look at: 12 where the schema says `number` becomes a double, 12.0 in an `integer` an int.

    An integer outside 64 bits becomes a double anywhere.  Schemas are recognised by identity: pass the same objects
    for every task of a policy.
    """
    scope = scope_of(input_schema, output_schema)
    return Activation(scope.coerce_input(input), scope.coerce_output(output))


def _longest(value: Any) -> int:
    if type(value) not in (list, dict):
        return 0
    inner = value if type(value) is list else value.values()
    return max(len(value), max(map(_longest, inner), default=0))


def _nullable_problems(source: str, scope: Scope) -> list[ExpressionProblem]:
    """Find the mistakes about elements of lists and maps that can be null; comparing those with null is none."""
    if scope.checker_without_null is None:
        return []
    try:
        scope.checker_without_null.compile(source)
    except RuntimeError as why:
        return complaints_beside_null(source, str(why), scope.objects)
    return []


def _result_problems(checked: Any) -> list[ExpressionProblem]:
    """A value that the schema leaves open may turn out to be true or false; everything else must be a bool."""
    result = checked.return_type()
    if result in (cel.Type.BOOL, cel.Type.DYN):
        return []
    given = type_name(result.name().lower().replace("<", "(").replace(">", ")"))
    return [ExpressionProblem(1, 1, f"a rule must be true or false, this gives {given}: compare it")]
