"""Align the tokens of a reply with the fields of its output, and turn log-probabilities into confidences."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, islice

from .call import Token
from .jsontext import Path, spans
from .schema.subschema import resolve
from .values import Json

_HOPS_MAX = 8
"""How many references and combinations are followed in search of an enum; a schema may refer to itself."""

_BRANCHES_MAX = 64
"""How many are looked into at each step of a path: a schema that refers to itself twice has 2 ** depth of them."""


def field_confidences(text: str, tokens: Sequence[Token], schema: Mapping[str, Json]) -> dict[str, float] | None:
    """
    Say how sure the model was of each scalar of a JSON *text*: `{"total": 0.93, "items.0.price": 0.99}`.

    A token counts for a value if it overlaps the value's characters (quotes, braces, keys and blanks belong to none).
    Closed values (enum, const, boolean, number, null) take the joint probability of their tokens: a wrong value may
    begin with the right token.  Free strings take their least probable token, else long names would all look doubtful.
    Returns None where the tokens do not spell the text: then nothing can be said.
    """
    ends = list(accumulate(token.size for token in tokens))
    if not ends or ends[-1] != len(text.encode()):
        return None
    at = _byte_offsets(text)
    confidences = {}
    for path, (start, end) in spans(text).items():
        first = bisect_right(ends, at(start))
        last = bisect_right(ends, max(at(start), at(end) - 1))
        logprobs = [token.logprob for token in tokens[first : last + 1]]
        free = text[start - 1 : start] == '"' and not _is_closed(schema, path)
        level = min(logprobs) if free else sum(logprobs)
        confidences[".".join(map(str, path))] = _probability(level)
    return confidences


def text_confidence(tokens: Sequence[Token]) -> float | None:
    """The geometric mean of the token probabilities of free text: the usual length-neutral measure."""
    return _probability(sum(t.logprob for t in tokens) / len(tokens)) if tokens else None


def _probability(logprob: float) -> float:
    return round(min(1.0, math.exp(min(0.0, logprob))), 6)


def _byte_offsets(text: str) -> Callable[[int], int]:
    """Characters are bytes in ASCII text, which most JSON is: only other text pays for a table."""
    if text.isascii():
        return int
    offsets = [0, *accumulate(len(c.encode()) for c in text)]
    return offsets.__getitem__


def _is_closed(schema: Mapping[str, Json], path: Path) -> bool:
    """True where the schema lists the values that may stand at *path*, in whatever branch it says so."""
    branches = _some(_branches(schema, schema, _HOPS_MAX))
    for part in path:
        inner = [b.get("items") if isinstance(part, int) else b.get("properties", {}).get(part) for b in branches]
        branches = _some(branch for found in inner for branch in _branches(schema, found, _HOPS_MAX))
    return any("enum" in branch or "const" in branch for branch in branches)


def _some(branches: Iterator[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The first branches, each once."""
    return list({id(branch): branch for branch in islice(branches, _BRANCHES_MAX)}.values())


def _branches(root: Mapping[str, Json], schema: Json, hops: int) -> Iterator[Mapping[str, Json]]:
    """The schema, and those that it refers to or combines."""
    if not isinstance(schema, Mapping) or not hops:
        return
    yield schema
    if isinstance(ref := schema.get("$ref"), str):
        yield from _branches(root, resolve(root, ref), hops - 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(keyword, ()):
            yield from _branches(root, part, hops - 1)
