"""Values: frozen, strict, and true to their fields."""

from __future__ import annotations

from functools import cached_property

import pytest
from pydantic import ValidationError

from router.values import Finite, Value, iso


class Sum(Value):
    one: int
    other: int

    @cached_property
    def total(self) -> int:
        return self.one + self.other


class Weighed(Value):
    weight: Finite


def test_a_changed_copy_works_out_anew() -> None:
    """What was worked out from the old fields, and kept, is not carried along."""
    value = Sum(one=1, other=2)

    assert value.total == 3
    assert value.model_copy(update={"other": 5}).total == 6
    assert value.total == 3


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "-inf"])
def test_a_finite_number_is_one(weight: object) -> None:
    """What is not a number, or has no end, is no finite number."""
    with pytest.raises(ValidationError):
        Weighed(weight=weight)


def test_a_moment_is_told_in_utc() -> None:
    """Times on screens and in JSON are ISO 8601, with milliseconds, in UTC."""
    assert iso(1_800_000_000_123) == "2027-01-15T08:00:00.123Z"
