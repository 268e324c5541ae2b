"""Whether a path leads anywhere: a dotted one (`total`, `items.0.price`) in an output, a template's in an input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from ..output import Output
from ..problem import closest
from ..schema.subschema import resolve

_Place: TypeAlias = tuple[Any, Any]
"""A schema, and the whole that its references start from."""
_Inner: TypeAlias = dict[str | None, list[_Place]]
"""What stands directly under some places: fields by name, the elements of lists under None."""

_NESTED_MAX: Final = 16
_CHOICES: Final = ("anyOf", "oneOf", "allOf")
_SCALARS: Final = frozenset(("string", "number", "integer", "boolean", "null"))
_ALIKE: Final = 0.75
"""From here on a name is another one misspelt although its object may have any."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """A path that leads nowhere, and the one that was probably meant."""

    meant: str | None


def nowhere(output: Output, field: str) -> Nowhere | None:
    """Tell of a path that no output has; None where it may lead somewhere, above all where the schema is open."""
    first, *_ = parts = field.split(".")
    if output.kind in ("labels", "text"):
        return None if first in output.required_fields else Nowhere(closest(field, output.required_fields))
    places: list[_Place] = [(output.value_schema, output.value_schema)]
    for index, part in enumerate(parts):
        if (inner := _inner(places)) is None:
            return None
        name = None if part.isdecimal() and part not in inner else part
        if name not in inner:
            return Nowhere(_meant(output, parts[:index], parts[index:], inner))
        arguments = output.tools is not None and parts[: index + 1] == ["arguments"]
        places = [(tool.parameters, tool.parameters) for tool in output.tools or ()] if arguments else inner[name]
    return None


@dataclass(frozen=True, slots=True)
class Stray:
    """A name that is not there, and the one that was probably meant; `sure` where the object can have no others."""

    meant: str | None
    sure: bool


def stray(schema: Mapping[str, Any], path: Sequence[str | None]) -> Stray | None:
    """
    Tell of a path whose last name no value under a schema has, or of one that is hardly meant; None stands for any
    element of a list. Nothing is told of what leads nowhere before its last name.
    """
    *above, last = path
    places: list[_Place] = [(schema, schema)]
    for part in above:
        if (inner := _inner(places)) is None or part not in inner:
            return None
        places = inner[part]
    inner = _inner(places)
    if inner is None or last is None or last in inner:
        return None
    names = [name for name in inner if name is not None]
    if all(_is_closed(choice) for place in places for choice, _ in _choices(place, _NESTED_MAX)):
        return Stray(closest(last, names), sure=True)
    near = get_close_matches(last, names, n=1, cutoff=_ALIKE)
    return Stray(near[0], sure=False) if near else None


def _is_closed(schema: Mapping[str, Any]) -> bool:
    """Whether a value under a schema can have no names but those that it lists."""
    return "properties" not in schema or schema.get("additionalProperties") is False


def _meant(output: Output, above: list[str], rest: list[str], inner: _Inner) -> str | None:
    """A path with the wrong part put right, as far as it leads somewhere; in a list its first element."""
    part = "0" if None in inner else closest(rest[0], [name for name in inner if name is not None])
    if part is None:
        return None
    way = ".".join((*above, part, *(rest if None in inner else rest[1:])))
    return way if nowhere(output, way) is None else ".".join((*above, part))


def _inner(places: Iterable[_Place]) -> _Inner | None:
    """What may stand under the places together; None where one of them leaves that open."""
    inner: _Inner = {}
    for schema, root in (each for place in places for each in _choices(place, _NESTED_MAX)):
        if (here := _children(schema)) is None:
            return None
        for name, child in here.items():
            inner.setdefault(name, []).append((child, root))
    return inner


def _choices(place: _Place, levels: int) -> Iterator[_Place]:
    """The schemas that a value at a place may have, references followed."""
    schema, root = place
    if not levels or not isinstance(schema, Mapping):
        yield {}, root
    elif isinstance(schema.get("$ref"), str):
        yield from _choices((resolve(root, schema["$ref"]), root), levels - 1)
    elif choices := [choice for key in _CHOICES for choice in schema.get(key, ())]:
        if "properties" in schema:
            yield schema, root
        for choice in choices:
            yield from _choices((choice, root), levels - 1)
    else:
        yield schema, root


def _children(schema: Mapping[str, Any]) -> Mapping[str | None, Any] | None:
    """The schemas of an object's fields, or under None that of a list's elements; None where that is open."""
    types = schema.get("type", [])
    names = {types} if isinstance(types, str) else set(types)
    if isinstance(schema.get("properties"), Mapping) and "patternProperties" not in schema:
        return schema["properties"]  # type: ignore[no-any-return]  # JSON Schema: names to schemas
    if names and names <= _SCALARS:
        return {}
    if "items" in schema and "prefixItems" not in schema:
        return {None: schema["items"]}
    return None
