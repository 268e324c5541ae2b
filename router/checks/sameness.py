"""Do two outputs say the same?"""

from __future__ import annotations

from collections.abc import Iterable

from ..grounds import normal
from ..output import Output
from ..values import Json
from .base import MISSING, value_at


def compared(output: Output) -> tuple[str, ...]:
    """The fields by which outputs are compared unless somebody says others: the required ones, or the whole."""
    return output.required_fields or ("",)


def differing(one: Json, other: Json, fields: Iterable[str]) -> list[str]:
    """The fields in which two outputs differ; case, blanks, accents and punctuation of texts do not count."""
    return [field for field in fields if _normal(one, field) != _normal(other, field)]


def _normal(output: Json, field: str) -> Json:
    value = value_at(output, field)
    return None if value is MISSING else _deep(value)


def _deep(value: Json) -> Json:
    match value:
        case str():
            return normal(value) or value
        case dict():
            return {key: _deep(item) for key, item in value.items()}
        case list():
            return [_deep(item) for item in value]
        case _:
            return value
