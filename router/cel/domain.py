"""What a schema lets a value be: one of some values, or a number within bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..schema.subschema import resolve

Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Domain:
    """
    The values that may be at a place: `values` where they can be counted, else numbers from `low` to `high` (`number`),
    else anything. `null`: null is one of them. `sure`: asking for the value never fails.
    """

    values: tuple[Any, ...] | None = None
    number: bool = False
    low: float = -math.inf
    high: float = math.inf
    null: bool = False
    sure: bool = True

    @property
    def known(self) -> bool:
        return self.values is not None or self.number


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a value with its schema; `root` is the whole that its references start from."""

    schema: Schema
    root: Schema
    sure: bool = True

    @property
    def bare(self) -> tuple[Schema, bool]:
        """The schema without references and an `anyOf` with null, and whether null is allowed by one."""
        schema, null = self.schema, False
        for _ in range(16):
            if isinstance(schema.get("$ref"), str) and len(schema) == 1:
                schema = _as_schema(resolve(self.root, schema["$ref"]))
            elif "anyOf" in schema and len(branches := _not_null(schema["anyOf"])) == 1:
                schema, null = _as_schema(branches[0]), True
            else:
                return schema, null
        return {}, False

    def member(self, name: str) -> Spot:
        schema, null = self.bare
        properties = schema.get("properties")
        inner = properties.get(name) if isinstance(properties, Mapping) else None
        there = schema.get("type") == "object" and name in schema.get("required", ()) and not null
        return Spot(_as_schema(inner), self.root, self.sure and there)

    def element(self, *, sure: bool) -> Spot:
        schema, _ = self.bare
        items = None if "prefixItems" in schema else schema.get("items")
        return Spot(_as_schema(items), self.root, self.sure and sure)

    @property
    def is_list(self) -> bool:
        schema, null = self.bare
        return schema.get("type") == "array" and not null

    def has(self, name: str) -> bool | None:
        """Whether an object at this spot has that member; None where it may or may not."""
        return True if self.member(name).sure else None

    def domain(self) -> Domain:
        schema, null = self.bare
        types = schema.get("type")
        names = [types] if isinstance(types, str) else list(types or ())
        null = null or "null" in names
        return replace(_domain(schema, {*names} - {"null"}, null), sure=self.sure)

    def size(self) -> Domain:
        """How long a text or a list is."""
        schema, null = self.bare
        least, most = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(
            str(schema.get("type")), ("", "")
        )
        if null or not least:
            return Domain(number=True, low=0.0, sure=False)
        return Domain(number=True, low=schema.get(least, 0), high=schema.get(most, math.inf), sure=self.sure)


def _domain(schema: Schema, types: set[str], null: bool) -> Domain:
    if "const" in schema:
        return _counted([schema["const"]], null)
    if isinstance(schema.get("enum"), list):
        return _counted([value for value in schema["enum"] if null or value is not None or not types], null)
    if types == {"boolean"}:
        return Domain(values=(True, False), null=null)
    if types and types <= {"number", "integer"} and not schema.keys() & {"allOf", "oneOf", "anyOf", "if", "not"}:
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
        return Domain(number=True, low=low, high=high, null=null)
    return Domain(null=null or not types)


def _counted(values: list[Any], null: bool) -> Domain:
    return Domain(values=tuple(v for v in values if v is not None), null=null or None in values)


def _not_null(branches: Any) -> list[Any]:
    """The alternatives beside null, where null is one; else nothing that helps."""
    if not isinstance(branches, list) or {"type": "null"} not in branches:
        return []
    return [branch for branch in branches if branch != {"type": "null"}]


def _as_schema(schema: Any) -> Schema:
    return schema if isinstance(schema, Mapping) else {}
