"""CEL twice: the environment in which rules run, and the one in which they are checked against types."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from ..jsontext import INT_MAX, INT_MIN
from .coercion import same
from .descriptors import descriptors, variable
from .shape import Objects, Shape

SUM_OF_INTS: Final = "sumOfInts"
SUM_OF_DOUBLES: Final = "sumOfDoubles"
_EXTENSIONS: Final = (ext_math.ExtMath(), ext_strings.ExtStrings())


@lru_cache(maxsize=1)
def runtime() -> Any:
    """Make the one that runs rules: it knows no types, because a checker has vouched for how values are used."""
    anything, numbers = cel.Type.DYN, cel.Type.List(cel.Type.DYN)
    return cel.NewEnv(
        variables={"input": anything, "output": anything},
        extensions=_EXTENSIONS,
        functions=[
            _method(SUM_OF_INTS, [(numbers, anything)], _sum_of_ints),
            _method(SUM_OF_DOUBLES, [(numbers, anything)], _sum_of_doubles),
        ],
    )


def checker(input: Shape, output: Shape, objects: Objects) -> Any:
    """Make one that checks rules about an input and an output of these shapes; what it compiles is never run."""
    ints, doubles = ((cel.Type.List(number), number) for number in (cel.Type.INT, cel.Type.DOUBLE))
    return cel.NewEnv(
        descriptor_pool=descriptors(objects),
        variables={"input": variable(input), "output": variable(output)},
        extensions=_EXTENSIONS,
        functions=[
            _method("sum", [ints, doubles], same),
            _method(SUM_OF_INTS, [ints], same),
            _method(SUM_OF_DOUBLES, [doubles], same),
        ],
    )


def _method(name: str, types: Iterable[tuple[Any, Any]], does: Callable[[Any], Any]) -> Any:
    """Declare a method by the types it takes and gives."""
    overloads = [
        cel.Overload(f"{name}_{place}", gives, [takes], is_member=True, impl=does)
        for place, (takes, gives) in enumerate(types)
    ]
    return cel.FunctionDecl(name, overloads)


def _sum_of_ints(numbers: list[Any]) -> Any:
    _check_numbers(numbers)
    total = sum(numbers)
    if isinstance(total, int) and not INT_MIN <= total <= INT_MAX:
        raise OverflowError("integer overflow in sum()")
    return total


def _sum_of_doubles(numbers: list[Any]) -> float:
    _check_numbers(numbers)
    return math.fsum(numbers)


def _check_numbers(numbers: list[Any]) -> None:
    if any(type(number) not in (int, float) for number in numbers):
        raise TypeError("sum() takes a list of numbers")
