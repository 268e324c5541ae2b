"""Align the tokens of a reply with the fields of its output, and turn log-probabilities into confidences."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from .call import Token
from .jsontext import spans
from .values import Json

Path = tuple[str | int, ...]


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
        level = sum(logprobs) if _is_closed(_schema_at(schema, path), text[start:end]) else min(logprobs)
        confidences[".".join(map(str, path))] = _probability(level)
    return confidences


def text_confidence(tokens: Sequence[Token]) -> float | None:
    """The geometric mean of the token probabilities of free text: the usual length-neutral measure."""
    return _probability(sum(t.logprob for t in tokens) / len(tokens)) if tokens else None


def _probability(logprob: float) -> float:
    return round(min(1.0, math.exp(min(0.0, logprob))), 6)


def _byte_offsets(text: str):  # type: ignore[no-untyped-def]
    """Characters are bytes in ASCII text, which most JSON is: only other text pays for a table."""
    if text.isascii():
        return int
    offsets = [0, *accumulate(len(c.encode()) for c in text)]
    return offsets.__getitem__


def _schema_at(schema: Mapping[str, Json], path: Path) -> Mapping[str, Json]:
    for part in path:
        inner = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        if not isinstance(inner, Mapping):
            return {}
        schema = inner
    return schema


def _is_closed(schema: Mapping[str, Json], literal: str) -> bool:
    if "enum" in schema or "const" in schema:
        return True
    types = schema.get("type")
    return "string" not in (types if isinstance(types, list) else [types]) or literal == "null"
