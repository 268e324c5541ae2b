"""Strict JSON text: parsed without lenience, located by character, written canonically."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from json.encoder import JSONEncoder
from typing import Any, Final, NoReturn, TypeAlias

BYTES_MAX: Final = 1_048_576
DEPTH_MAX: Final = 64
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

Path: TypeAlias = tuple[str | int, ...]
Span: TypeAlias = tuple[int, int]


class NotJson(ValueError):
    """The text is not strict JSON, or the value cannot be written as such; the message is for people."""


def parse(text: str, *, max_bytes: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """
    Read a JSON text (RFC 8259) that holds one value and nothing else.

    Refused, unlike in `json.loads`: duplicate keys, NaN and Infinity, numbers outside a double, integers outside
    64 bits, lone surrogates, nesting below *depth_max*.  Nothing is fished out of prose or Markdown fences.
    Raises NotJson with line and column (1-based, in characters).
    """
    _check_size(text, max_bytes)
    _check_depth(text, depth_max)
    suspicious = _SUSPICIOUS.search(text) is not None
    try:
        value = (_CAREFUL if suspicious else _FAST).decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(_syntax_sentence(text, error)) from None
    except _Refused as why:
        raise NotJson(_refusal_sentence(text, why)) from None
    if suspicious:
        _check_surrogates(text)
    return value


def spans(text: str) -> dict[Path, Span]:
    """
    Locate the scalars (and empty containers) of a text that `parse` accepted: path -> [start, end) in characters.

    A string's span excludes its quotes.  The span of a text that is one scalar stands under the path `()`.
    """
    found: dict[Path, Span] = {}
    outer: list[tuple[Path, int]] = []
    inside: Path = ()  # the container that is open
    index = -1  # the place of the next value in an open array; -1 in an object
    here: Path = ()  # the path of the next value
    for token in _TOKENS.finditer(text):
        match token.lastindex:
            case 1:  # a key; group 2 is its text
                here = (*inside, _unescaped(token[2]))
                continue
            case 6:  # an opening bracket
                outer.append((inside, index))
                inside = here
                index = 0 if token[6] == "[" else -1
            case 7:  # a closing bracket
                inside, index = outer.pop()
                index += index >= 0
            case group:  # 3: a string, 4: a number or word, 5: an empty container
                found[here] = token.span(group or 0)
                index += index >= 0
        if index >= 0:
            here = (*inside, index)
    return found


def canonical(value: Any) -> str:
    """
    Write a value as compact JSON with sorted keys, the same text for the same value: what fingerprints are made of.

    1 and 1.0 are written differently.  Raises NotJson for what JSON cannot hold: NaN, lone surrogates, sets.
    """
    try:
        text = _CANONICAL.encode(value)
        text.encode()  # raises for lone surrogates
    except (ValueError, TypeError, RecursionError) as why:
        raise NotJson(f"the value cannot be written as JSON: {why}") from None
    return text


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested more than *levels* deep."""
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    if levels == 0:
        return type(value) in (dict, list)
    return any(type(item) in (dict, list) and is_deeper(item, levels - 1) for item in inner)


# What the good case pays: one regular expression that finds nothing, the C scanner, a length per object.

_SUSPICIOUS: Final = re.compile(r"[0-9]{19}|[eE]\+?[0-9]{3}|\\u[dD][89a-fA-F]")
"""Perhaps an integer over 64 bits, a float over 1e308, or a surrogate: worth a slower look."""

_TOKENS: Final = re.compile(
    r'("([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t\n\r]*+:)'
    r'|"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r"|([-0-9a-zA-Z][-+.0-9a-zA-Z]*+)"
    r"|(\[[ \t\n\r]*+\]|\{[ \t\n\r]*+\})"
    r"|([\[{])|([\]}])"
)
_BRACKETS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}])', re.DOTALL)


class _Refused(Exception):
    """The text is JSON by its grammar but not by ours; `offends` tells the token that is to blame."""

    def __init__(self, message: str, offends: Callable[[re.Match[str]], bool]) -> None:
        self.message = message
        self.offends = offends
        super().__init__(message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse_duplicate([key for key, _ in pairs])
    return members


def _refuse_duplicate(keys: list[str]) -> NoReturn:
    seen: set[str] = set()
    twice = next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    raise _Refused(f"duplicate key {_shown(twice)}", _second_key(twice))


def _second_key(key: str) -> Callable[[re.Match[str]], bool]:
    """Tell the token that repeats *key* within one object."""
    seen: list[bool] = []

    def offends(token: re.Match[str]) -> bool:
        match token.lastindex:
            case 6:
                seen.append(False)
            case 7:
                seen.pop()
            case 1 if _unescaped(token[2]) == key:
                again, seen[-1] = seen[-1], True
                return again
        return False

    return offends


def _constant(word: str) -> NoReturn:
    raise _Refused(f"{word} is not JSON", lambda token: token[4] == word)


def _integer(digits: str) -> int:
    if len(digits) > 20 or not INT_MIN <= (value := int(digits)) <= INT_MAX:
        raise _Refused(f"{_shortened(digits)} is out of range", lambda token: token[4] == digits)
    return value


def _double(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise _Refused(f"{_shortened(digits)} is out of range", lambda token: token[4] == digits)
    return value


_FAST: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)
_CAREFUL: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer, parse_float=_double
)
_CANONICAL: Final = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _check_size(text: str, max_bytes: int) -> None:
    try:
        size = len(text) if text.isascii() or len(text) > max_bytes else len(text.encode())
    except UnicodeEncodeError as error:
        raise NotJson(f"{_place(text, error.start)}: lone surrogate") from None
    if size > max_bytes:
        raise NotJson(f"the text has more than {max_bytes:,} bytes")


def _check_depth(text: str, depth_max: int) -> None:
    """Measured before parsing: the scanner recurses."""
    if text.count("[") + text.count("{") <= depth_max:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        depth += (token.lastindex == 1) - (token.lastindex == 2)
        if depth > depth_max:
            raise NotJson(f"{_place(text, token.start())}: nested deeper than {depth_max}")


_ESCAPES: Final = re.compile(r"\\u([dD][89abAB]..)\\u[dD][c-fC-F]..|\\u[dD]([89a-fA-F])..|\\.", re.DOTALL)


def _check_surrogates(text: str) -> None:
    for escape in _ESCAPES.finditer(text):
        if escape[2]:
            raise NotJson(f"{_place(text, escape.start())}: lone surrogate")


def _unescaped(key: str) -> str:
    return json.loads(f'"{key}"') if "\\" in key else key


# What people read when it is not JSON.


def _refusal_sentence(text: str, why: _Refused) -> str:
    found = next((token.start() for token in _TOKENS.finditer(text) if why.offends(token)), 0)
    return f"{_place(text, found)}: {why.message}"


def _syntax_sentence(text: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip()
    if not start:
        return "the text is empty"
    if start.startswith(("```", "~~~")):
        return "the text is wrapped in a Markdown fence, not bare JSON"
    if start[0] == "\ufeff":
        return "the text starts with a byte order mark"
    return f"{_place(text, error.pos)}: {_complaint(text, error)}"


def _complaint(text: str, error: json.JSONDecodeError) -> str:
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return "the text ends in the middle of a value"
    found = _found(text, error.pos)
    if error.msg == "Extra data":
        return f"text after the value: {found}"
    for beginning, hint in _HINTS:
        if text.startswith(beginning, error.pos):
            return f"{hint}, found {found}"
    return f"{_EXPECTED.get(error.msg, error.msg)}, found {found}"


_HINTS: Final = (
    ("'", "JSON writes strings in double quotes"),
    ("//", "JSON has no comments"),
    ("/*", "JSON has no comments"),
    ("#", "JSON has no comments"),
    ("True", "JSON writes true in lower case"),
    ("False", "JSON writes false in lower case"),
    ("None", "JSON writes null for None"),
    ("}", "a comma, or nothing, before the closing bracket"),
    ("]", "a comma, or nothing, before the closing bracket"),
)
_EXPECTED: Final = {
    "Expecting value": "expected a JSON value",
    "Expecting property name enclosed in double quotes": "expected a key in double quotes",
    "Expecting ':' delimiter": "expected ':'",
    "Expecting ',' delimiter": "expected ',' or a closing bracket",
    "Invalid control character at": "a raw control character in a string (write \\n, \\t, ...)",
    "Invalid \\escape": "no such escape in JSON",
    "Invalid \\uXXXX escape": "expected four hexadecimal digits after \\u",
}


def _found(text: str, start: int) -> str:
    return _shown(_line_from(text, start))


def _line_from(text: str, start: int) -> str:
    end = text.find("\n", start + 1)
    return text[start : end if end >= 0 else None]


def _shown(text: str) -> str:
    return repr(_shortened(text))


def _shortened(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"
