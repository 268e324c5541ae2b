"""OpenAI's strict structured outputs: what they would refuse in a schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .subschema import JsonSchema, applied, subschemas
from .validator import SchemaProblem
from .words import brief, listed

_KEYWORDS: Final = frozenset(
    (
        *("type", "enum", "const", "anyOf", "properties", "required", "additionalProperties", "items", "pattern"),
        *("format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"),
        *("$ref", "$defs", "definitions", "title", "description", "$schema", "$id", "$comment"),
    )
)
_FORMATS: Final = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"))


def strict_mode_problems(schema: JsonSchema) -> list[SchemaProblem]:
    """List what OpenAI's strict structured outputs would refuse in a sound schema (their guide, February 2026)."""
    if not isinstance(schema, dict):
        return [SchemaProblem((), "strict mode needs a schema that is an object")]
    problems = list(_root_problems(schema))
    for path, subschema in subschemas(schema):
        problems += [SchemaProblem(path, message) for message in _messages(subschema)]
    return problems + [SchemaProblem((), message) for message in _total_messages(schema)]


def _root_problems(schema: Mapping[str, Any]) -> Iterator[SchemaProblem]:
    if schema.get("type") != "object":
        yield SchemaProblem((), "strict mode needs `type: object` at the root")
    if "anyOf" in schema:
        yield SchemaProblem(("anyOf",), "strict mode allows no anyOf at the root; put it under a property")


def _messages(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword in sorted(schema.keys() - _KEYWORDS):
        yield f"strict mode does not support {keyword}"
    if "$ref" in schema and schema.keys() - {"$ref", "$defs", "definitions"}:
        yield "strict mode wants `$ref` to stand alone"
    if not schema.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        yield "strict mode needs a `type`"
    if schema.get("format", "date") not in _FORMATS:
        yield f"strict mode does not know the format {brief(schema['format'])}"
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    if "array" in types and "items" not in schema:
        yield "strict mode needs `items` in an array"
    if "object" in types:
        yield from _object_messages(schema)
    if message := _enum_message(schema.get("enum", [])):
        yield message


def _object_messages(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield "strict mode needs `additionalProperties: false`"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if "properties" not in schema:
        yield "strict mode needs `properties` in an object, `{}` where it has none"
    if optional := [name for name in properties if name not in required]:
        yield f"strict mode needs {listed(optional)} under `required` (allow null for what may be absent)"
    if unknown := [name for name in required if name not in properties]:
        yield f"strict mode wants no {listed(unknown)} under `required`, which `properties` lack"


def _enum_message(values: list[Any]) -> str | None:
    size = sum(len(value) for value in values if isinstance(value, str))
    if len(values) > 250 and size > 15_000:
        return f"strict mode allows 15,000 characters in an enum of more than 250 values, here are {size:,}"
    return None


def _total_messages(schema: dict[str, Any]) -> Iterator[str]:
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
        inner = max((_levels(root, child, seen) for child in applied(root, schema, in_place=False)), default=0)
        seen[id(schema)] = inner + ("properties" in schema)
    return seen[id(schema)]
