"""Data of a YAML file in, a value out; every mistake at its place, in our words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .errors import PolicyInvalid
from .jsontext import Path
from .problem import Code, Problem, by_place, closest
from .values import Json
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
        errors += errors_of(why)
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


def errors_of(why: ValidationError) -> list[ErrorDetails]:
    """What pydantic found; a list is not too short for those of its elements that are wrong themselves."""
    errors = why.errors(include_url=False)
    within = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in within]


def located(document: Document, error: ErrorDetails, model: type[BaseModel], *, under: int = 0) -> Problem:
    """A problem at what *error* is about; so many parts of its path lie above what stands in the file."""
    path = (*error["loc"], *error.get("ctx", {}).get("at", ()))
    known = _in_file(document, path[under:])
    where = ".".join(map(str, known)) or "the file"
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
    if ours := _EXPECTED.get(error["type"]):
        return ours.format(**error.get("ctx", {}))
    if error["type"] in _WRITTEN_AS:
        wanted = "true or false" if error["type"] == "bool_type" else "a number, in plain digits"
        found = f"the text {error['input']!r}" if isinstance(error["input"], str) else error["input"]
        return f"expected {wanted}, found {found}"
    said = error["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


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
