"""Find the sums that a text states, and recompute them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

_NUM = r"[$€£¥]?+ ?+-?+(?:\d{1,3}(?:,\d{3}){1,5}+|\d{1,15}+)(?:\.\d{1,40}+)?+"
_UNIT = r"(?: ?+(?!of\b|x\b|times\b|(?<=\d)[a-fi-km-zA-Z]\b)[a-zA-Z]{1,12}+){0,2}+"  # 2x is a product, no two x
_OPERATOR = r"(?:% ?of\b|[-+*/×÷–−]|\bx\b|\btimes\b)"
_ATOM = rf"{_NUM}(?: ?%(?! ?of\b))?+{_UNIT}"
_SIDE = rf"{_ATOM}(?: ?{_OPERATOR} ?{_ATOM}){{0,50}}+"
_STATED = re.compile(rf"(?<![\w.,]){_SIDE}(?: ?= ?{_SIDE}){{1,20}}+(?![\w%]|[.,]\d| ?[(^*/×÷])")
"""Nothing in it is tried twice (`++`, `?+`): a model's text must not be able to make a worker think for hours."""

_LONGER = re.compile(r"[^\s:] ?[-+*/×÷–−^] ?[(]?$")
"""Before a match: the sum began further left, with something that cannot be computed."""

_PIECE = re.compile(rf"(?P<number>\d[\d,]*(?:\.\d+)?)(?P<percent> ?%(?! ?of\b))?|(?P<operator>{_OPERATOR})")
_AMOUNT_MAX = 10**300
_MEANING = {"×": "*", "x": "*", "times": "*", "÷": "/", "–": "-", "−": "-"}


@dataclass(frozen=True, slots=True)
class Step:
    """One `left = right` of a text, and what *left* really comes to."""

    text: str
    computed: float
    stated: float

    def holds(self, tolerance: float) -> bool:
        """Within *tolerance* of the greater amount, or within half a unit of two decimals: answers round."""
        return abs(self.computed - self.stated) <= max(tolerance * max(abs(self.computed), abs(self.stated)), 0.005)


def stated_steps(text: str) -> Iterator[Step]:
    """Yield every stated equation with an operation on its left; `3 + 4 = 14 / 2 = 7` gives one step a sign."""
    for match in _STATED.finditer(text):
        if _LONGER.search(text[max(0, match.start() - 5) : match.start()]):
            continue
        sides = [side.strip() for side in match[0].split("=")]
        for (left, computed), (right, stated) in pairwise((side, _amount(side)) for side in sides):
            if computed is not None and stated is not None and _operations(left):
                yield Step(text=f"{left} = {right}", computed=float(computed), stated=float(stated))


def _operations(side: str) -> int:
    return sum(1 for piece in _pieces(side) if isinstance(piece, str))


def _pieces(side: str) -> Iterator[Fraction | str]:
    """Numbers and operators of one side, in order; a sign before a number belongs to it."""
    negative, expecting = False, True
    for match in _PIECE.finditer(side):
        if match["operator"] is None:
            number = Fraction(match["number"].replace(",", "")) / (100 if match["percent"] else 1)
            yield -number if negative else number
            negative, expecting = False, False
        elif expecting:
            negative = _MEANING.get(match["operator"], match["operator"]) == "-"
        else:
            operator = match["operator"]
            yield "%" if operator.startswith("%") else _MEANING.get(operator, operator)
            expecting = True


def _amount(side: str) -> Fraction | None:
    """Products before sums, from the left; None where it cannot be computed, or no double can hold it."""
    terms: list[Fraction] = []
    operator = "+"
    for piece in _pieces(side):
        if isinstance(piece, str):
            operator = piece
            continue
        match operator:
            case "+":
                terms.append(piece)
            case "-":
                terms.append(-piece)
            case "/" if piece == 0:
                return None
            case _ if not terms:
                return None
            case "/":
                terms[-1] /= piece
            case "%":
                terms[-1] *= piece / 100
            case _:
                terms[-1] *= piece
    total = sum(terms, Fraction(0))
    return total if terms and abs(total) < _AMOUNT_MAX else None
