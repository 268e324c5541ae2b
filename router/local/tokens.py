"""Tokens of the local models: cut text, count it, and spell a value with the log-probability of each of its tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from .belief import LEAST_PROBABLE, Belief

_TOKEN = re.compile(r" ?[^\W\d_]{1,8}|\d{1,3}|\s+|.", re.DOTALL)  # covers every character, once
_RIVALS = 12  # options a spelling is weighed against; the rest counts as "something else"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer, and how sure the model was of it given all before."""

    text: str
    logprob: float = 0.0


def split(text: str) -> list[str]:
    """Cuts a text into tokens that concatenate to it; none is empty, so there are never more than bytes."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Counts the tokens of a text."""
    return sum(1 for _ in _TOKEN.finditer(text))


def plain(text: str) -> list[Token]:
    """Spells what was never in doubt: braces, names, commas."""
    return [Token(piece) for piece in split(text)]


def spell(belief: Belief) -> list[Token]:
    """
    Spells the best value as JSON; the joint of its tokens is the value's probability.

    Each token has the mass of the options that begin like this, over the mass of those that began like the tokens
    before. Quotes are never in doubt, so the joint is the same with or without them. The last token in doubt also
    decides that nothing follows.
    """
    opening, inner, closing = _parts(belief.value)
    before, tokens = 1.0, []
    for piece, mass in zip(inner[:-1], _masses(belief, inner), strict=False):
        tokens.append(Token(piece, _log_ratio(mass, before)))
        before = mass
    tokens.append(Token(inner[-1], _log_ratio(belief.probability, before)))
    return [*plain(opening), *tokens, *plain(closing)]


def _masses(belief: Belief, inner: list[str]) -> Iterator[float]:
    """The mass of the options that share the first token, the first two, and so on."""
    rivals = [(_parts(value)[1], p) for value, p in belief.options[1:_RIVALS]]
    for length in range(1, len(inner)):
        rivals = [(pieces, p) for pieces, p in rivals if pieces[length - 1 : length] == inner[length - 1 : length]]
        yield min(1.0, belief.probability + sum(p for _, p in rivals))


def _parts(value: object) -> tuple[str, list[str], str]:
    """Opening quote, the tokens in doubt (at least one), closing quote."""
    text = orjson.dumps(value).decode()
    if isinstance(value, str) and value:
        return '"', split(text[1:-1]), '"'
    return "", split(text), ""


def _log_ratio(mass: float, before: float) -> float:
    return min(0.0, math.log(max(mass, LEAST_PROBABLE) / max(before, LEAST_PROBABLE)))
