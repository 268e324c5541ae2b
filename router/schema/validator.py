"""JSON Schema 2020-12, hardened: no network, no hostile regular expressions, no bombs; reasons in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeGuard

import jsonschema_rs
import re2

from ..jsontext import DEPTH_MAX, NotJson, Path, canonical, is_deeper
from .engines import compiled, matcher
from .subschema import JsonSchema, applied, resolve, subschemas
from .words import all_refused, brief, sentence, spelled, why_refused

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_BYTES_MAX: Final = 262_144
PROBLEMS_MAX: Final = 10
IN_PLACE_MAX: Final = 1_000
"""How many subschemas may look at one and the same value: `anyOf` over `anyOf` over `$ref` doubles each time."""
EXPANDED_MAX: Final = 200_000
"""How many subschemas there may be with every `$ref` written out; 2 ** 24 of them take jsonschema-rs 2.3 s."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A mistake in a schema: `path` leads to it from the schema's root, `message` is for its author."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{spelled(self.path)}: {self.message}"


class SchemaInvalid(ValueError):
    """A schema that must not be used; `problems` holds every mistake."""

    def __init__(self, problems: list[SchemaProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class Validator:
    """
    Judges values by a schema; its verdicts take microseconds, its reasons are sentences.

    jsonschema-rs alone gives the verdict.  `jsonschema` only looks for words once a value was refused, with the same
    regular expressions, equality and multiples; where it finds none, the value stays refused in general words.
    Formats are annotations, as the standard has it.  Raises SchemaInvalid.
    """

    def __init__(self, schema: JsonSchema) -> None:
        if problems := check_schema(schema):
            raise SchemaInvalid(problems)
        self._schema = schema
        self._verdict = compiled(schema)

    def problem(self, value: Any) -> str | None:
        """Say in one sentence what is wrong with a value and where (`$.total: ...`); None if nothing is."""
        if is_deeper(value, DEPTH_MAX):
            return f"$: nested deeper than {DEPTH_MAX}"
        try:
            if self._verdict.is_valid(value):
                return None
        except (ValueError, TypeError) as why:  # not of JSON: a set, a key that is no string, a lone surrogate
            return f"$: not a JSON value: {why}"
        return why_refused(self._schema, value)

    def problems(self, value: Any) -> list[str]:
        """Say all that is wrong with a value, `PROBLEMS_MAX` sentences at most; the one of `problem` comes first."""
        first = self.problem(value)
        if first is None:
            return []
        others = [] if is_deeper(value, DEPTH_MAX) else all_refused(self._schema, value)
        return [*dict.fromkeys([first, *others])][:PROBLEMS_MAX]


def check_schema(schema: JsonSchema) -> list[SchemaProblem]:
    """List everything that forbids the use of a schema, each with its place; empty means that it is sound."""
    try:
        if not isinstance(schema, dict | bool):
            return [SchemaProblem((), "a schema is an object, true or false")]
        if is_deeper(schema, DEPTH_MAX):
            return [SchemaProblem((), f"nested deeper than {DEPTH_MAX}")]
        if (size := len(canonical(schema).encode())) > SCHEMA_BYTES_MAX:
            return [SchemaProblem((), f"the schema has {size:,} bytes, the limit is {SCHEMA_BYTES_MAX:,}")]
    except NotJson as why:
        return [SchemaProblem((), str(why))]
    problems = [*_meta_problems(schema), *_own_problems(schema)]
    return problems or _bombs(schema) or _refusals(schema)


def _meta_problems(schema: JsonSchema) -> Iterator[SchemaProblem]:
    if isinstance(schema, dict) and schema.get("$schema", DIALECT) != DIALECT:
        yield SchemaProblem(("$schema",), f"only JSON Schema 2020-12 is understood: {DIALECT}")
        return
    try:
        if jsonschema_rs.meta.is_valid(schema):
            return
    except (ValueError, TypeError) as why:
        yield SchemaProblem((), f"not a JSON value: {why}")
        return
    from jsonschema import Draft202012Validator, exceptions  # noqa: PLC0415  (60 ms, see schemaengines.py)

    errors = islice(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema), 100)
    closest = [exceptions.best_match([error]) or error for error in errors]
    # The meta-schema says most things once per vocabulary: a dict keeps each once, in order.
    yield from dict.fromkeys(SchemaProblem(tuple(error.absolute_path), sentence(error)) for error in closest)


def _own_problems(schema: JsonSchema) -> Iterator[SchemaProblem]:
    known = {id(subschema) for _, subschema in subschemas(schema)}
    for path, subschema in subschemas(schema):
        for keyword, reason in _REFUSED.items():
            if keyword in subschema and not (keyword == "$id" and not path):
                yield SchemaProblem((*path, keyword), reason)
        if "$ref" in subschema and (message := _ref_problem(schema, subschema["$ref"], known)):
            yield SchemaProblem((*path, "$ref"), message)
        for keys, pattern in _patterns(subschema):
            if message := _pattern_problem(pattern):
                yield SchemaProblem((*path, *keys), message)
    yield from _mixed_problems(schema)


_REFUSED: Final = {
    "$id": "an `$id` below the root is not supported",
    "$anchor": "anchors are not supported; point with '#/$defs/NAME'",
    "$dynamicAnchor": "dynamic anchors are not supported",
    "$dynamicRef": "dynamic references are not supported; write `$ref`",
    "$recursiveRef": "write `$ref`",
    "dependencies": "2020-12 has no `dependencies`; write `dependentRequired` or `dependentSchemas`",
}


def _ref_problem(schema: JsonSchema, ref: Any, known: set[int]) -> str | None:
    if not _is_local(ref):
        return f"{brief(ref)} is outside this schema; a `$ref` starts with '#/' (copy the schema under `$defs`)"
    target = resolve(schema, ref)
    if target is None:
        return f"{brief(ref)} leads nowhere"
    if not isinstance(target, bool) and id(target) not in known:
        return f"{brief(ref)} leads to something that is not a schema"
    return None


def _is_local(ref: Any) -> TypeGuard[str]:
    return isinstance(ref, str) and (ref == "#" or ref.startswith("#/"))


def _patterns(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(pattern := schema.get("pattern"), str):
        yield ("pattern",), pattern
    if isinstance(named := schema.get("patternProperties"), dict):
        yield from ((("patternProperties", key), key) for key in named)


def _pattern_problem(pattern: str) -> str | None:
    """A regular expression must be sound for RE2 and for jsonschema-rs: both run in linear time."""
    try:
        re2.compile(pattern, _quiet())
    except re2.error as why:
        return f"the regular expression {brief(pattern)} is refused: {_decoded(why)}"
    if matcher(pattern) is None:
        return f"the regular expression {brief(pattern)} means different things to different engines"
    return None


@lru_cache(maxsize=1)
def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


def _decoded(why: re2.error) -> str:
    (said,) = why.args[:1] or ("",)
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _mixed_problems(schema: JsonSchema) -> Iterator[SchemaProblem]:
    """jsonschema matches `patternProperties` for `unevaluatedProperties` with `re`, which can take forever."""
    places = [path for path, subschema in subschemas(schema) if "unevaluatedProperties" in subschema]
    if places and any("patternProperties" in subschema for _, subschema in subschemas(schema)):
        yield SchemaProblem(
            (*places[0], "unevaluatedProperties"), "cannot stand in a schema that uses `patternProperties`"
        )


def _bombs(schema: JsonSchema) -> list[SchemaProblem]:
    weights: dict[int, int | None] = {}
    try:
        in_place = max((_weight(schema, s, weights, in_place=True) for _, s in subschemas(schema)), default=1)
        expanded = _weight(schema, schema, {}, in_place=False)
    except _Endless as loop:
        return [SchemaProblem((), f"{loop} refers to itself without going deeper into the value")]
    except RecursionError:
        return [SchemaProblem((), "its references form a chain that is too long")]
    if in_place > IN_PLACE_MAX:
        return [SchemaProblem((), f"{in_place:,} subschemas look at one value, the limit is {IN_PLACE_MAX:,}")]
    if expanded > EXPANDED_MAX:
        message = f"the schema has {expanded:,} subschemas with its references written out"
        return [SchemaProblem((), f"{message}, the limit is {EXPANDED_MAX:,}")]
    return []


class _Endless(Exception):
    """A `$ref` that leads back to itself for the same value."""


def _weight(root: JsonSchema, schema: Any, seen: dict[int, int | None], *, in_place: bool) -> int:
    """
    Count the schemas under *schema*, each `$ref` written out: all of them, or those that look at the same value.

    Going deeper into the value, recursion is fine and counted once (jsonschema-rs remembers such verdicts).
    """
    if not isinstance(schema, dict):
        return 1
    if id(schema) in seen:
        known = seen[id(schema)]
        if known is None and in_place:
            raise _Endless("the schema" if "$ref" not in schema else brief(schema["$ref"]))
        return known or 1
    seen[id(schema)] = None
    total = 1 + sum(_weight(root, child, seen, in_place=in_place) for child in applied(root, schema, in_place=in_place))
    seen[id(schema)] = total
    return total


def _refusals(schema: JsonSchema) -> list[SchemaProblem]:
    """The last word: what jsonschema-rs itself does not take."""
    try:
        compiled(schema)
    except (ValueError, TypeError) as why:
        return [SchemaProblem(tuple(getattr(why, "instance_path", ())), getattr(why, "message", str(why)))]
    return []
