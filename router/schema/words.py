"""What is wrong with a value under a schema, in a sentence for people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from json import JSONEncoder
from typing import TYPE_CHECKING, Any, Final

from ..jsontext import Path
from ..problem import closest
from .engines import Tired, extra_names, hardened
from .subschema import JsonSchema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


_LOOKED: Final = 40
"""Names of an object among which a misspelt one is looked for."""


def why_refused(schema: JsonSchema, value: Any) -> str:
    """Say in one sentence what is wrong with a value that the schema refuses, and where (`$.total: ...`)."""
    error = _most_relevant(schema, value)
    return "$: does not match the schema" if error is None else f"{error.json_path}: {sentence(error)}"


def all_refused(schema: JsonSchema, value: Any) -> list[str]:
    """Say all that is wrong with a value, a sentence each, in the order of the schema; none where no word is found."""
    from jsonschema import exceptions  # noqa: PLC0415  (60 ms, see schemaengines.py)

    closest = [exceptions.best_match([error]) or error for error in _errors(schema, value)]
    return [*dict.fromkeys(f"{error.json_path}: {sentence(error)}" for error in closest)]


def _most_relevant(schema: JsonSchema, value: Any) -> ValidationError | None:
    from jsonschema import exceptions  # noqa: PLC0415  (60 ms, see schemaengines.py)

    closest: ValidationError | None = exceptions.best_match(_errors(schema, value))
    return closest


def _errors(schema: JsonSchema, value: Any) -> list[ValidationError]:
    errors: list[ValidationError] = []
    with suppress(Tired, RecursionError):
        errors.extend(islice(hardened(schema).iter_errors(value), 100))
    return errors


def sentence(error: Any) -> str:
    """Say what one of `jsonschema`'s errors means, without its place."""
    if error.validator is None:
        return "nothing is allowed here"
    write = _SENTENCES.get(str(error.validator))
    return write(error, brief(error.instance)) if write else _shortened(error.message)


def _required(error: Any, shown: str) -> str:
    missing = [key for key in error.validator_value if key not in error.instance]
    said = f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    return said + _meant(missing, error.schema, error.instance)


def _not_allowed(error: Any, shown: str) -> str:
    extras = extra_names(error.schema, error.instance)
    known = listed(list(error.schema.get("properties", ())))
    said = f"{listed(extras)} {'is' if len(extras) == 1 else 'are'} not allowed, only {known or 'an empty object'}"
    left = [name for name in error.schema.get("properties", ()) if name not in error.instance]
    return said + _meant(left, error.schema, error.instance)


def _meant(left: list[str], schema: Any, value: Any) -> str:
    """Which of the names *left* out was meant by one that an object may not have; empty where none was."""
    if schema.get("additionalProperties") is not False:
        return ""
    for extra in extra_names(schema, value)[:_LOOKED]:
        if (near := closest(extra, left[:_LOOKED])) is not None:
            return f"; did you mean {brief(near)} by {brief(extra)}?"
    return ""


def _typed(error: Any, shown: str) -> str:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else wanted
    return f"{shown} is not {' or '.join(TYPES.get(name, name) for name in names)}"


def _any_of(error: Any, shown: str) -> str:
    why = dict.fromkeys(sentence(inner) for inner in (error.context or ())[:20] if not inner.relative_path)
    return f"{shown} matches no alternative" + (f" ({_shortened('; '.join(why), 160)})" if why else "")


def _one_of(error: Any, shown: str) -> str:
    return _any_of(error, shown) if error.context else f"{shown} matches more than one alternative"


TYPES: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
"""The types of JSON Schema, for people."""
_SENTENCES: Final[dict[str, Callable[[Any, str], str]]] = {
    "type": _typed,
    "required": _required,
    "additionalProperties": _not_allowed,
    "enum": lambda e, shown: f"{shown} is none of {listed(e.validator_value)}",
    "const": lambda e, shown: f"{shown} is not {brief(e.validator_value)}",
    "pattern": lambda e, shown: f"{shown} does not match the pattern {brief(e.validator_value)}",
    "minimum": lambda e, shown: f"{shown} is less than {e.validator_value}",
    "maximum": lambda e, shown: f"{shown} is more than {e.validator_value}",
    "exclusiveMinimum": lambda e, shown: f"{shown} is not more than {e.validator_value}",
    "exclusiveMaximum": lambda e, shown: f"{shown} is not less than {e.validator_value}",
    "multipleOf": lambda e, shown: f"{shown} is not a multiple of {e.validator_value}",
    "minLength": lambda e, shown: f"{shown} has {len(e.instance)} characters, at least {e.validator_value} are needed",
    "maxLength": lambda e, shown: f"{shown} has {len(e.instance)} characters, at most {e.validator_value} are allowed",
    "minItems": lambda e, shown: f"{len(e.instance)} items, at least {e.validator_value} are needed",
    "maxItems": lambda e, shown: f"{len(e.instance)} items, at most {e.validator_value} are allowed",
    "minProperties": lambda e, shown: f"{len(e.instance)} properties, at least {e.validator_value} are needed",
    "maxProperties": lambda e, shown: f"{len(e.instance)} properties, at most {e.validator_value} are allowed",
    "uniqueItems": lambda e, shown: f"{shown} has equal items",
    "contains": lambda e, shown: f"{shown} lacks an item that the schema asks for",
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": lambda e, shown: f"{shown} is excluded by `not`",
}


def listed(values: list[Any]) -> str:
    """Name some values, separated by commas, in at most some 80 characters."""
    return _shortened(", ".join(brief(value) for value in values[:40]))


def brief(value: Any) -> str:
    """Write a value as people read it, at most some 80 characters: 'abc', 12.5, null, {"a": 1}."""
    if isinstance(value, str):
        return repr(_shortened(value))
    return _shortened("".join(islice(JSONEncoder(ensure_ascii=False, default=repr).iterencode(value), 80)))


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def spelled(path: Path) -> str:
    """Write a path as people read it: `$.items[0].price`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
