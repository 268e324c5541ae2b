"""Data of a YAML file in, a value out; every mistake at its place, in our words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..errors import PolicyInvalid
from ..jsontext import BYTES_MAX, DEPTH_MAX, NotJson, Path, parse
from ..problem import Code, Place, Problem, by_place, closest
from ..values import NAME, Json
from .yamlfile import Document

M = TypeVar("M", bound=BaseModel)


def validated(document: Document, data: Json, model: type[M]) -> M:
    """Make *data* of a document into a value. Raises: PolicyInvalid, with every mistake at its place."""
    errors = mistyped(model, data)
    try:
        value = model.model_validate(data)
        if not errors:
            return value
    except ValidationError as why:
        errors += errors_of(why, data)
    problems = sorted((located(document, error, model) for error in errors), key=by_place)
    raise PolicyInvalid(problems)


def mistyped(model: type[BaseModel], data: Json) -> list[ErrorDetails]:
    """
    What pydantic would take for numbers or truth values although it is none: `no`, `1_000`, `017`, `"5"`. YAML's older
    readers take some of them for other ones, so nobody knows what was meant.
    """
    try:
        model.model_validate_json(json.dumps(data), strict=True)  # strict in Python would refuse lists for tuples
    except ValidationError as why:
        return [error for error in why.errors(include_url=False) if error["type"] in _WRITTEN_AS and _taken(error)]
    return []


def _taken(error: ErrorDetails) -> bool:
    """Whether pydantic would take the text; what it refuses by itself is told once."""
    try:
        _WRITTEN_AS[error["type"]].validate_python(error["input"])
    except ValidationError:
        return False
    return True


_WRITTEN_AS: Mapping[str, TypeAdapter[Any]] = {
    "bool_type": TypeAdapter(bool),
    "int_type": TypeAdapter(int),
    "float_type": TypeAdapter(float),
}


def errors_of(why: ValidationError, data: Json) -> list[ErrorDetails]:
    """
    What pydantic found in *data*, once for each place: of the ways to read a value the first one is told; and nothing
    is told of a list or a mapping, such as that it is too short, because of what is wrong within it.
    """
    errors: dict[Path, ErrorDetails] = {}
    for error in why.errors(include_url=False):
        place = in_data(data, error["loc"])
        errors.setdefault((*place, error["loc"][-1]) if error["type"] == "missing" else place, error)
    holders = {place[:end] for place in errors for end in range(len(place))}
    return [error for place, error in errors.items() if place not in holders]


def in_data(data: Json, path: Path) -> Path:
    """The part of *path* that stands in the data: pydantic puts the names of types between."""
    known: Path = ()
    for part in path:
        match data, part:
            case dict(), _ if part in data:
                known, data = (*known, part), data[part]
            case list(), int() if part < len(data):
                known, data = (*known, part), data[part]
    return known


def lines_of(
    lines: Iterable[str], file: str, model: type[M], *, max_bytes: int = BYTES_MAX, depth_max: int = DEPTH_MAX
) -> Iterator[M | Problem]:
    """Read a value from each line of JSON; a line that is none is a problem at its place, and the others are read."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = parse(line, max_bytes=max_bytes, depth_max=depth_max)
        except NotJson as why:
            yield Problem(file, Place(number, 1), f"the line is not JSON: {why}", code=Code.NOT_YAML)
            continue
        try:
            yield model.model_validate(data)
        except ValidationError as why:
            yield from _problems_of_line(why, data, model, file, number)


def _problems_of_line(
    why: ValidationError, data: Json, model: type[BaseModel], file: str, line: int
) -> Iterator[Problem]:
    """What is wrong with a line of JSON that should be a *model*; several unknown keys are told in one sentence."""
    unknown: dict[Path, list[str]] = {}
    for error in errors_of(why, data):
        place = in_data(data, error["loc"])
        if error["type"] == "extra_forbidden":
            unknown.setdefault(error["loc"][:-1], []).append(str(error["loc"][-1]))
            continue
        said, meant, code = told(error, model)
        yield Problem(file, Place(line, 1), f"{_said_place(place, 'the line')}: {said}", suggestion=meant, code=code)
    for above, keys in unknown.items():
        said, meant = _unknown_keys(keys, list(_fields_at(model, above)))
        place = (*in_data(data, above), *(keys if len(keys) == 1 else ()))
        where = _said_place(place, "the line")
        yield Problem(file, Place(line, 1), f"{where}: {said}", suggestion=meant, code=Code.UNKNOWN_KEY)


_KEYS_SHOWN = 10


def _unknown_keys(keys: list[str], known: list[str]) -> tuple[str, str | None]:
    if len(keys) == 1 and (meant := closest(keys[0], known)):
        return "there is no such key", meant
    named = ", ".join(map(repr, keys[:_KEYS_SHOWN])) + (", ..." if len(keys) > _KEYS_SHOWN else "")
    said = "there is no such key" if len(keys) == 1 else f"there are no keys {named}"
    return f"{said}; there are {', '.join(known)}", None


def _said_place(path: Path, whole: str) -> str:
    return ".".join(map(str, path)) or whole


def located(document: Document, error: ErrorDetails, model: type[BaseModel], *, under: int = 0) -> Problem:
    """A problem at what *error* is about; so many parts of its path lie above what stands in the file."""
    path = (*error["loc"], *error.get("ctx", {}).get("at", ()))
    known = _in_file(document, path[under:])
    where = _said_place(known, "the file")
    said, meant, code = told(error, model)
    at = (*known, str(path[-1])) if code is Code.UNKNOWN_KEY else known
    return document.problem(at, f"{where}: {said}", suggestion=meant, code=code)


def told(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None, Code]:
    """What *error* says is wrong with the data of a *model*, in our words; what was probably meant; the kind of it."""
    *above, last = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        return "there is no such key", closest(str(last), _fields_at(model, tuple(above))), Code.UNKNOWN_KEY
    if error["type"] == "missing":
        return f"the key {last!r} is missing", None, Code.MISSING_KEY
    near = _near_choice(error) if error["type"] in ("union_tag_invalid", "literal_error", "enum") else None
    return _expected(error), near, Code.WRONG_VALUE


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if ours := _EXPECTED.get(kind):
        return ours.format(**context)
    if kind in _WANTED:
        return f"expected {_WANTED[kind]}, found {_found(error['input'])}"
    if kind == "string_pattern_mismatch" and context.get("pattern") == NAME:
        return f"expected a name: lower case letters, digits, `_` and `-`, a letter first; found {error['input']!r:.80}"
    said = error["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _found(value: Json) -> str:
    match value:
        case str():
            return f"the text {value!r:.80}"
        case dict():
            return "keys with values"
        case list():
            return "a list"
        case _:
            return json.dumps(value)


_WANTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a number, in plain digits",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number, in plain digits",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
}
_EXPECTED = {
    "model_type": "expected keys with values",
    "model_attributes_type": "expected keys with values",
    "dict_type": "expected keys with values",
    "tuple_type": "expected a list",
    "string_type": "expected a text; quote it if it is one",
    "too_short": "expected {min_length} or more, found {actual_length}",
    "too_long": "expected {max_length} or fewer, found {actual_length}",
    "union_tag_invalid": "{tag!r} is no check; there are {expected_tags}",
    "union_tag_not_found": "the key 'check' is missing; it says what kind of check this is",
}
"""Our words for what pydantic says in Python's."""


def _in_file(document: Document, path: Path) -> Path:
    """The part of *path* that stands in the file: pydantic puts union tags between, which are no keys."""
    known: Path = ()
    for part in path:
        if (*known, part) in document.keys:
            known = (*known, part)
    return known


def _near_choice(error: ErrorDetails) -> str | None:
    given = error.get("input")
    context = error.get("ctx", {})
    choices = str(context.get("expected_tags") or context.get("expected") or "")
    wrong = given.get("check") if isinstance(given, dict) else given
    return closest(str(wrong), [c.strip(" '") for c in choices.replace(" or ", ",").split(",")])


def _fields_at(model: type[BaseModel], path: Path) -> Iterator[str]:
    """The keys that the model admits at *path*."""
    for candidate in _models_at(model, path):
        for name, field in candidate.model_fields.items():
            yield field.alias or name


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        inner = [_inner_models(m.model_fields[f].annotation) for m in models for f in _field_names(m, part)]
        found = [candidate for candidates in inner for candidate in candidates]
        tagged = [m for m in models if _tag(m) == part]
        models = tagged or found or models
    return models


def _field_names(model: type[BaseModel], key: str | int) -> list[str]:
    return [name for name, field in model.model_fields.items() if key in (name, field.alias)]


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("check")
    values = get_args(field.annotation) if field is not None and field.annotation is not str else ()
    return values[0] if values else None


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) if inner is not Literal for model in _inner_models(inner)]
