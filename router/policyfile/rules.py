"""What must be true of a policy beyond the types of its keys: expressions, patterns, templates, fields, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from ..cel.expression import compile_expression
from ..cel.patterns import pattern_problems, refused
from ..cel.problem import ExpressionInvalid
from ..checks import Agreement, Confidence, Grounding, Length, Pattern, Rule, Steps
from ..conversation import CONVERSATION
from ..jsontext import Path
from ..policy import Policy
from ..problem import Code, Mistake, closest
from ..schema.validator import SchemaInvalid, Validator, check_schema
from ..template import PromptInvalid, template, unknown_variables
from ..values import Json


def mistakes(policy: Policy) -> list[Mistake]:
    """Everything that would only break when the policy runs."""
    schemas = list(_schema_mistakes(policy))
    if schemas:  # fields and types are anybody's guess then
        patterns = (_pattern_mistakes(c, ("checks", i)) for i, c in enumerate(policy.checks) if isinstance(c, Pattern))
        return [*schemas, *_tier_mistakes(policy), *chain.from_iterable(patterns)]
    if unpaired := list(_unpaired(policy)):  # what the input holds is anybody's guess then
        return [*unpaired, *_tier_mistakes(policy)]
    return list(
        chain(_prompt_mistakes(policy), _tier_mistakes(policy), _check_mistakes(policy), _example_mistakes(policy))
    )


def _unpaired(policy: Policy) -> Iterator[Mistake]:
    """A prompt is written from an input; without one the messages of a conversation are the input."""
    if policy.prompt is not None and policy.input.json_schema == CONVERSATION:
        said = "the key 'input' is missing: say which fields the prompt is written from, or leave the prompt out"
        yield Mistake(("prompt",), said, Code.MISSING_KEY)
    if policy.prompt is None and policy.input.json_schema != CONVERSATION:
        said = "the key 'prompt' is missing: a policy without one passes a conversation on, and has no input of its own"
        yield Mistake(("input",), f"{said}; write a prompt, or leave the input out", Code.MISSING_KEY)


def _schema_mistakes(policy: Policy) -> Iterator[Mistake]:
    schemas: list[tuple[Path, dict[str, Json] | None]] = [
        (("input", "schema"), policy.input.json_schema),
        (("output", "schema"), policy.output.json_schema),
    ]
    for index, tool in enumerate(policy.output.tools or ()):
        schemas.append((("output", "tools", index, "parameters"), tool.parameters))
    for path, schema in schemas:
        for problem in check_schema(schema) if schema is not None else ():
            yield Mistake((*path, *problem.path), f"the schema is unsound: {problem}", Code.UNSOUND_SCHEMA)


def _prompt_mistakes(policy: Policy) -> Iterator[Mistake]:
    variables: list[str] = []
    prompt = policy.prompt
    if prompt is None:
        return
    try:
        variables = unknown_variables(prompt.user, ())
        template(prompt.user)
    except PromptInvalid as why:
        yield Mistake(("prompt", "user"), f"the template cannot be read: {why}", Code.WRONG_PROMPT)
    fields: Mapping[str, Json] | None = policy.input.json_schema.get("properties")
    if fields is None:  # the schema leaves open what an input may hold
        return
    for name in variables:
        if name not in fields:
            said = f"the input has no field {name!r} for the template"
            place = _place_of(prompt.user, name)
            yield Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, closest(name, fields), *place)
    for index, name in enumerate(prompt.images):
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
                yield from _field_mistakes(policy, (*at, "field"), (check.field,))
            case Length() | Steps():
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
    for problem in problems:
        yield Mistake(path, problem.message, code, problem.suggestion, problem.line, problem.column)


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
