"""The regular expressions that stand in a rule: CEL looks at them when it runs, an author wants to know before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import re2

from .problem import ExpressionProblem, problem_at
from .scope import scope_of
from .tree import Call, Literal, Node, inner, tree_of


def pattern_problems(
    source: str, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]
) -> list[ExpressionProblem]:
    """What RE2 refuses of the literals given to `matches` in a rule that compiles."""
    tree = tree_of(source, scope_of(input_schema, output_schema))
    return [problem_at(source, literal.at, said) for literal in _patterns(tree) if (said := refused(literal.value))]


def refused(pattern: object) -> str | None:
    """Why RE2 cannot read an expression; None where it can."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as why:
        said = why.args[0].decode() if why.args and isinstance(why.args[0], bytes) else str(why)
        return f"RE2 cannot read the expression: {said}"
    return None


def _patterns(node: Node) -> Iterator[Literal]:
    match node:
        case Call(function="matches", arguments=(_, Literal(value=str()) as literal)):
            yield literal
    for child in inner(node):
        yield from _patterns(child)
