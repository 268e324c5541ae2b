"""Find the sums that a text states, and recompute them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_NUM = r"[$€£¥]?\s?-?\d{1,15}(?:,\d{3})*(?:\.\d{1,12})?"
_UNIT = r"(?:\s?(?!of\b|x\b|times\b)[a-zA-Z]{1,12}){0,2}"
_OPERATOR = r"(?:%\s?of\b|[-+*/×÷–−]|\bx\b|\btimes\b)"
_ATOM = rf"{_NUM}(?:\s?%(?!\s?of\b))?{_UNIT}"
_SIDE = rf"{_ATOM}(?:\s?{_OPERATOR}\s?{_ATOM})*"
_STATED = re.compile(rf"(?<![\w.]){_SIDE}(?:\s?=\s?{_SIDE})+")
_PIECE = re.compile(rf"(?P<number>\d[\d,]*(?:\.\d+)?)(?P<percent>\s?%(?!\s?of\b))?|(?P<operator>{_OPERATOR})")
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
    """Yield every stated equation with an operation on its left; `3 + 4 = 7 = 14 / 2` gives one step a sign."""
    for match in _STATED.finditer(text):
        sides = [side.strip() for side in match[0].split("=")]
        amounts = [_amount(side) for side in sides]
        for (left, computed), (right, stated) in zip(
            zip(sides, amounts, strict=True), list(zip(sides, amounts, strict=True))[1:], strict=False
        ):
            if computed is not None and stated is not None and _PIECE.search(left) and _operations(left):
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
    """Products before sums, from the left; None where it cannot be computed."""
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
    return sum(terms, Fraction(0)) if terms else None
