"""The schemas within a JSON Schema, and the way to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from ..jsontext import Path

JsonSchema: TypeAlias = dict[str, Any] | bool

_HOLDS_ONE: Final = (
    *("additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_HOLDS_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_HOLDS_NAMED: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_IN_PLACE: Final = frozenset(("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"))
_NOT_APPLIED: Final = frozenset(("$defs", "definitions"))


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


def applied(root: JsonSchema, schema: Mapping[str, Any], *, in_place: bool) -> Iterator[Any]:
    """Yield the schemas that a schema applies, its `$ref` followed: all, or those that look at the same value."""
    if "$ref" in schema:
        yield resolve(root, schema["$ref"])
    for keys, child in _children(schema):
        if keys[0] in _IN_PLACE if in_place else keys[0] not in _NOT_APPLIED:
            yield child
