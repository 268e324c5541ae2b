"""JSON Schema 2020-12, hardened: no network, no hostile regular expressions, no bombs; reasons in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from json import JSONEncoder
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard
from urllib.parse import unquote

# Imports measured on one core: jsonschema_rs 10 ms, re2 2 ms; this whole module 18-26 ms.  jsonschema and referencing
# take another 60-65 ms, so they are imported when something is wrong and words are needed: a producer seldom pays that.
import jsonschema_rs
import re2

from .jsontext import DEPTH_MAX, NotJson, Path, canonical

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

JsonSchema: TypeAlias = dict[str, Any] | bool

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_BYTES_MAX: Final = 262_144
IN_PLACE_MAX: Final = 1_000
"""How many subschemas may look at one and the same value: `anyOf` over `anyOf` over `$ref` doubles each time."""
EXPANDED_MAX: Final = 200_000
"""How many subschemas there may be with every `$ref` written out; 2 ** 24 of them take jsonschema-rs 2.3 s."""
_STEPS_MAX: Final = 10_000
"""How many keywords are evaluated in search of words; some 50 ms."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A mistake in a schema: `path` leads to it from the schema's root, `message` is for its author."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{_spelled(self.path)}: {self.message}"


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
        self._verdict = _compiled(schema)

    def problem(self, value: Any) -> str | None:
        """Say in one sentence what is wrong with a value and where (`$.total: ...`); None if nothing is."""
        if is_deeper(value, DEPTH_MAX):
            return f"$: nested deeper than {DEPTH_MAX}"
        try:
            if self._verdict.is_valid(value):
                return None
        except (ValueError, TypeError) as why:  # not of JSON: a set, a key that is no string, a lone surrogate
            return f"$: not a JSON value: {why}"
        error = _most_relevant(self._schema, value)
        return "$: does not match the schema" if error is None else f"{error.json_path}: {_sentence(error)}"


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


def strict_mode_problems(schema: JsonSchema) -> list[SchemaProblem]:
    """List what OpenAI's strict structured outputs would refuse in a sound schema (their guide, February 2026)."""
    if not isinstance(schema, dict):
        return [SchemaProblem((), "strict mode needs a schema that is an object")]
    problems = list(_strict_root(schema))
    for path, subschema in subschemas(schema):
        problems += [SchemaProblem(path, message) for message in _strict_messages(subschema)]
    return problems + [SchemaProblem((), message) for message in _strict_totals(schema)]


def subschemas(schema: JsonSchema, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Walk all schemas within a schema, itself first, each with its path; `true` and `false` are left out."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keys, child in _children(schema):
        yield from subschemas(child, (*path, *keys))


def resolve(schema: Mapping[str, Any] | bool, ref: str) -> Any:
    """Follow a `$ref` (`#`, `#/$defs/item`) within a schema; None where it leads nowhere."""
    found: Any = schema
    for part in unquote(ref).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return found


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested more than *levels* deep."""
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    if levels == 0:
        return type(value) in (dict, list)
    return any(type(item) in (dict, list) and is_deeper(item, levels - 1) for item in inner)


# The shape of a schema.

_HOLDS_ONE: Final = (
    *("additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_HOLDS_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_HOLDS_NAMED: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_IN_PLACE: Final = frozenset(("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"))
_NOT_APPLIED: Final = frozenset(("$defs", "definitions"))


def _children(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas directly under a schema, with the one or two keys that lead there."""
    for keyword in _HOLDS_ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in _HOLDS_LIST:
        if isinstance(members := schema.get(keyword), list):
            yield from (((keyword, index), member) for index, member in enumerate(members))
    for keyword in _HOLDS_NAMED:
        if isinstance(named := schema.get(keyword), dict):
            yield from (((keyword, name), member) for name, member in named.items())


def _is_local(ref: Any) -> TypeGuard[str]:
    return isinstance(ref, str) and (ref == "#" or ref.startswith("#/"))


# What forbids the use of a schema.


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
    from jsonschema import Draft202012Validator, exceptions  # noqa: PLC0415  (60 ms, see above)

    errors = islice(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema), 100)
    closest = [exceptions.best_match([error]) or error for error in errors]
    # The meta-schema says most things once per vocabulary: a dict keeps each once, in order.
    yield from dict.fromkeys(SchemaProblem(tuple(error.absolute_path), _sentence(error)) for error in closest)


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
        return f"{_shown(ref)} is outside this schema; a `$ref` starts with '#/' (copy the schema under `$defs`)"
    target = resolve(schema, ref)
    if target is None:
        return f"{_shown(ref)} leads nowhere"
    if not isinstance(target, bool) and id(target) not in known:
        return f"{_shown(ref)} leads to something that is not a schema"
    return None


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
        return f"the regular expression {_shown(pattern)} is refused: {_decoded(why)}"
    if _matcher(pattern) is None:
        return f"the regular expression {_shown(pattern)} means different things to different engines"
    return None


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
            raise _Endless("the schema" if "$ref" not in schema else _shown(schema["$ref"]))
        return known or 1
    seen[id(schema)] = None
    total = 1 + sum(_weight(root, child, seen, in_place=in_place) for child in _applied(root, schema, in_place))
    seen[id(schema)] = total
    return total


def _applied(root: JsonSchema, schema: Mapping[str, Any], in_place: bool) -> Iterator[Any]:
    if "$ref" in schema:
        yield resolve(root, schema["$ref"])
    for keys, child in _children(schema):
        if keys[0] in _IN_PLACE if in_place else keys[0] not in _NOT_APPLIED:
            yield child


def _refusals(schema: JsonSchema) -> list[SchemaProblem]:
    """The last word: what jsonschema-rs itself does not take."""
    try:
        _compiled(schema)
    except (ValueError, TypeError) as why:
        return [SchemaProblem(tuple(getattr(why, "instance_path", ())), getattr(why, "message", str(why)))]
    return []


def _compiled(schema: JsonSchema) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        offline=True,
        pattern_options=jsonschema_rs.RegexOptions(),  # linear time; the default engine backtracks
        validate_formats=False,
    )


@lru_cache(maxsize=1)
def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Callable[[Any], bool] | None:
    try:
        return _compiled({"pattern": pattern}).is_valid
    except jsonschema_rs.ValidationError:
        return None


def _decoded(why: re2.error) -> str:
    (said,) = why.args[:1] or ("",)
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


# Words for a refused value.


def _most_relevant(schema: JsonSchema, value: Any) -> ValidationError | None:
    from jsonschema import exceptions  # noqa: PLC0415  (60 ms, see above)

    errors: list[ValidationError] = []
    with suppress(_Tired, RecursionError):
        errors.extend(islice(hardened(schema).iter_errors(value), 100))
    closest: ValidationError | None = exceptions.best_match(errors)
    return closest


class _Tired(Exception):
    """Words were sought long enough: `anyOf` over a recursive schema tries 2 ** depth ways."""


def hardened(schema: JsonSchema) -> Any:
    """
    Make a `jsonschema` validator that fetches nothing, matches in linear time and stops after some 10,000 keywords.

    It exists for its error messages, and for the test that it agrees with jsonschema-rs.
    """
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  (60 ms, see above)
    from referencing import Registry  # noqa: PLC0415

    left = iter(range(_STEPS_MAX))

    def counted(keyword: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
        def evaluate(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            if next(left, None) is None:
                raise _Tired
            yield from keyword(validator, setting, instance, schema) or ()

        return evaluate

    keywords = {**Draft202012Validator.VALIDATORS, **_LINEAR}
    extended: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {name: counted(function) for name, function in keywords.items()}
    )
    return extended(schema, registry=Registry())


def _error(message: str) -> ValidationError:
    from jsonschema import ValidationError  # noqa: PLC0415  (60 ms, see above)

    return ValidationError(message)


def _matches(pattern: str, text: str) -> bool:
    matcher = _matcher(pattern)
    return matcher is not None and matcher(text)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield _error("does not match")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for key in filter(lambda key: _matches(pattern, key), instance):
                yield from validator.descend(instance[key], subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    extras = _extras(schema, instance)
    if setting is False and extras:
        yield _error("has additional properties")
    elif isinstance(setting, dict):
        for key in extras:
            yield from validator.descend(instance[key], setting, path=key)


def _extras(schema: Mapping[str, Any], instance: Mapping[str, Any]) -> list[str]:
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [key for key in instance if key not in named and not any(_matches(p, key) for p in patterns)]


def _unique_items(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if setting and isinstance(instance, list) and len(set(map(_hashable, instance))) < len(instance):
        yield _error("has equal items")


def _hashable(value: Any) -> Any:
    """Equal for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", *map(_hashable, value))
        case dict():
            return frozenset((key, _hashable(member)) for key, member in value.items())
        case _:
            return value


def _multiple_of(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    # By the decimals as written, as jsonschema-rs does: 19.99 is a multiple of 0.01.
    if (Fraction(repr(instance)) / Fraction(repr(divisor))).denominator != 1:
        yield _error("is not a multiple")


_LINEAR: Final[dict[str, Callable[..., Iterator[ValidationError]]]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
}


def _sentence(error: Any) -> str:
    if error.validator is None:
        return "nothing is allowed here"
    write = _SENTENCES.get(str(error.validator))
    return write(error, _shown(error.instance)) if write else _shortened(error.message)


def _required(error: Any, shown: str) -> str:
    missing = [key for key in error.validator_value if key not in error.instance]
    return f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _not_allowed(error: Any, shown: str) -> str:
    extras = _extras(error.schema, error.instance)
    known = _listed(list(error.schema.get("properties", ())))
    return f"{_listed(extras)} {'is' if len(extras) == 1 else 'are'} not allowed, only {known or 'an empty object'}"


def _typed(error: Any, shown: str) -> str:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else wanted
    return f"{shown} is not {' or '.join(_TYPES.get(name, name) for name in names)}"


def _any_of(error: Any, shown: str) -> str:
    why = dict.fromkeys(_sentence(inner) for inner in (error.context or ())[:20] if not inner.relative_path)
    return f"{shown} matches no alternative" + (f" ({_shortened('; '.join(why), 160)})" if why else "")


def _one_of(error: Any, shown: str) -> str:
    return _any_of(error, shown) if error.context else f"{shown} matches more than one alternative"


_TYPES: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_SENTENCES: Final[dict[str, Callable[[Any, str], str]]] = {
    "type": _typed,
    "required": _required,
    "additionalProperties": _not_allowed,
    "enum": lambda e, shown: f"{shown} is none of {_listed(e.validator_value)}",
    "const": lambda e, shown: f"{shown} is not {_shown(e.validator_value)}",
    "pattern": lambda e, shown: f"{shown} does not match the pattern {_shown(e.validator_value)}",
    "minimum": lambda e, shown: f"{shown} is less than {e.validator_value}",
    "maximum": lambda e, shown: f"{shown} is more than {e.validator_value}",
    "exclusiveMinimum": lambda e, shown: f"{shown} is not more than {e.validator_value}",
    "exclusiveMaximum": lambda e, shown: f"{shown} is not less than {e.validator_value}",
    "multipleOf": lambda e, shown: f"{shown} is not a multiple of {e.validator_value}",
    "minLength": lambda e, shown: f"{shown} has {len(e.instance)} characters, at least {e.validator_value} are needed",
    "maxLength": lambda e, shown: f"{shown} has {len(e.instance)} characters, at most {e.validator_value} are allowed",
    "minItems": lambda e, shown: f"{len(e.instance)} items, at least {e.validator_value} are needed",
    "maxItems": lambda e, shown: f"{len(e.instance)} items, at most {e.validator_value} are allowed",
    "minProperties": lambda e, shown: f"{len(e.instance)} properties, at least {e.validator_value} are needed",
    "maxProperties": lambda e, shown: f"{len(e.instance)} properties, at most {e.validator_value} are allowed",
    "uniqueItems": lambda e, shown: f"{shown} has equal items",
    "contains": lambda e, shown: f"{shown} lacks an item that the schema asks for",
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": lambda e, shown: f"{shown} is excluded by `not`",
}


def _listed(values: list[Any]) -> str:
    return _shortened(", ".join(_shown(value) for value in values[:40]))


def _shown(value: Any) -> str:
    """A value as people read it, at most some 80 characters: 'abc', 12.5, null, {"a": 1}."""
    if isinstance(value, str):
        return repr(_shortened(value))
    return _shortened("".join(islice(JSONEncoder(ensure_ascii=False, default=repr).iterencode(value), 80)))


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _spelled(path: Path) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


# OpenAI's strict mode.

_STRICT_KEYWORDS: Final = frozenset(
    (
        *("type", "enum", "const", "anyOf", "properties", "required", "additionalProperties", "items", "pattern"),
        *("format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"),
        *("$ref", "$defs", "definitions", "title", "description", "$schema", "$id", "$comment"),
    )
)
_STRICT_FORMATS: Final = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
)


def _strict_root(schema: Mapping[str, Any]) -> Iterator[SchemaProblem]:
    if schema.get("type") != "object":
        yield SchemaProblem((), "strict mode needs `type: object` at the root")
    if "anyOf" in schema:
        yield SchemaProblem(("anyOf",), "strict mode allows no anyOf at the root; put it under a property")


def _strict_messages(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in sorted(schema.keys() - _STRICT_KEYWORDS):
        yield f"strict mode does not support {keyword}"
    if "$ref" in schema and schema.keys() - {"$ref", "$defs", "definitions"}:
        yield "strict mode wants `$ref` to stand alone"
    if not schema.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        yield "strict mode needs a `type`"
    if schema.get("format", "date") not in _STRICT_FORMATS:
        yield f"strict mode does not know the format {_shown(schema['format'])}"
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    if "array" in types and "items" not in schema:
        yield "strict mode needs `items` in an array"
    if "object" in types:
        yield from _strict_object(schema)
    if message := _strict_enum(schema.get("enum", [])):
        yield message


def _strict_object(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield "strict mode needs `additionalProperties: false`"
    optional = [name for name in schema.get("properties", {}) if name not in schema.get("required", [])]
    if optional:
        yield f"strict mode needs {_listed(optional)} under `required` (allow null for what may be absent)"


def _strict_enum(values: list[Any]) -> str | None:
    size = sum(len(value) for value in values if isinstance(value, str))
    if len(values) > 250 and size > 15_000:
        return f"strict mode allows 15,000 characters in an enum of more than 250 values, here are {size:,}"
    return None


def _strict_totals(schema: dict[str, Any]) -> Iterator[str]:
    inner = [subschema for _, subschema in subschemas(schema)]
    names = [name for s in inner for key in ("properties", "$defs", "definitions") for name in s.get(key, ())]
    enums = [value for s in inner for value in s.get("enum", ())]
    texts = [*names, *enums, *(s.get("const") for s in inner)]
    counts = (
        (sum(len(s.get("properties", ())) for s in inner), 5_000, "properties"),
        (_levels(schema, schema, {}), 10, "levels of objects"),
        (len(enums), 1_000, "enum values"),
        (sum(len(text) for text in texts if isinstance(text, str)), 120_000, "characters of names and values"),
    )
    yield from (f"strict mode allows {most:,} {what}, here are {n:,}" for n, most, what in counts if n > most)


def _levels(root: JsonSchema, schema: Any, seen: dict[int, int]) -> int:
    """The most objects within each other; a recursive `$ref` counts once."""
    if not isinstance(schema, dict):
        return 0
    if id(schema) not in seen:
        seen[id(schema)] = 0
        inner = max((_levels(root, child, seen) for child in _applied(root, schema, in_place=False)), default=0)
        seen[id(schema)] = inner + ("properties" in schema)
    return seen[id(schema)]
