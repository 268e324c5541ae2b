"""Shapes: what a JSON Schema says about types, as far as CEL can use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ..schema.subschema import resolve

Kind: TypeAlias = Literal["any", "bool", "int", "double", "string", "list", "map", "object"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value: `item` is that of a list's or map's elements, `name` that of an object in `Objects`."""

    kind: Kind
    nullable: bool = False
    item: Shape | None = None
    name: str = ""

    def or_null(self) -> Shape:
        """The same, or null."""
        return Shape(self.kind, True, self.item, self.name)


@dataclass(frozen=True, slots=True)
class Object:
    """An object with known fields; `place` says where it stands, for people: `output.items[]`."""

    place: str
    fields: dict[str, Shape]


Objects: TypeAlias = dict[str, Object]
UNKNOWN: Final = Shape("any")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELDS_MAX: Final = 2_000  # protobuf refuses messages of more than some 4,000 fields
_KINDS: Final[dict[str, Kind]] = {
    "boolean": "bool",
    "integer": "int",
    "number": "double",
    "string": "string",
    "array": "list",
    "object": "object",
}


def read_shape(schema: Mapping[str, Any], place: str, objects: Objects) -> Shape:
    """Read the shape of a whole schema; the objects within it are added to *objects*."""
    return _Reader(schema, objects).read({"$ref": "#"}, place)


class _Reader:
    """Reads the shapes out of one schema. What CEL cannot type (unions, tuples) becomes `any`."""

    def __init__(self, root: Mapping[str, Any], objects: Objects) -> None:
        self._root = root
        self._objects = objects
        self._known: dict[str, Shape] = {}

    def read(self, schema: Any, place: str) -> Shape:
        if not isinstance(schema, Mapping):
            return UNKNOWN
        if isinstance(schema.get("$ref"), str):
            return self._once(schema["$ref"], resolve(self._root, schema["$ref"]), place)
        if "allOf" in schema:
            return self._once(f"allOf {id(schema)}", schema, place)
        return self._read(schema, place)

    def _once(self, key: str, schema: Any, place: str) -> Shape:
        """Read what may contain itself: within itself it is known by its name, or unknown."""
        if key not in self._known:
            self._known[key] = UNKNOWN
            self._known[key] = self._read(self._merged(schema, 16), place, key)
        return self._known[key]

    def _read(self, schema: Mapping[str, Any], place: str, key: str | None = None) -> Shape:
        one_of = schema.get("anyOf", schema.get("oneOf"))
        if one_of and "type" not in schema and "properties" not in schema:
            shapes = [self.read(alternative, place) for alternative in one_of if not _is_null(alternative)]
            return _union(shapes, nullable=len(shapes) < len(one_of))
        kind, nullable = _kind(schema)
        shape = self._container(kind, schema, place, key)
        return shape.or_null() if nullable else shape

    def _container(self, kind: Kind, schema: Mapping[str, Any], place: str, key: str | None) -> Shape:
        if kind == "list":
            return Shape("list", item=self.read({} if "prefixItems" in schema else schema.get("items"), f"{place}[]"))
        if kind != "object":
            return Shape(kind)
        if _has_known_fields(schema):
            return self._object(schema, place, key)
        named = schema.keys() & {"properties", "patternProperties"}
        values = None if named else schema.get("additionalProperties")
        return Shape("map", item=self.read(values, f"{place}[]"))

    def _object(self, schema: Mapping[str, Any], place: str, key: str | None) -> Shape:
        shape = Shape("object", name=f"O{len(self._objects)}")
        fields: dict[str, Shape] = {}
        self._objects[shape.name] = Object(place, fields)
        if key is not None:
            self._known[key] = shape  # before its fields are read: they may refer to it
        fields.update({name: self.read(field, f"{place}.{name}") for name, field in schema["properties"].items()})
        return shape

    def _merged(self, schema: Any, levels: int) -> Mapping[str, Any]:
        """Take references and `allOf` as one schema; good enough for types."""
        if not isinstance(schema, Mapping) or not levels:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._merged(resolve(self._root, schema["$ref"]), levels - 1)
        merged: dict[str, Any] = {key: schema[key] for key in schema if key != "allOf"}
        for part in schema.get("allOf", ()):
            more = self._merged(part, levels - 1)
            properties = {**more.get("properties", {}), **merged.get("properties", {})}
            merged = {**more, **merged, **({"properties": properties} if properties else {})}
        return merged


def _kind(schema: Mapping[str, Any]) -> tuple[Kind, bool]:
    """The kind that `type` (or what stands for it) names, and whether null is one of the choices."""
    types = schema.get("type", _implied_types(schema))
    names = set([types] if isinstance(types, str) else types)
    kinds = {_KINDS.get(name, "any") for name in names - {"null"}}
    if kinds == {"int", "double"}:
        kinds = {"double"}
    kind = kinds.pop() if len(kinds) == 1 else "any"
    return kind, "null" in names


def _implied_types(schema: Mapping[str, Any]) -> list[str]:
    if "const" in schema or "enum" in schema:
        return [_JSON_TYPES[type(value)] for value in schema.get("enum", [schema.get("const")])]
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else []


_JSON_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("const", 0) is None)


def _union(shapes: list[Shape], *, nullable: bool) -> Shape:
    shape = shapes[0] if shapes and all(other == shapes[0] for other in shapes) else UNKNOWN
    return shape.or_null() if nullable else shape


def _has_known_fields(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or "patternProperties" in schema:
        return False
    return 0 < len(properties) <= _FIELDS_MAX and all(map(_FIELD.fullmatch, properties))
