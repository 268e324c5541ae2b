"""What is known of one pair of schemas, input and output: their types, for values and for rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from .coercion import coercion, same
from .environment import checker
from .shape import Object, Objects, Shape, read_shape


class Scope:
    """The types of one pair of schemas."""

    def __init__(self, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> None:
        self.objects: Objects = {}
        self._input = read_shape(input_schema, "input", self.objects)
        self._output = read_shape(output_schema, "output", self.objects)
        self.coerce_input = coercion(self._input, self.objects) or same
        self.coerce_output = coercion(self._output, self.objects) or same

    @cached_property
    def checker(self) -> Any:
        """CEL with the types of the schemas; lists and maps that can be null are open, CEL has no type for them."""
        return checker(self._input, self._output, self.objects)

    @cached_property
    def checker_without_null(self) -> Any | None:
        """CEL with such lists and maps typed, as if they were never null; None if there are none."""
        bare = {name: Object(o.place, {k: _bare(f) for k, f in o.fields.items()}) for name, o in self.objects.items()}
        tops = (_bare(self._input), _bare(self._output))
        if bare == self.objects and tops == (self._input, self._output):
            return None
        return checker(*tops, bare)


def _bare(shape: Shape) -> Shape:
    return Shape(shape.kind, False, shape.item and _bare(shape.item)) if shape.kind in ("list", "map") else shape


class _Same:
    """A dictionary key that stands for one very object, whatever it holds."""

    __slots__ = ("value",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


def scope_of(input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> Scope:
    """Find the scope of two schemas, made once; they are recognised by identity."""
    return _scope(_Same(input_schema), _Same(output_schema))


@lru_cache(maxsize=512)
def _scope(input_schema: _Same, output_schema: _Same) -> Scope:
    return Scope(input_schema.value, output_schema.value)
