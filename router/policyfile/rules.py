"""What must be true of a policy beyond the types of its keys: expressions, patterns, templates, fields, examples."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from ..cel.expression import compile_expression
from ..cel.patterns import pattern_problems, refused
from ..cel.problem import ExpressionInvalid, problem_at
from ..cel.scope import scope_of
from ..cel.tree import Member, Node, Variable, inner, tree_of
from ..checks import Agreement, Check, Confidence, Grounding, Length, Pattern, Rule, Steps
from ..conversation import CONVERSATION
from ..jsontext import Path
from ..output import Output
from ..policy import Policy
from ..problem import Code, Mistake, closest
from ..schema.keywords import impossible_names, misspelt_keywords
from ..schema.validator import SchemaInvalid, Validator, check_schema
from ..schema.words import TYPES, spelled
from ..values import Json
from .fields import nowhere
from .prompts import prompt_mistakes


def mistakes(policy: Policy) -> list[Mistake]:
    """Everything that would only break when the policy runs."""
    if schemas := list(_schema_mistakes(policy)):
        unsound = {problem.path[0] for problem in schemas}
        return [*schemas, *_tier_mistakes(policy), *_beside_schemas(policy, unsound), *_keyword_mistakes(policy)]
    if unpaired := list(_unpaired(policy)):  # what the input holds is anybody's guess then
        return [*unpaired, *_tier_mistakes(policy)]
    return list(
        chain(
            _function_mistakes(policy),
            _keyword_mistakes(policy),
            prompt_mistakes(policy),
            _tier_mistakes(policy),
            _check_mistakes(policy),
            _example_mistakes(policy),
        )
    )


def _beside_schemas(policy: Policy, unsound: Collection[str | int]) -> Iterator[Mistake]:
    """What can be told although a schema is unsound; types, and fields of that one, are anybody's guess."""
    if "input" not in unsound:
        yield from prompt_mistakes(policy)
    for index, check in enumerate(policy.checks):
        if isinstance(check, Pattern):
            yield from _pattern_mistakes(check, ("checks", index))
        if "output" not in unsound:
            yield from _fields_mistakes(policy, check, ("checks", index))


def _unpaired(policy: Policy) -> Iterator[Mistake]:
    """A prompt is written from an input; without one the messages of a conversation are the input."""
    if policy.prompt is not None and policy.input.json_schema == CONVERSATION:
        said = "the key 'input' is missing: say which fields the prompt is written from, or leave the prompt out"
        yield Mistake(("prompt",), said, Code.MISSING_KEY)
    if policy.prompt is None and policy.input.json_schema != CONVERSATION:
        said = "the key 'prompt' is missing: a policy without one passes a conversation on, and has no input of its own"
        yield Mistake(("input",), f"{said}; write a prompt, or leave the input out", Code.MISSING_KEY)


def _schemas(policy: Policy) -> Iterator[tuple[Path, dict[str, Json]]]:
    schemas: list[tuple[Path, dict[str, Json] | None]] = [
        (("input", "schema"), policy.input.json_schema),
        (("output", "schema"), policy.output.json_schema),
    ]
    for index, tool in enumerate(policy.output.tools or ()):
        schemas.append((("output", "tools", index, "parameters"), tool.parameters))
    yield from ((path, schema) for path, schema in schemas if schema is not None)


def _schema_mistakes(policy: Policy) -> Iterator[Mistake]:
    for path, schema in _schemas(policy):
        for problem in check_schema(schema):
            said, meant = f"the schema is unsound: {problem}", _meant_type(schema, problem.path)
            yield Mistake((*path, *problem.path), said, Code.UNSOUND_SCHEMA, meant)


def _meant_type(schema: Json, path: Path) -> str | None:
    """The type that was meant by what stands at a path to a `type`, if anything was."""
    if "type" not in path[-2:]:
        return None
    for part in path:
        match schema, part:
            case (dict(), str()) if part in schema:
                schema = schema[part]
            case (list(), int()) if part < len(schema):
                schema = schema[part]
            case _:
                return None
    return closest("null" if schema is None else str(schema), TYPES)


def _function_mistakes(policy: Policy) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in enumerate(tool.name for tool in policy.output.tools or ()):
        if name in seen:
            said = f"there are two functions {name!r}; a model could not tell them apart"
            yield Mistake(("output", "tools", index), said, Code.WRONG_VALUE)
        seen.add(name)


def _keyword_mistakes(policy: Policy) -> Iterator[Mistake]:
    for path, schema in _schemas(policy):
        for at, meant in misspelt_keywords(schema):
            said = f"the schema is unsound: {spelled(at[:-1])}: there is no keyword {at[-1]!r}, so it checks nothing"
            yield Mistake((*path, *at), said, Code.UNSOUND_SCHEMA, meant)
        for at, name, near in impossible_names(schema):
            wrong = f"{name!r} is required and not allowed: no object can meet it"
            said = f"the schema is unsound: {spelled(at[:-2])}: {wrong}"
            yield Mistake((*path, *at), said, Code.UNSOUND_SCHEMA, near)


def _tier_mistakes(policy: Policy) -> Iterator[Mistake]:
    names = [rung.tier for rung in policy.tiers]
    for index, check in enumerate(policy.checks):
        for number, tier in enumerate(check.tiers):
            if tier not in names:
                path = ("checks", index, "tiers", number)
                yield Mistake(path, f"{tier} is no tier of this policy", Code.UNKNOWN_TIER, closest(tier, names))
    against = policy.promise.against if policy.promise is not None else None
    if against is not None and against not in names:
        said = f"{against} is no tier of this policy"
        yield Mistake(("promise", "against"), said, Code.UNKNOWN_TIER, closest(against, names))


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
            case _:
                pass
        yield from _fields_mistakes(policy, check, at)


def _fields_mistakes(policy: Policy, check: Check, at: Path) -> Iterator[Mistake]:
    match check:
        case Pattern() | Length() | Steps():
            yield from _field_mistakes(policy, (*at, "field"), (check.field,))
        case Grounding() | Confidence() | Agreement():
            yield from _field_mistakes(policy, (*at, "fields"), check.fields)
        case _:
            pass


def _expression_mistakes(policy: Policy, path: Path, source: str) -> Iterator[Mistake]:
    schemas = {"input_schema": policy.input.json_schema, "output_schema": policy.output.value_schema}
    try:
        compile_expression(source, **schemas)
    except ExpressionInvalid as why:
        problems, code = why.problems, Code.WRONG_EXPRESSION
    else:
        problems, code = tuple(pattern_problems(source, **schemas)), Code.WRONG_PATTERN
        if policy.output.tools is not None:
            yield from _argument_mistakes(policy.output, path, source, tree_of(source, scope_of(*schemas.values())))
    for problem in problems:
        yield Mistake(path, problem.message, code, problem.suggestion, problem.line, problem.column)


def _argument_mistakes(output: Output, path: Path, source: str, node: Node) -> Iterator[Mistake]:
    """Arguments that no function of the policy has: a call may be of any of them, so CEL has no type for these."""
    field = _field_of(node)
    wrong = nowhere(output, field) if field is not None and field.startswith("arguments.") else None
    if wrong is None:
        for child in inner(node) if field is None else ():
            yield from _argument_mistakes(output, path, source, child)
        return
    at = problem_at(source, max(node.at, source.find(str(field).rpartition(".")[2], node.at)), "")
    said = f"no function of this policy has {field!r}"
    yield Mistake(path, said, Code.WRONG_EXPRESSION, wrong.meant, at.line, at.column)


def _field_of(node: Node) -> str | None:
    """The dotted path of `output.a.b`; nothing for what is no field of the output."""
    if not isinstance(node, Member):
        return None
    if isinstance(node.operand, Variable):
        return node.name if node.operand.name == "output" else None
    above = _field_of(node.operand)
    return f"{above}.{node.name}" if above is not None else None


def _pattern_mistakes(check: Pattern, at: Path) -> Iterator[Mistake]:
    if check.matches is None and check.forbids is None:
        yield Mistake(at, "give `matches` or `forbids`", Code.WRONG_PATTERN)
    for name, pattern in (("matches", check.matches), ("forbids", check.forbids)):
        said = refused(pattern) if pattern is not None else None
        if pattern is not None and said is not None:
            yield Mistake((*at, name), said, Code.WRONG_PATTERN, None, *_place_of(pattern, said.rpartition(": ")[2]))


def _place_of(text: str, part: str) -> tuple[int, int]:
    """Line and column (from 1) of the only place where *part* stands in a text; its beginning where there are more."""
    start = text.find(part) if text.count(part) == 1 else 0
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def _field_mistakes(policy: Policy, path: Path, fields: tuple[str | None, ...]) -> Iterator[Mistake]:
    for index, field in enumerate(fields):
        if field is not None and (wrong := nowhere(policy.output, field)) is not None:
            at = (*path, index) if path[-1] == "fields" else path
            yield Mistake(at, f"the output has no field {field!r}", Code.UNKNOWN_FIELD, wrong.meant)


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
