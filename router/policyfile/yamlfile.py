"""YAML, strictly: no anchors, tags, merge keys, duplicate keys or surprises of YAML 1.1; every value has a place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from ..errors import PolicyInvalid
from ..jsontext import INT_MAX, INT_MIN
from ..problem import Code, Mistake, Place, Problem
from ..values import Json

BYTES_MAX = 512 * 1024
DEPTH_MAX = 32
NODES_MAX = 30_000
_TOLD_MAX = 100
"""Problems of one file; whoever made more of them made one, many times."""

Path = tuple[str | int, ...]


class _Loader(yaml.CSafeLoader):
    """Resolves plain scalars as YAML 1.2 does: `no`, `on`, `1:30` and dates stay texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass(frozen=True)
class Scalar:
    """How a scalar is written: where its text begins, and its style: a quote, `|`, `>`, or None for a plain one."""

    start: Place
    style: str | None


@dataclass(frozen=True)
class Document:
    """One YAML file: its data, and the place of every key and value in it."""

    file: str
    lines: tuple[str, ...]
    data: Json
    keys: Mapping[Path, Place]
    values: Mapping[Path, Scalar | Place]

    def problem(
        self, path: Path, message: str, *, suggestion: str | None = None, code: Code = Code.WRONG_VALUE
    ) -> Problem:
        """A problem at *path*, or at the nearest thing around it that stands in the file."""
        return self.at(self._nearest(path), message, suggestion=suggestion, code=code)

    def problem_in(
        self,
        path: Path,
        line: int,
        column: int,
        message: str,
        *,
        suggestion: str | None = None,
        code: Code = Code.WRONG_VALUE,
    ) -> Problem:
        """A problem at a line and column (from 1) *inside* the text at *path*, such as an expression."""
        scalar = self.values.get(path)
        if not isinstance(scalar, Scalar):
            return self.problem(path, message, suggestion=suggestion, code=code)
        place = _place_within(self.lines, scalar, line, column)
        return self.at(place or scalar.start, message, suggestion=suggestion, code=code)

    def mistake(self, mistake: Mistake) -> Problem:
        """The problem that *mistake* is, at its place."""
        path, said, meant, code = mistake.path, mistake.message, mistake.suggestion, mistake.code
        if not mistake.line:
            return self.problem(path, said, suggestion=meant, code=code)
        return self.problem_in(path, mistake.line, mistake.column, said, suggestion=meant, code=code)

    def at(
        self, place: Place, message: str, *, suggestion: str | None = None, code: Code = Code.WRONG_VALUE
    ) -> Problem:
        text = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        return Problem(self.file, place, message, text, suggestion, code)

    def _nearest(self, path: Path) -> Place:
        known: Path = ()
        for part in path:
            if (*known, part) in self.keys:
                known = (*known, part)
        return self.keys[known]


@lru_cache(maxsize=16)  # what is wrong in a file is told with its lines: it is looked at several times
def read_yaml(text: str, file: str) -> Document:
    """
    Parse one document; nobody changes its data. Raises: PolicyInvalid, with every duplicate key and forbidden thing at
    its place.
    """
    lines = tuple(text.splitlines())
    node = _compose(text, file, lines)
    if node is None:
        raise PolicyInvalid([_problem(file, lines, Place(1, 1), "the file is empty")])
    walk = _Walk(file, lines)
    data = walk.value(node, ())
    if walk.problems:
        raise PolicyInvalid(walk.problems)
    return Document(file, lines, data, walk.keys, walk.values)


def _compose(text: str, file: str, lines: tuple[str, ...]) -> yaml.Node | None:
    if len(text.encode("utf-8", "replace")) > BYTES_MAX:
        said = f"the file is larger than {BYTES_MAX // 1024} kB; split it"
        raise PolicyInvalid([_problem(file, (), Place(1, 1), said)])
    try:
        _scan(text, file, lines)
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        place = _place(mark) if mark else Place(1, 1)
        said = f"not YAML: {why.problem or why.context}{_about_template(lines, place)}"
        raise PolicyInvalid([_problem(file, lines, place, said)]) from None
    except yaml.reader.ReaderError as why:
        before = (text.encode()[: why.position].decode() + "?").splitlines()
        place = Place(len(before), len(before[-1]))
        raise PolicyInvalid([_problem(file, lines, place, f"not YAML: {why.reason}")]) from None
    except (yaml.YAMLError, ValueError) as why:
        raise PolicyInvalid([_problem(file, (), Place(1, 1), f"not YAML: {why}")]) from None


_BARE_TEMPLATE = re.compile(r"[:,]\s+\{[{%]")
_QUOTE_IT = "a text that begins with `{{` or `{%` wants quotes around it"


def _about_template(lines: Sequence[str], place: Place) -> str:
    """A hint where a template without quotes is the likely reason."""
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return f"; {_QUOTE_IT}" if _BARE_TEMPLATE.search(line) else ""


def _scan(text: str, file: str, lines: tuple[str, ...]) -> None:
    """Refuse what could blow up before anything is built of it."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        said = None
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            said = "anchors and aliases are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            said = "tags are not allowed; write a plain value"
        elif depth > DEPTH_MAX:
            said = f"nested deeper than {DEPTH_MAX}"
        elif documents > 1:
            said = "one document only; remove the `---`"
        elif count > NODES_MAX:
            said = f"more than {NODES_MAX:,} values; split the file"
        if said:
            raise PolicyInvalid([_problem(file, lines, _place(event.start_mark), said)])


class _Walk:
    """Turns nodes into data and remembers where everything stood."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.problems: list[Problem] = []
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Scalar | Place] = {}
        self._file = file
        self._lines = lines
        self._constructor = _Loader("")

    def value(self, node: yaml.Node, path: Path) -> Json:
        place = _place(node.start_mark)
        self.keys.setdefault(path, place)
        self.values[path] = place
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case _:
                self.values[path] = _scalar(node, place)
                return self._scalar_value(node, place)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Json]:
        mapping: dict[str, Json] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark)
            key = key_node.value
            if not isinstance(key, str):
                self._found(place, _QUOTE_IT if _is_template(key_node) else "a key must be a text")
                continue
            if key == "<<":
                self._found(place, "merge keys are not allowed; write the values out")
            elif key in mapping:
                self._found(place, f"{key!r} is given twice")
            self.keys[(*path, key)] = place
            mapping[key] = self.value(value_node, (*path, key))
        return mapping

    def _scalar_value(self, node: yaml.Node, place: Place) -> Json:
        if node.tag.endswith(":int") and (len(node.value) > 20 or not INT_MIN <= int(node.value) <= INT_MAX):
            self._found(place, "the number is too long; quote it if it is an identifier")
            return 0
        if node.tag.endswith(":str"):
            return str(node.value)
        value: Json = self._constructor.construct_object(node, deep=True)
        if isinstance(value, float) and math.isinf(value):
            self._found(place, "the number is too large")
        return value

    def _found(self, place: Place, message: str) -> None:
        self.problems.append(_problem(self._file, self._lines, place, message))
        if len(self.problems) == _TOLD_MAX:
            raise PolicyInvalid(self.problems)


def _is_template(node: yaml.Node) -> bool:
    """`{{ text }}` without quotes reads as a mapping whose key is a mapping that leads to nothing."""
    if not isinstance(node, yaml.MappingNode) or not node.flow_style:
        return False
    return all(isinstance(value, yaml.ScalarNode) and not value.value for _, value in node.value)


def _scalar(node: Any, place: Place) -> Scalar:
    quoted = node.style in ("'", '"')
    start = Place(place.line, place.column + 1) if quoted else place
    return Scalar(start, node.style or None)


def _place_within(lines: Sequence[str], scalar: Scalar, line: int, column: int) -> Place | None:
    """Where a line and column (from 1) of a scalar's text stand in the file; None where that cannot be told."""
    match scalar.style:
        case "|":
            return Place(scalar.start.line + line, _indent(lines, scalar.start.line + 1) + column)
        case ">":
            return _place_in_folded(lines, scalar.start, line, column)
        case _:
            return _place_in_flow(lines, scalar, line, column)


def _place_in_folded(lines: Sequence[str], start: Place, line: int, column: int) -> Place | None:
    """A line break within `>` is a blank of the text, unless a blank or further indented line is beside it."""
    indent = _indent(lines, start.line + 1)
    row, offset = 1, 0  # where the first character of the file's line stands in the text
    contents = [text[indent:] for text in lines[start.line :]]
    for number, (content, following) in enumerate(zip(contents, [*contents[1:], ""], strict=True), start.line + 1):
        if row == line and offset < column <= offset + len(content) + 1:
            return Place(number, indent + column - offset)
        if content.strip() and following.strip() and content[0] != " " and following[0] != " ":
            offset += len(content) + 1
        else:
            row, offset = row + bool(following.strip() or not content.strip()), 0
    return None


_WRITTEN = {"'": re.compile("''|."), '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|."), None: re.compile(".")}
"""How one character of the text may be written, by the quote around it."""


def _place_in_flow(lines: Sequence[str], scalar: Scalar, line: int, column: int) -> Place | None:
    """Escapes take more room in the file than in the text, and one may begin its next line; a line break is a blank."""
    row, at, offset = 1, 1, scalar.start.column - 1  # where in the text, and in the file's line, the next one stands
    for number in range(scalar.start.line, len(lines) + 1):
        for written in (*_WRITTEN[scalar.style].findall(lines[number - 1][offset:]), ""):
            if (row, at) == (line, column):
                return Place(number, offset + 1)
            row, at = (row + 1, 1) if written == "\\n" and scalar.style == '"' else (row, at + 1)
            offset += len(written)
        offset = _indent(lines, number + 1)
    return None


def _indent(lines: Sequence[str], number: int) -> int:
    """The blanks in front of the first line from *number* on that has more than blanks."""
    text = next((text for text in lines[number - 1 :] if text.strip()), "")
    return len(text) - len(text.lstrip())


def _place(mark: Any) -> Place:
    """PyYAML's marks count from 0."""
    return Place(mark.line + 1, mark.column + 1)


def _problem(file: str, lines: tuple[str, ...], place: Place, message: str) -> Problem:
    text = lines[place.line - 1] if place.line <= len(lines) else ""
    return Problem(file, place, message, text, code=Code.NOT_YAML)
