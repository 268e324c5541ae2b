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
_CONDITIONAL: Final = ("then", "else")
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


def names_of(schema: Mapping[str, Any]) -> list[str] | None:
    """The fields that an object may have as far as its schema names them; None where that is left open."""
    inner = _inner([(schema, schema)]) if "properties" in schema else None
    return [name for name in inner if name is not None] if inner is not None else None


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
    choices = (choice for place in places for choice in _choices(place, _NESTED_MAX))
    for schema, root in {id(choice): (choice, root) for choice, root in choices}.values():  # they may meet again
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
    else:
        choices = [choice for key in _CHOICES for choice in schema.get(key, ())]
        if isinstance(schema.get("$ref"), str):
            choices.append(resolve(root, schema["$ref"]))
        if "properties" in schema or not choices:
            yield schema, root
        for choice in choices:
            inner = _choices((choice, root), levels - 1)
            yield from filter(_names_some, inner) if "properties" in schema else inner
        for more in (*(schema[key] for key in _CONDITIONAL if key in schema), *_dependent(schema)):
            yield from filter(_names_some, _choices((more, root), levels - 1))


def _dependent(schema: Mapping[str, Any]) -> Iterable[Any]:
    """What an object must be under where it has some field."""
    dependent: Mapping[str, Any] = schema.get("dependentSchemas", {})
    return dependent.values()


def _names_some(choice: _Place) -> bool:
    """Whether a schema beside others has fields or elements of its own, and not only some that it requires."""
    schema, _ = choice
    return bool(schema.keys() & {"properties", "items", "prefixItems"}) or _takes_more(schema)


def _children(schema: Mapping[str, Any]) -> Mapping[str | None, Any] | None:
    """The schemas of an object's fields, and under None that of a list's elements; None where that is open."""
    types = schema.get("type", [])
    names = {types} if isinstance(types, str) else set(types)
    elements: dict[str | None, Any] = (
        {None: schema["items"]} if "items" in schema and "prefixItems" not in schema else {}
    )
    if isinstance(schema.get("properties"), Mapping):
        return None if _takes_more(schema) else {**schema["properties"], **elements}
    if names and names <= _SCALARS:
        return {}
    return elements if elements and names and names <= _SCALARS | {"array"} else None


def _takes_more(schema: Mapping[str, Any]) -> bool:
    """Whether a schema says by itself that there may be fields beside those that it lists."""
    return "patternProperties" in schema or schema.get("additionalProperties", False) is not False
