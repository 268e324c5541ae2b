"""A mistake in an expression, at its place within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """A mistake in an expression: line and column within it (from 1), what it is, and the words that were meant."""

    line: int
    column: int
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        meant = f"; did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{self.line}:{self.column}: {self.message}{meant}"


class ExpressionInvalid(ValueError):
    """An expression that cannot be used; `problems` holds every mistake that was found."""

    def __init__(self, problems: Sequence[ExpressionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def problem_at(source: str, offset: int, message: str) -> ExpressionProblem:
    """Place a mistake at an offset of the expression."""
    line = source.count("\n", 0, offset) + 1
    return ExpressionProblem(line, offset - source.rfind("\n", 0, offset), message)
