"""What a rule looked at: the values of its fields, and of both sides of what it compares, for one input and output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cel_expr_python import cel

from .complaint import evaluation_sentence
from .environment import runtime
from .expression import ELEMENTS_MAX, EVALUATION_ERRORS, Activation, ExpressionError
from .scope import Scope, scope_of
from .source import copies, tokens, with_typed_sums

_Tokens: TypeAlias = Sequence[re.Match[str]]
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule as it is written, with its value, or why it has none."""

    text: str
    value: Any


def parts(
    source: str, values: Activation, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]
) -> tuple[Part, ...]:
    """
    Take apart a rule that compiles: fields first, then what is made of them, then what it says; the whole comes last.

    What stands within a loop (`items.all(i, ...)`) has no value of its own; where `all` is false, its exceptions have.
    """
    scope = scope_of(input_schema, output_schema)
    found: dict[str, Any] = {}
    for text in dict.fromkeys(_texts(source, tokens(source))):
        valued = _valued(text, values, scope)
        for exceptions in _exceptions(text) if valued.get(text) is False else ():
            found |= _valued(exceptions, values, scope)
        found |= valued
    return tuple(Part(one_line(text), value) for text, value in found.items())


def one_line(source: str) -> str:
    """A rule without its line breaks, for people."""
    return re.sub(r"\s*\n\s*", " ", re.sub(r"\s*\n\s*(?=[.)\]])", "", source.strip()))


def _valued(text: str, values: Activation, scope: Scope) -> dict[str, Any]:
    """A part with its value; nothing where it is no expression by itself, because it names the variable of a loop."""
    if copies(text) and values.longest > ELEMENTS_MAX:
        return {text: ExpressionError(f"a list has {values.longest:,} elements")}
    try:
        program = runtime().compile(with_typed_sums(text, scope.checker))
    except RuntimeError:
        return {}
    try:
        value = program.eval(values.values)
    except EVALUATION_ERRORS as why:
        return {text: ExpressionError(evaluation_sentence(str(why)))}
    if value.type() == cel.Type.ERROR:
        return {text: ExpressionError(evaluation_sentence(str(value.value())))}
    return {text: _plain(value.plain_value())}


def _plain(value: Any) -> Any:
    """Times, spans, bytes and types as texts; the rest is JSON, its objects in order: CEL's come in any."""
    match value:
        case dict():
            return {key: _plain(value[key]) for key in sorted(value, key=str)}
        case list():
            return [_plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _texts(source: str, found: _Tokens) -> Iterator[str]:
    paths, chains = [], []
    for index, token in enumerate(found):
        if token["name"] in ("input", "output") and not (index and found[index - 1]["sign"] == "."):
            path, chain = _chain(found, index)
            paths.append(_text(source, found[index : path + 1]))
            chains.append(_text(source, found[index : chain + 1]))
    yield from (path for path in paths if path != "input")
    yield from reversed(chains)
    yield from _said(source, source.strip(), found)
    yield source.strip()


def _chain(found: _Tokens, start: int) -> tuple[int, int]:
    """The last token of the plain path (`output.items[0].price`) that begins at *start*, and of all that follows it."""
    path, at = None, start
    while at + 1 < len(found):
        sign = found[at + 1]["sign"]
        if sign == "[":
            at = _closing(found, at + 1)
        elif sign == "." and at + 2 < len(found):
            at += 2
            if at + 1 < len(found) and found[at + 1]["sign"] == "(":
                path = at - 2 if path is None else path
                at = _closing(found, at + 1)
        else:
            break
    return (at if path is None else path), at


def _closing(found: _Tokens, start: int) -> int:
    """The bracket that closes the one at *start*."""
    depth = 0
    for at in range(start, len(found)):
        depth += found[at]["sign"] in _OPEN
        depth -= found[at]["sign"] in _OPEN.values()
        if not depth:
            return at
    return len(found) - 1


def _said(source: str, whole: str, found: _Tokens) -> Iterator[str]:
    """The statements of an expression, each after those that it is made of, and the sides of comparisons."""
    if not found:
        return
    if found[0]["sign"] == "(" and _closing(found, 0) == len(found) - 1:
        yield from _said(source, _between(source, found[0].end(), found[-1].start()), found[1:-1])
        return
    for split in (_ternary, _either, _both):
        if pieces := split(found):
            for piece in pieces:
                yield from _said(source, _text(source, piece), piece)
            yield whole
            return
    if sides := _compared(found):
        yield from (_text(source, side) for side in sides if any(t["name"] in ("input", "output") for t in side))
        yield whole
        return
    if found[0]["sign"] == "!":
        yield from _said(source, _text(source, found[1:]), found[1:])
        return
    yield whole


def _ternary(found: _Tokens) -> list[_Tokens]:
    asked = _at(found, "?")
    if not asked:
        return []
    depth = 0
    for at in (at for at in _outer(found) if at >= asked[0]):
        depth += (found[at]["sign"] == "?") - (found[at]["sign"] == ":")
        if not depth:
            return [found[: asked[0]], found[asked[0] + 1 : at], found[at + 1 :]]
    return []


def _either(found: _Tokens) -> list[_Tokens]:
    return _split(found, _at(found, "||"), 2)


def _both(found: _Tokens) -> list[_Tokens]:
    return _split(found, _at(found, "&&"), 2)


def _compared(found: _Tokens) -> list[_Tokens]:
    for relation in ("==", "!=", "<=", ">=", "<", ">", "in"):
        if places := _at(found, relation):
            return _split(found, places[:1], len(relation) if relation != "in" else 1)
    return []


def _split(found: _Tokens, places: list[int], width: int) -> list[_Tokens]:
    """The pieces between the operators at *places*, each of so many tokens; none where there is no operator."""
    starts = [0, *(place + width for place in places)]
    return [found[start:end] for start, end in zip(starts, [*places, len(found)], strict=True)] if places else []


def _at(found: _Tokens, operator: str) -> list[int]:
    """Where *operator* stands outside all brackets."""
    return [at for at in _outer(found) if _operator(found, at) == operator]


def _operator(found: _Tokens, at: int) -> str:
    """The operator that begins at a token: one sign, or two that stand together."""
    if found[at]["name"] == "in":
        return "in"
    sign = found[at]["sign"] or ""
    following = found[at + 1] if at + 1 < len(found) else None
    if following is not None and following["sign"] and following.start() == found[at].end():
        both = sign + following["sign"]
        return both if both in ("||", "&&", "==", "!=", "<=", ">=") else sign
    return sign


def _outer(found: _Tokens) -> list[int]:
    depth, outer = 0, []
    for at, token in enumerate(found):
        depth -= token["sign"] in _OPEN.values()
        if not depth:
            outer.append(at)
        depth += token["sign"] in _OPEN
    return outer


def _exceptions(text: str) -> Iterator[str]:
    """For `list.all(i, ...)` the elements of which it is not true."""
    found = tokens(text)
    for at, token in enumerate(found):
        if token["method"] == "all" and _closing(found, at + 1) == len(found) - 1:
            comma = next(place for place in range(at, len(found)) if found[place]["sign"] == ",")
            variable = _text(text, found[at + 2 : comma])
            body = _between(text, found[comma].end(), found[-1].start())
            yield f"{_between(text, 0, token.start())}filter({variable}, !({body}))"


def _text(source: str, piece: _Tokens) -> str:
    return _between(source, piece[0].start(), piece[-1].end()) if piece else ""


def _between(source: str, start: int, end: int) -> str:
    return source[start:end].strip()
