"""Two engines of JSON Schema 2020-12, hardened: no network, and regular expressions in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

# Imports measured on one core: jsonschema_rs 10 ms, re2 2 ms; router.schema with all it needs 18-26 ms.  jsonschema
# and referencing take another 60-65 ms, so they are imported when something is wrong and words are needed: a producer
# seldom pays that.
import jsonschema_rs

from .subschema import JsonSchema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_STEPS_MAX: Final = 10_000
"""How many keywords are evaluated in search of words; some 50 ms."""


def compiled(schema: JsonSchema) -> jsonschema_rs.Draft202012Validator:
    """Compile a schema for verdicts. Raises: ValueError, TypeError."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        offline=True,
        pattern_options=jsonschema_rs.RegexOptions(),  # linear time; the default engine backtracks
        validate_formats=False,
    )


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[Any], bool] | None:
    """Give what tells whether a text matches a pattern; None for a pattern that jsonschema-rs does not take."""
    try:
        return compiled({"pattern": pattern}).is_valid
    except jsonschema_rs.ValidationError:
        return None


class Tired(Exception):
    """Words were sought long enough: `anyOf` over a recursive schema tries 2 ** depth ways."""


def hardened(schema: JsonSchema) -> Any:
    """
    Make a `jsonschema` validator that fetches nothing, matches in linear time and stops after some 10,000 keywords.

    It exists for its error messages, and for the test that it agrees with jsonschema-rs.
    """
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  (60 ms, see above)
    from referencing import Registry  # noqa: PLC0415

    left = iter(range(_STEPS_MAX))

    def counted(keyword: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
        def evaluate(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            if next(left, None) is None:
                raise Tired
            yield from keyword(validator, setting, instance, schema) or ()

        return evaluate

    keywords = {**Draft202012Validator.VALIDATORS, **_LINEAR}
    extended: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {name: counted(function) for name, function in keywords.items()}
    )
    return extended(schema, registry=Registry())


def _error(message: str) -> ValidationError:
    from jsonschema import ValidationError  # noqa: PLC0415  (60 ms, see above)

    return ValidationError(message)


def _matches(pattern: str, text: str) -> bool:
    matches = matcher(pattern)
    return matches is not None and matches(text)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield _error("does not match")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for key in filter(lambda key: _matches(pattern, key), instance):
                yield from validator.descend(instance[key], subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    extras = extra_names(schema, instance)
    if setting is False and extras:
        yield _error("has additional properties")
    elif isinstance(setting, dict):
        for key in extras:
            yield from validator.descend(instance[key], setting, path=key)


def extra_names(schema: Mapping[str, Any], instance: Mapping[str, Any]) -> list[str]:
    """List the names of an object that neither `properties` nor `patternProperties` know."""
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [key for key in instance if key not in named and not any(_matches(p, key) for p in patterns)]


def _unique_items(validator: Any, setting: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if setting and isinstance(instance, list) and len(set(map(_hashable, instance))) < len(instance):
        yield _error("has equal items")


def _hashable(value: Any) -> Any:
    """Equal for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    match value:
        case bool():
            return ("bool", value)
        case list():
            return ("list", *map(_hashable, value))
        case dict():
            return frozenset((key, _hashable(member)) for key, member in value.items())
        case _:
            return value


def _multiple_of(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    # By the decimals as written, as jsonschema-rs does: 19.99 is a multiple of 0.01.
    if (Fraction(repr(instance)) / Fraction(repr(divisor))).denominator != 1:
        yield _error("is not a multiple")


_LINEAR: Final[dict[str, Callable[..., Iterator[ValidationError]]]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
}
