"""Checks that always say the same: rules, patterns and lengths that the schema decides beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..cel.expression import activation, compile_expression
from ..cel.outcomes import Analysis, Outcomes
from ..cel.problem import problem_at
from ..cel.scope import scope_of
from ..cel.tree import Node, Variable, inner, tree_of
from ..checks import Check, Confidence, Length, Pattern, Rule, Schema
from ..checks.pattern import compiled
from ..jsontext import Path
from ..policy import Policy
from ..problem import Code, Mistake, closest
from ..schema.subschema import resolve
from ..values import Json

Always: TypeAlias = Literal["passes", "finds"] | None
_SHOWN_MAX = 12


@dataclass(frozen=True, slots=True)
class _Seen:
    """An expression of a rule: what it can come to, and what is odd within it."""

    outcomes: Outcomes
    oddities: tuple[Mistake, ...]

    @property
    def always(self) -> bool | None:
        """True or false where it is always that (or has no answer); None where it depends."""
        if self.outcomes == {True}:
            return True
        return None if True in self.outcomes else False


def rule_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about checks whose outcome does not depend on the reply."""
    for index, check in enumerate(policy.checks):
        at: Path = ("checks", index)
        match check:
            case Rule():
                yield from _rule(policy, check, at)
            case _:
                if said := _decided(policy, check)[1]:
                    yield Mistake(at, said, Code.CONSTANT)


def always(policy: Policy, check: Check) -> Always:
    """What a check says of every reply that is under the schema; None where that depends on the reply."""
    if not isinstance(check, Rule):
        return _decided(policy, check)[0]
    wanted = _seen(policy, check.when, ()).always if check.when is not None else True
    if wanted is False:
        return "passes"
    obeyed = _seen(policy, check.expression, ()).always
    if obeyed is None or (wanted is None and obeyed is False):
        return None
    return "passes" if obeyed else "finds"


def _rule(policy: Policy, check: Rule, at: Path) -> Iterator[Mistake]:
    for key, source in (("when", check.when), ("expression", check.expression)):
        if source is None:
            continue
        seen = _seen(policy, source, (*at, key))
        yield from seen.oddities
        if seen.always is not None and not seen.oddities:
            yield Mistake((*at, key), _SAID[key, seen.always], Code.CONSTANT)


_SAID = {
    ("expression", True): "this is always true, so the check never finds anything",
    ("expression", False): "this is never true, so the check finds fault with every reply",
    ("when", True): "this is always true, so the rule needs no `when`",
    ("when", False): "this is never true, so the rule is never looked at",
}


def _seen(policy: Policy, source: str, path: Path) -> _Seen:
    schemas = known_schemas(policy)
    tree = tree_of(source, scope_of(policy.input.json_schema, policy.output.value_schema))
    if not _asks(tree):
        value = _evaluated(policy, source)
        return _Seen(frozenset((value,)), ())
    analysis = Analysis(*schemas)
    oddities = [*_foreign(analysis, tree, source, path), *_never(analysis, tree, source, path)]
    return _Seen(analysis.outcomes(tree), tuple(oddities))


def known_schemas(policy: Policy) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is known of input and output; nothing of an output that may go on although it is not under its schema."""
    lax = any(isinstance(check, Schema) and check.severity != "fail" for check in policy.checks)
    return policy.input.json_schema, {} if lax else policy.output.value_schema


def _asks(node: Node) -> bool:
    """Whether a rule looks at the input or the output at all."""
    if isinstance(node, Variable) and node.name in ("input", "output"):
        return True
    return any(_asks(child) for child in inner(node))


def _evaluated(policy: Policy, source: str) -> bool | None:
    schemas = {"input_schema": policy.input.json_schema, "output_schema": policy.output.value_schema}
    value = compile_expression(source, **schemas)(activation({}, None, **schemas))
    return value if isinstance(value, bool) else None


def _foreign(analysis: Analysis, tree: Node, source: str, path: Path) -> Iterator[Mistake]:
    for found in analysis.foreign(tree):
        place = problem_at(source, found.literal.at, "")
        known = [str(value) for value in found.known]
        shown = ", ".join(known[:_SHOWN_MAX]) + (", ..." if len(known) > _SHOWN_MAX else "")
        said = f"the schema never lets this be {found.literal.value!r}, only {shown}"
        near = closest(str(found.literal.value), known)
        yield Mistake(path, said, Code.CONSTANT, near, place.line, place.column)


def _never(analysis: Analysis, tree: Node, source: str, path: Path) -> Iterator[Mistake]:
    for call in analysis.never(tree):
        place = problem_at(source, call.at, "")
        said = f"the schema's bounds never let this {call.function.strip('_')!r} be true"
        yield Mistake(path, said, Code.CONSTANT, None, place.line, place.column)


def _decided(policy: Policy, check: Check) -> tuple[Always, str | None]:
    """What a check that is no rule always says, and why; nothing where that depends on the reply."""
    match check:
        case Length(at_least=least, at_most=most) if most is not None and least > most:
            return "finds", f"no text has at least {least} and at most {most} characters"
        case Length(at_least=0, at_most=None):
            return "passes", "every text is long enough for this; give `at_least` or `at_most`"
        case Confidence(at_least=level, missing="pass") if level <= 0:
            said = "every reply is sure enough for 0, with or without log-probabilities"
            return "passes", f"{said}; raise `at_least`, or drop the check"
        case Pattern():
            return _pattern(check, *_values_at(policy, check.field))
        case _:
            return None, None


def _pattern(check: Pattern, values: list[str], sure: bool) -> tuple[Always, str | None]:
    matched = [_matches(check, value) for value in values]
    if not matched or len(set(matched)) > 1 or not (matched[0] or sure):
        return None, None
    listed = ", ".join(values[:_SHOWN_MAX])
    if matched[0]:
        return "passes", f"this fits everything that the schema lets {check.field or 'the output'} be: {listed}"
    return "finds", f"this fits nothing that the schema lets {check.field or 'the output'} be: {listed}"


def _matches(check: Pattern, value: str) -> bool:
    wanted = check.matches is None or compiled(check.matches).search(value) is not None
    return wanted and not (check.forbids is not None and compiled(check.forbids).search(value) is not None)


def _values_at(policy: Policy, field: str | None) -> tuple[list[str], bool]:
    """
    The texts that the schema lets a field (or the whole output) be, where they can be counted; and whether there
    surely is one.
    """
    schema: Json = policy.output.value_schema
    sure = True
    for part in (field or "").split(".") if field and policy.output.kind == "schema" else ():
        properties = schema.get("properties") if isinstance(schema, dict) else None
        sure = sure and isinstance(schema, dict) and part in (schema.get("required") or ())
        schema = properties.get(part) if isinstance(properties, dict) else None
        if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
            schema = resolve(policy.output.value_schema, schema["$ref"])
    values = schema.get("enum") if isinstance(schema, dict) else None
    texts = [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
    return texts, sure and isinstance(values, list) and len(texts) == len(values)
