"""What a rule can come to under its schemas: true, false, or no answer. Never claims less than is possible."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeAlias

from .domain import Domain, Schema, Spot
from .tree import Call, Elements, Fold, Literal, Member, Node, Variable, inner

Outcomes: TypeAlias = frozenset[bool | None]
"""Those of True, False and None (it cannot be evaluated) that are possible."""

ANY: Final[Outcomes] = frozenset((True, False, None))
_TRUE: Final[Outcomes] = frozenset((True,))
_FALSE: Final[Outcomes] = frozenset((False,))
_UNTOLD: Final[Outcomes] = frozenset((None,))
CONNECTIVES: Final = frozenset(("!_", "_&&_", "_||_", "_?_:_"))
"""What makes one answer of others."""
_PAIRS_MAX: Final = 10_000
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_KINDS: Final[Mapping[type, type]] = {int: float}
_TURNED: Final = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A value that a place is compared with although its schema never lets it be there."""

    literal: Literal
    known: tuple[Any, ...]


class Analysis:
    """Looks at the trees of rules under one pair of schemas."""

    def __init__(self, input_schema: Schema, output_schema: Schema) -> None:
        self._spots = {"input": Spot(input_schema, input_schema), "output": Spot(output_schema, output_schema)}

    def outcomes(self, node: Node) -> Outcomes:
        """What a rule that is true or false can come to."""
        match node:
            case Literal(value=bool() as value):
                return frozenset((value,))
            case Member(tested=True):
                return self._presence(node)
            case Call(function=function) if function in CONNECTIVES:
                return connected(node, self.outcomes)
            case Call(function="@in", arguments=(one, Elements(items=items))):
                return self._membership(one, items)
            case Call(function=function, arguments=(left, right)) if function in _COMPARISONS:
                return self._comparison(function, left, right)
            case Variable() | Member():
                return self._truth(self._domain(node))
            case _:
                return ANY

    def foreign(self, node: Node) -> Iterator[Foreign]:
        """Find every value that a counted place is compared with and never has."""
        match node:
            case Call(function="_==_" | "_!=_", arguments=(left, right)):
                yield from self._foreign(left, right)
                yield from self._foreign(right, left)
            case Call(function="@in", arguments=(one, Elements(items=items))):
                for item in items:
                    yield from self._foreign(one, item)
        for child, analysis in self._within(node):
            yield from analysis.foreign(child)

    def _within(self, node: Node) -> Iterator[tuple[Node, Analysis]]:
        """The nodes under one; in a macro's step its variable stands for the list's elements."""
        match node:
            case Fold(name=name, through=through, step=step):
                yield through, self
                spot = self._spot(through)
                yield step, self._with(name, spot.element(sure=True) if spot is not None and spot.is_list else None)
            case _:
                yield from ((child, self) for child in inner(node))

    def never(self, node: Node) -> Iterator[Call]:
        """Find the comparisons of numbers that can never be true, outside of what is already never true."""
        for child, analysis in self._within(node):
            if isinstance(child, Call) and child.function in _COMPARISONS and True not in analysis.outcomes(child):
                if not list(analysis.foreign(child)):
                    yield child
            else:
                yield from analysis.never(child)

    def _with(self, name: str, spot: Spot | None) -> Analysis:
        changed = Analysis({}, {})
        changed._spots = {**self._spots, name: spot if spot is not None else Spot({}, {}, False)}
        return changed

    def _spot(self, node: Node) -> Spot | None:
        match node:
            case Variable(name=name):
                return self._spots.get(name)
            case Member(operand=operand, name=name, tested=False):
                spot = self._spot(operand)
                return spot.member(name) if spot is not None else None
            case Call(function="_[_]", arguments=(through, Literal(value=int()))):
                spot = self._spot(through)
                return spot.element(sure=False) if spot is not None else None
            case _:
                return None

    def _domain(self, node: Node) -> Domain:
        match node:
            case Literal(value=None):
                return Domain(values=(), null=True)
            case Literal(value=value):
                return Domain(values=(value,))
            case Call(function="size", arguments=(one,)):
                spot = self._spot(one)
                return spot.size() if spot is not None else Domain(number=True, low=0.0, sure=False)
            case Call(function="double" | "int", arguments=(Literal(value=int() | float() as value),)):
                return Domain(values=(value,))
            case _:
                spot = self._spot(node)
                return spot.domain() if spot is not None else Domain(null=True, sure=False)

    def _presence(self, node: Member) -> Outcomes:
        spot = self._spot(node.operand)
        if spot is None or not spot.sure:
            return ANY
        return _TRUE if spot.has(node.name) else frozenset((True, False))

    def _truth(self, domain: Domain) -> Outcomes:
        if domain.values is None or domain.null:
            return ANY
        found = frozenset(value if isinstance(value, bool) else None for value in domain.values)
        return found | (frozenset() if domain.sure else _UNTOLD)

    def _membership(self, one: Node, items: tuple[Node, ...]) -> Outcomes:
        domain = self._domain(one)
        listed = [item.value for item in items if isinstance(item, Literal)]
        unsure: Outcomes = frozenset() if domain.sure else _UNTOLD
        if domain.values is not None and not domain.null and len(listed) == len(items):
            if not _of_one_kind((*domain.values, *listed)):
                return ANY
            return frozenset(value in listed for value in domain.values) | unsure
        found = _FALSE | unsure
        for item in items:
            found = _either(found, self._comparison("_==_", one, item))
        return found

    def _comparison(self, function: str, left: Node, right: Node) -> Outcomes:
        one, other = self._domain(left), self._domain(right)
        unsure: Outcomes = frozenset() if one.sure and other.sure else _UNTOLD
        if left == right and self._spot(left) is not None:
            same = _TRUE if function in ("_==_", "_<=_", "_>=_") else _FALSE
            return same | unsure | (_UNTOLD if one.null and function in _TURNED else frozenset())
        if not one.known or not other.known:
            return frozenset((True, False)) | unsure | (_UNTOLD if function in _TURNED else frozenset())
        return _compared(function, one, other) | unsure

    def _foreign(self, place: Node, value: Node) -> Iterator[Foreign]:
        if not isinstance(value, Literal) or value.value is None or isinstance(place, Literal):
            return
        domain = self._domain(place)
        if domain.values is not None and not isinstance(value.value, bool) and value.value not in domain.values:
            yield Foreign(value, domain.values)


def _compared(function: str, one: Domain, other: Domain) -> Outcomes:
    with_null = one.null or other.null
    found: set[bool | None] = set()
    if with_null and function in _TURNED:
        found.add(None)
    elif with_null:
        equal = {True} if one.null and other.null else set()
        equal |= {False} if _some(one) or _some(other) else set()
        found |= {value if function == "_==_" else not value for value in equal}
    if one.values is not None and other.values is not None:
        return frozenset(found | _pairs(_COMPARISONS[function], one.values, other.values))
    if one.values is not None:
        one, other, function = other, one, _TURNED.get(function, function)
    return frozenset(found | _bounded(function, one, other))


def _some(domain: Domain) -> bool:
    """True where the value may be something beside null."""
    return domain.values is None or bool(domain.values)


def _pairs(compare: Callable[[Any, Any], bool], one: tuple[Any, ...], other: tuple[Any, ...]) -> Outcomes:
    if len(one) * len(other) > _PAIRS_MAX or not _of_one_kind((*one, *other)):
        return ANY
    return frozenset(compare(left, right) for left, right in product(one, other))


def _of_one_kind(values: Sequence[Any]) -> bool:
    """True for texts alone, numbers alone, truth values alone: Python would take True for 1, CEL does not."""
    return len({_KINDS.get(type(value), type(value)) for value in values}) <= 1


def _bounded(function: str, one: Domain, other: Domain) -> set[bool | None]:
    """A number within bounds, compared with numbers that are counted or within bounds themselves."""
    low, high = other.low, other.high
    if other.values is not None:
        numbers = [value for value in other.values if isinstance(value, int | float)]
        if len(numbers) < len(other.values):
            return {True, False}
        if not numbers:
            return set()
        low, high = min(numbers), max(numbers)
    return {value for value, possible in _possible(function, (one.low, one.high), (low, high)) if possible}


def _possible(
    function: str, one: tuple[float, float], other: tuple[float, float]
) -> tuple[tuple[bool, bool], tuple[bool, bool]]:
    """Whether the comparison of two ranges can be true, and whether it can be false; open ends count as closed ones."""
    (low, high), (other_low, other_high) = one, other
    apart = high < other_low or low > other_high
    same = low == high == other_low == other_high and math.isfinite(low)
    match function:
        case "_==_":
            return (True, not apart), (False, not same)
        case "_!=_":
            return (True, not same), (False, not apart)
        case "_<_":
            return (True, low < other_high), (False, high >= other_low)
        case "_<=_":
            return (True, low <= other_high), (False, high > other_low)
        case "_>_":
            return (True, high > other_low), (False, low <= other_high)
        case _:
            return (True, high >= other_low), (False, low < other_high)


def connected(node: Call, outcomes: Callable[[Node], Outcomes]) -> Outcomes:
    """What one of the `CONNECTIVES` comes to, of what its parts come to."""
    match node.function, node.arguments:
        case "!_", (one,):
            return _opposite(outcomes(one))
        case "_&&_", (left, right):
            return _both(outcomes(left), outcomes(right))
        case "_||_", (left, right):
            return _either(outcomes(left), outcomes(right))
        case "_?_:_", (condition, yes, no):
            chosen = outcomes(condition)
            found = chosen & _UNTOLD
            for value, branch in ((True, yes), (False, no)):
                found |= outcomes(branch) if value in chosen else frozenset()
            return found
        case _:
            raise AssertionError(f"{node.function} connects nothing")


def _both(left: Outcomes, right: Outcomes) -> Outcomes:
    """CEL's `&&`: false wins over what has no answer."""
    found: set[bool | None] = set()
    for one, other in product(left, right):
        found.add(False if one is False or other is False else None if one is None or other is None else True)
    return frozenset(found)


def _either(left: Outcomes, right: Outcomes) -> Outcomes:
    return _opposite(_both(_opposite(left), _opposite(right)))


def _opposite(outcomes: Outcomes) -> Outcomes:
    return frozenset(None if value is None else not value for value in outcomes)
