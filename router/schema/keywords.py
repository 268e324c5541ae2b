"""Keywords and names of a JSON Schema that are misspelt: a keyword that nobody knows checks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from ..jsontext import Path
from ..problem import closest
from .subschema import JsonSchema, subschemas

_CHECKING: Final = (
    *("type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames"),
    *("minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties"),
    *("items", "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems"),
    *("unevaluatedItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs"),
)
_TELLING: Final = frozenset(
    (
        *("$schema", "$id", "$comment", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$vocabulary"),
        *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format"),
        *("contentEncoding", "contentMediaType", "contentSchema", "definitions", "dependencies"),
        *("note", "notes", "typeof", "tsType", "allRequired", "anyRequired", "oneRequired", "deepRequired"),
    )
)
"""Keywords that check nothing here, those of widespread dialects (of ajv and of TypeScript's makers) among them."""
_VENDORS: Final = re.compile(r"(?i)x-|[_@]|.*[:.]")
"""`x-enum`, `@type` or `ui:items` is a vendor's, however alike."""
_ASKING: Final = frozenset(("not", "if"))
"""What stands under these need not be met."""
_TOLD_MAX: Final = 20
"""Names of one object that are told: what each was meant to be is looked for among all."""
_ALIKE: Final = 0.75
"""From here on a word is a keyword misspelt (`tpye` just is); others, such as those of OpenAPI, are notes."""


def misspelt_keywords(schema: JsonSchema) -> Iterator[tuple[Path, str]]:
    """Tell of each keyword that is none, with the path to it, and of the one that was probably meant."""
    for path, subschema in subschemas(schema):
        for word in subschema.keys() - {*_CHECKING} - _TELLING:
            if not _VENDORS.match(word) and (near := get_close_matches(_folded(word), _FOLDED, n=1, cutoff=_ALIKE)):
                yield (*path, word), _FOLDED[near[0]]


def impossible_names(schema: JsonSchema) -> Iterator[tuple[Path, str, str | None]]:
    """Tell of each name that an object must and may not have, with the path to it, and of the one that was meant."""
    for path, subschema in subschemas(schema):
        if subschema.get("additionalProperties") is not False or "patternProperties" in subschema:
            continue
        if "object" not in subschema.get("type", "object"):
            continue
        known, required = subschema.get("properties", {}), subschema.get("required", [])
        if _ASKING & {*path}:
            continue
        needed = {*required}
        left = [name for name in known if name not in needed]
        lost = [(index, name) for index, name in enumerate(required) if name not in known]
        for index, name in lost[:_TOLD_MAX]:
            yield (*path, "required", index), name, closest(name, left)


def _folded(word: str) -> str:
    """`min_length` and `minlength` are `minLength` to whoever wrote them."""
    return word.replace("_", "").lower()


_FOLDED: Final = {_folded(word): word for word in _CHECKING}
