"""The steps check: is the arithmetic that the answer states right?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Steps
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

TEXT = a_policy(output={"text": {}}, checks=[])


def steps(text: Any, **settings: Any) -> Any:
    return Steps(check="steps", field="working", **settings)(a_subject({"working": text}))


@pytest.mark.parametrize("text", ["9 * 2 = 18, and 18 + 1 = 19.", "no sums at all", "", None, "2 / 3 = 0.67"])
def test_right_sums_pass(text: str | None) -> None:
    """Sums that hold, rounded or not, and texts without any are fine."""
    assert steps(text).outcome is Outcome.PASS


def test_a_wrong_sum_fails_with_what_it_comes_to() -> None:
    """The reason shows the sum as it was written and its true result."""
    finding = steps("First 2 + 2 = 4. Then 4 * 3 = 13.")

    assert finding.outcome is Outcome.FAIL
    assert finding.reason == "the answer says 4 * 3 = 13, but that is 12"


def test_the_tolerance_is_the_authors() -> None:
    """How far a rounded result may be off is a share of it."""
    assert steps("1000 / 3 = 330").outcome is Outcome.FAIL
    assert steps("1000 / 3 = 330", tolerance=0.05).outcome is Outcome.PASS


def test_a_text_is_looked_at_as_a_whole() -> None:
    """Where the output is a text itself, it needs no field."""
    assert Steps(check="steps")(a_subject("1 + 1 = 3", policy=TEXT)).outcome is Outcome.FAIL


def test_every_text_under_a_field_is_looked_at() -> None:
    """A list of steps is checked step by step."""
    assert steps(["1 + 1 = 2", "2 + 2 = 5"]).outcome is Outcome.FAIL
