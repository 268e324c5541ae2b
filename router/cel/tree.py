"""The tree of a checked rule, as far as lint looks into it; CEL's checker hands it out as protobuf bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

from .scope import Scope


class _Kind(IntEnum):
    """The numbers of the kinds of `cel.expr.Expr`: cel-spec, proto/cel/expr/syntax.proto."""

    CONST = 3
    IDENT = 4
    SELECT = 5
    CALL = 6
    LIST = 7
    FOLD = 9


class _Constant(IntEnum):
    """The numbers of the kinds of `cel.expr.Constant`."""

    NULL = 1
    BOOL = 2
    INT = 3
    UINT = 4
    DOUBLE = 5
    STRING = 6


_ANY_VALUE: Final = 2
_CHECKED_EXPR, _CHECKED_SOURCE = 4, 5  # of cel.expr.CheckedExpr
_SOURCE_POSITIONS: Final = 4  # of cel.expr.SourceInfo
_EXPR_ID: Final = 2
_TWO_TO_64: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant that stands in the rule; `at` is its offset in the text."""

    value: bool | int | float | str | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """`input`, `output`, or what a macro such as `all` goes through."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`operand.name`, or `has(operand.name)` where it is `tested`."""

    operand: Node
    name: str
    tested: bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator by CEL's name for it (`_&&_`); a method's object is the first argument."""

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Elements:
    """A list that is written out."""

    items: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Fold:
    """A macro that goes through a list (`all`, `exists`, `map`, ...): each element is called `name` within `step`."""

    name: str
    through: Node
    step: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that lint has nothing to say about."""

    at: int = field(default=0, compare=False)


Node: TypeAlias = Literal | Variable | Member | Call | Elements | Fold | Opaque


def tree_of(source: str, scope: Scope) -> Node:
    """Read the tree of a rule that compiles under *scope*."""
    checked = _last(scope.checker.compile(source).serialize(), _ANY_VALUE)
    positions = _all(_last(checked, _CHECKED_SOURCE), _SOURCE_POSITIONS)
    return _Reader({_last(entry, 1): _last(entry, 2) or 0 for entry in positions}).node(_last(checked, _CHECKED_EXPR))


def inner(node: Node) -> tuple[Node, ...]:
    """The nodes directly under one."""
    match node:
        case Member(operand=operand):
            return (operand,)
        case Call(arguments=nodes) | Elements(items=nodes):
            return nodes
        case Fold(through=through, step=step):
            return through, step
        case _:
            return ()


class _Reader:
    """Reads nodes; *places* are offsets in the text by the ids of nodes."""

    def __init__(self, places: Mapping[int, int]) -> None:
        self._places = places

    def node(self, data: bytes) -> Node:
        at = self._places.get(_last(data, _EXPR_ID), 0)
        for number, value in _fields(data):
            match number:
                case _Kind.CONST:
                    return Literal(_constant(value), at)
                case _Kind.IDENT:
                    return Variable(_text(value, 1), at)
                case _Kind.SELECT:
                    return Member(self.node(_last(value, 1)), _text(value, 2), bool(_last(value, 3)), at)
                case _Kind.CALL:
                    return Call(_text(value, 2), (*self._nodes(value, 1), *self._nodes(value, 3)), at)
                case _Kind.LIST:
                    return Elements(self._nodes(value, 1), at)
                case _Kind.FOLD:
                    return Fold(_text(value, 1), self.node(_last(value, 2)), self.node(_last(value, 6)), at)
        return Opaque(at)

    def _nodes(self, data: bytes, wanted: int) -> tuple[Node, ...]:
        return tuple(self.node(item) for item in _all(data, wanted))


def _constant(data: bytes) -> bool | int | float | str | None:
    for number, value in _fields(data):
        match number:
            case _Constant.BOOL:
                return bool(value)
            case _Constant.INT:
                return int(value - _TWO_TO_64 if value >= _TWO_TO_64 // 2 else value)
            case _Constant.UINT:
                return int(value)
            case _Constant.DOUBLE:
                return float(struct.unpack("<d", value)[0])
            case _Constant.STRING:
                return str(value, "utf-8")
    return None


def _text(data: bytes, wanted: int) -> str:
    value = _last(data, wanted)
    return value.decode() if isinstance(value, bytes) else ""


def _last(data: bytes, wanted: int) -> Any:
    """The last value of a field, None where it is not there."""
    return next(reversed(_all(data, wanted)), None)


def _all(data: bytes, wanted: int) -> list[Any]:
    return [value for number, value in _fields(data) if number == wanted]


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message: integers for varints, bytes for everything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1:
                yield key >> 3, data[at : at + 8]
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case _:
                yield key >> 3, data[at : at + 4]
                at += 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
