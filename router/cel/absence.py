"""What becomes of a rule where a field that need not be there is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from .domain import Schema, Spot
from .outcomes import CONNECTIVES, Outcomes, connected
from .tree import Call, Elements, Fold, Literal, Member, Node, Variable, inner

Way: TypeAlias = tuple[str, ...]
"""The names that lead to a value from `input` or `output`; `[]` for any element of a list."""

_SOME: Final[Outcomes] = frozenset((True, False))
"""A value that nothing is known of, but that it is there."""
_NONE: Final[Outcomes] = frozenset((None,))
_MAY_REQUIRE: Final = frozenset(("allOf", "anyOf", "oneOf", "if", "dependentRequired", "dependentSchemas"))


@dataclass(frozen=True, slots=True)
class _Place:
    way: Way
    spot: Spot


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that a rule asks for: where it stands in the rule, and as it is written there."""

    at: int
    text: str


class Absence:
    """Looks at the trees of rules under one pair of schemas."""

    def __init__(self, input_schema: Schema, output_schema: Schema) -> None:
        schemas = {"input": input_schema, "output": output_schema}
        self._places: Mapping[str, _Place | None] = {
            name: _Place((name,), Spot(schema, schema)) for name, schema in schemas.items()
        }

    def optional(self, node: Node) -> Iterator[tuple[Way, Asked]]:
        """Find the fields that a rule asks for although their schema does not say that they are there."""
        if isinstance(node, Member) and not node.tested:
            above = self._place(node.operand)
            if above is not None and _is_optional(above.spot, node.name):
                yield (*above.way, node.name), Asked(node.at, f"{_written(node.operand)}.{node.name}")
        if isinstance(node, Fold):
            yield from self.optional(node.through)
            yield from self._in_step(node).optional(node.step)
            return
        for child in inner(node):
            yield from self.optional(child)

    def outcomes(self, node: Node, missing: Way) -> Outcomes:
        """What a rule can come to without that field; lists that it goes through have elements."""
        match node:
            case Literal(value=bool() as value):
                return frozenset((value,))
            case Member(operand=operand, name=name, tested=tested):
                above = self._place(operand)
                if above is not None and (*above.way, name) == missing:
                    return frozenset((False,)) if tested else _NONE
                return _strict([self.outcomes(operand, missing)])
            case Call(function=function) if function in CONNECTIVES:
                return connected(node, lambda part: self.outcomes(part, missing))
            case Call(arguments=nodes) | Elements(items=nodes):
                return _strict(self.outcomes(each, missing) for each in nodes)
            case Fold(through=through, step=step):
                gone_through = self.outcomes(through, missing)
                return _NONE if gone_through == _NONE else self._in_step(node).outcomes(step, missing)
            case _:
                return _SOME

    def _place(self, node: Node) -> _Place | None:
        match node:
            case Variable(name=name):
                return self._places.get(name)
            case Member(operand=operand, name=name, tested=False):
                above = self._place(operand)
                return _Place((*above.way, name), above.spot.member(name)) if above is not None else None
            case Call(function="_[_]", arguments=(through, Literal(value=int()))):
                return _element(self._place(through))
            case _:
                return None

    def _in_step(self, fold: Fold) -> Absence:
        """In a macro's step its variable stands for the list's elements."""
        within = Absence({}, {})
        within._places = {**self._places, fold.name: _element(self._place(fold.through))}
        return within


def _element(place: _Place | None) -> _Place | None:
    return _Place((*place.way, "[]"), place.spot.element(sure=False)) if place is not None else None


def _is_optional(spot: Spot, name: str) -> bool:
    """Whether an object that is there may be without a field that it lists."""
    schema, _ = spot.bare
    listed = schema.get("properties")
    if not isinstance(listed, Mapping) or name not in listed or schema.keys() & _MAY_REQUIRE:
        return False
    return name not in schema.get("required", ())


def _strict(parts: Iterable[Outcomes]) -> Outcomes:
    """What needs all of its parts."""
    found = list(parts)
    if _NONE in found:
        return _NONE
    return _SOME | (_NONE if any(None in each for each in found) else frozenset())


def _written(node: Node) -> str:
    match node:
        case Variable(name=name):
            return name
        case Member(operand=operand, name=name):
            return f"{_written(operand)}.{name}"
        case Call(function="_[_]", arguments=(through, Literal(value=value))):
            return f"{_written(through)}[{value}]"
        case _:
            return "..."
