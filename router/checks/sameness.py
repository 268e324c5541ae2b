"""Do two outputs say the same?"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..grounds import normal
from ..output import Output
from ..values import Json
from .base import MISSING, scalars, value_at


def compared(output: Output) -> tuple[str, ...]:
    """The fields by which outputs are compared unless somebody says others: the required ones, or the whole."""
    return output.required_fields or ("",)


def differing(one: Json, other: Json, fields: Collection[str]) -> list[str]:
    """The fields in which two outputs differ; case, blanks, accents and punctuation of texts do not count."""
    return [field for field in fields if _normal(one, field) != _normal(other, field)]


def agreeing(one: Json, other: Json, fields: Collection[str]) -> float:
    """
    The share of the values in *fields* that stand in both outputs at the same place, of all that stand in either.

    1.0 where neither has any value there: then both say nothing.
    """
    left, right = (dict(_values(output, fields)) for output in (one, other))
    places = left.keys() | right.keys()
    same = sum(place in left and place in right and left[place] == right[place] for place in places)
    return same / len(places) if places else 1.0


def _values(output: Json, fields: Collection[str]) -> Iterator[tuple[str, Json]]:
    for field in fields:
        value = _normal(output, field)
        if value is not None:
            yield from scalars(value, field)


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
