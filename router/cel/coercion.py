"""Values in the number types of their schema; what does not meet its schema is passed on as it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from ..jsontext import INT_MAX, INT_MIN
from .shape import Objects, Shape

Coercion: TypeAlias = Callable[[Any], Any]


def coercion(shape: Shape | None, objects: Objects) -> Coercion | None:
    """The function that gives a value its schema's number types; None where there is nothing to do."""
    by_name: dict[str, Coercion] = {}

    def of(shape: Shape | None) -> Coercion | None:
        match shape:
            case Shape(kind="double"):
                return _as_double
            case Shape(kind="int"):
                return _as_int
            case Shape(kind="list", item=item) if inner := of(item):
                return partial(_with_elements, inner)
            case Shape(kind="map", item=item) if inner := of(item):
                return partial(_with_members, inner)
            case Shape(kind="object", name=name):
                return by_name.get(name) or of_object(name)
            case Shape(kind="any"):
                return _without_huge
        return None

    def of_object(name: str) -> Coercion:
        fields: list[tuple[str, Coercion]] = []
        by_name[name] = partial(_with_fields, fields)  # before its fields are known: they may refer to it
        fields += [(key, inner) for key, field in objects[name].fields.items() if (inner := of(field))]
        return by_name[name]

    return of(shape)


def _with_elements(coerce: Coercion, value: Any) -> Any:
    return list(map(coerce, value)) if type(value) is list else value


def _with_members(coerce: Coercion, value: Any) -> Any:
    return {key: coerce(member) for key, member in value.items()} if type(value) is dict else value


def _with_fields(fields: list[tuple[str, Coercion]], value: Any) -> Any:
    if type(value) is not dict:
        return value
    changed = value
    for key, coerce in fields:
        if key in value and (new := coerce(old := value[key])) is not old:
            changed = value.copy() if changed is value else changed
            changed[key] = new
    return changed


def _as_double(value: Any) -> Any:
    if type(value) is not int:
        return value
    try:
        return float(value)
    except OverflowError:
        return value


def _as_int(value: Any) -> Any:
    if type(value) is int:
        return value if INT_MIN <= value <= INT_MAX else _as_double(value)
    return int(value) if type(value) is float and value.is_integer() and abs(value) < INT_MAX else value


def _without_huge(value: Any) -> Any:
    """Where the schema leaves things open, only integers that CEL could not hold are changed."""
    kind = type(value)
    if kind is int:
        return _as_int(value)
    if kind is list:
        return list(map(_without_huge, value))
    if kind is dict:
        return {key: _without_huge(member) for key, member in value.items()}
    return value


def same(value: Any) -> Any:
    """Change nothing."""
    return value
