"""What must be true of a policy beyond the types of its keys: expressions, patterns, templates, fields, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import re2

from .cel.expression import compile_expression
from .cel.problem import ExpressionInvalid
from .checks import Agreement, Confidence, Grounding, Length, Pattern, Rule, Steps
from .checks.pattern import compiled
from .compose import PromptInvalid, template, unknown_variables
from .jsontext import Path
from .policy import Policy
from .problem import Code, closest
from .schema import SchemaInvalid, Validator, check_schema
from .values import Json


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a path of the policy; `line` and `column` (from 1) lie inside the text there, if given."""

    path: Path
    message: str
    code: Code
    suggestion: str | None = None
    line: int = 0
    column: int = 0


def mistakes(policy: Policy) -> list[Mistake]:
    """Everything that would only break when the policy runs."""
    schemas = list(_schema_mistakes(policy))
    if schemas:
        return schemas
    return list(
        chain(_prompt_mistakes(policy), _tier_mistakes(policy), _check_mistakes(policy), _example_mistakes(policy))
    )


def _schema_mistakes(policy: Policy) -> Iterator[Mistake]:
    for path, schema in (
        (("input", "schema"), policy.input.json_schema),
        (("output", "schema"), policy.output.json_schema),
        *((("output", "tools"), tool.parameters) for tool in policy.output.tools or ()),
    ):
        for problem in check_schema(schema) if schema is not None else ():
            yield Mistake(path, f"the schema is unsound: {problem}", Code.UNSOUND_SCHEMA)


def _prompt_mistakes(policy: Policy) -> Iterator[Mistake]:
    try:
        template(policy.prompt.user)
        variables = unknown_variables(policy.prompt.user, ())
    except PromptInvalid as why:
        yield Mistake(("prompt", "user"), f"the template cannot be read: {why}", Code.WRONG_PROMPT)
        variables = []
    fields: Mapping[str, Json] | None = policy.input.json_schema.get("properties")
    if fields is None:  # the schema leaves open what an input may hold
        return
    for name in variables:
        if name not in fields:
            said = f"the input has no field {name!r} for the template"
            yield Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, closest(name, fields))
    for index, name in enumerate(policy.prompt.images):
        if name not in fields:
            said = f"the input has no field {name!r}"
            yield Mistake(("prompt", "images", index), said, Code.WRONG_PROMPT, closest(name, fields))


def _tier_mistakes(policy: Policy) -> Iterator[Mistake]:
    names = [rung.tier for rung in policy.tiers]
    for index, check in enumerate(policy.checks):
        for number, tier in enumerate(check.tiers):
            if tier not in names:
                path = ("checks", index, "tiers", number)
                yield Mistake(path, f"{tier} is no tier of this policy", Code.UNKNOWN_TIER, closest(tier, names))


def _check_mistakes(policy: Policy) -> Iterator[Mistake]:
    for index, check in enumerate(policy.checks):
        at: Path = ("checks", index)
        match check:
            case Rule():
                yield from _expression_mistakes(policy, (*at, "expression"), check.expression)
                if check.when is not None:
                    yield from _expression_mistakes(policy, (*at, "when"), check.when)
            case Pattern():
                yield from _pattern_mistakes(check, at)
                yield from _field_mistakes(policy, (*at, "field"), (check.field,))
            case Length() | Steps():
                yield from _field_mistakes(policy, (*at, "field"), (check.field,))
            case Grounding() | Confidence() | Agreement():
                yield from _field_mistakes(policy, (*at, "fields"), check.fields)
            case _:
                pass


def _expression_mistakes(policy: Policy, path: Path, source: str) -> Iterator[Mistake]:
    try:
        compile_expression(source, input_schema=policy.input.json_schema, output_schema=policy.output.value_schema)
    except ExpressionInvalid as why:
        for problem in why.problems:
            at = problem.line, problem.column
            yield Mistake(path, problem.message, Code.WRONG_EXPRESSION, problem.suggestion, *at)


def _pattern_mistakes(check: Pattern, at: Path) -> Iterator[Mistake]:
    if check.matches is None and check.forbids is None:
        yield Mistake(at, "give `matches` or `forbids`", Code.WRONG_PATTERN)
    for name in ("matches", "forbids"):
        pattern = getattr(check, name)
        if pattern is None:
            continue
        try:
            compiled(pattern)
        except re2.error as why:
            said = why.args[0].decode() if why.args and isinstance(why.args[0], bytes) else str(why)
            yield Mistake((*at, name), f"RE2 cannot read the expression: {said}", Code.WRONG_PATTERN)


def _field_mistakes(policy: Policy, path: Path, fields: tuple[str | None, ...]) -> Iterator[Mistake]:
    for field in fields:
        known = _known_fields(policy, field)
        if field is not None and known is not None and field.split(".")[0] not in known:
            yield Mistake(path, f"the output has no field {field!r}", Code.UNKNOWN_FIELD, closest(field, known))


def _known_fields(policy: Policy, field: str | None) -> tuple[str, ...] | None:
    """The first parts that a field's path may have; None where the schema leaves that open."""
    if field is None:
        return None
    if policy.output.kind in ("labels", "text"):
        return policy.output.required_fields
    schema: Mapping[str, Json] = policy.output.value_schema
    return tuple(schema["properties"]) if "properties" in schema else None


def _example_mistakes(policy: Policy) -> Iterator[Mistake]:
    try:
        inputs, outputs = Validator(policy.input.json_schema), Validator(policy.output.value_schema)
    except SchemaInvalid:
        return
    for index, example in enumerate(policy.examples):
        if problem := inputs.problem(example.input):
            said = f"the example's input is not under the schema: {problem}"
            yield Mistake(("examples", index, "input"), said, Code.WRONG_EXAMPLE)
        if problem := outputs.problem(example.output):
            said = f"the example's output is not under the schema: {problem}"
            yield Mistake(("examples", index, "output"), said, Code.WRONG_EXAMPLE)
