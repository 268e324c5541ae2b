"""What a template looks at within the fields of its input, also by the names that its loops give to elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from jinja2 import nodes

from ..template import parsed

_Way: TypeAlias = tuple[str | None, ...]
"""The names that lead to a value from the input, None for any element of a list."""
_Names: TypeAlias = Mapping[str, _Way | None]
"""What a loop's names stand for; None for what nobody can tell."""

_SAME_ELEMENTS: Final = frozenset(
    ("turns", "default", "d", "list", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique")
)
_ONE_ELEMENT: Final = frozenset(("first", "last"))


@dataclass(frozen=True, slots=True)
class Look:
    """A member that a template asks for, by its `path` from the input; `dotted` where it is written after a dot."""

    path: _Way
    dotted: bool
    line: int

    @property
    def is_method(self) -> bool:
        """Whether Jinja takes it for a method of the object: `order.items`, whatever fields that has."""
        return self.dotted and hasattr(dict, str(self.path[-1]))

    @property
    def said(self) -> str:
        """The path as people read it: `ticket.lines[].who`."""
        return "".join("[]" if part is None else f".{part}" for part in self.path).lstrip(".")


def looks(source: str) -> Iterator[Look]:
    """Walk a template and tell of each member that it asks for, the inner ones last. Raises: PromptInvalid."""
    yield from _looks(parsed(source), {})


def _looks(node: nodes.Node, names: _Names) -> Iterator[Look]:
    match node:
        case nodes.For():
            yield from _looks_of_loop(node, names)
            return
        case nodes.Call(node=nodes.Getattr(node=owner)):  # a method is no member
            for child in (owner, *node.args, *node.kwargs):
                yield from _looks(child, names)
            return
        case nodes.Getattr() | nodes.Getitem():
            way = _way(node, names)
            if way is not None and len(way) > 1 and way[-1] is not None:
                yield Look(way, isinstance(node, nodes.Getattr), node.lineno)
        case _:
            pass
    for child in node.iter_child_nodes():
        yield from _looks(child, names)


def _looks_of_loop(loop: nodes.For, names: _Names) -> Iterator[Look]:
    yield from _looks(loop.iter, names)
    through = _way(loop.iter, names)
    element = (*through, None) if through is not None and isinstance(loop.target, nodes.Name) else None
    target = [loop.target] if isinstance(loop.target, nodes.Name) else loop.target.find_all(nodes.Name)
    within = {**names, **{name.name: element for name in target}, "loop": None}
    for child in (*([loop.test] if loop.test is not None else ()), *loop.body):
        yield from _looks(child, within)
    for child in loop.else_:
        yield from _looks(child, names)


def _way(node: nodes.Node, names: _Names) -> _Way | None:
    """What an expression stands for, where that is a part of the input."""
    match node:
        case nodes.Name(name=name):
            return names.get(name, (name,))
        case nodes.Getattr(node=owner, attr=part) | nodes.Getitem(node=owner, arg=nodes.Const(value=str() as part)):
            return _under(_way(owner, names), part)
        case nodes.Getitem(node=owner, arg=nodes.Const(value=int())):
            return _under(_way(owner, names), None)
        case nodes.Getitem(node=owner, arg=nodes.Slice()):
            return _way(owner, names)
        case nodes.Filter(name="default" | "d", args=args, kwargs=named) if _name_something((*args, *named)):
            return None  # another part of the input may stand in
        case nodes.Filter(name=name, node=nodes.Node() as through) if name in _SAME_ELEMENTS:
            return _way(through, names)
        case nodes.Filter(name=name, node=nodes.Node() as through) if name in _ONE_ELEMENT:
            return _under(_way(through, names), None)
        case _:
            return None


def _name_something(arguments: Iterable[nodes.Node]) -> bool:
    return any(isinstance(each, nodes.Name) or each.find(nodes.Name) is not None for each in arguments)


def _under(way: _Way | None, part: str | None) -> _Way | None:
    return (*way, part) if way is not None else None
