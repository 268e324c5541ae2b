"""Which sums a text states, and whether they hold."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.arithmetic import Step, stated_steps

PROBLEMS = Path(__file__).parents[2] / "shared" / "data" / "routellm_gsm8k.jsonl.gz"
TOLERANCE = 0.005


def told(text: str) -> list[tuple[str, float, float]]:
    return [(step.text, step.computed, step.stated) for step in stated_steps(text)]


@pytest.mark.parametrize(
    ("text", "computed", "stated"),
    [
        ("2 + 3 = 5", 5, 5),
        ("2+3=6", 5, 6),
        ("so 7 - 10 = -3.", -3, -3),
        ("4 × 3 = 12", 12, 12),
        ("4 x 3 = 12", 12, 12),
        ("4 times 3 = 12", 12, 12),
        ("9 ÷ 3 = 3", 3, 3),
        ("7 − 2 = 5", 5, 5),
        ("2 + 3 * 4 = 14", 14, 14),
        ("20 - 6 / 3 = 18", 18, 18),
        ("100 / 5 / 2 = 10", 10, 10),
        ("3 * -2 = -6", -6, -6),
        ("$9 * 2 = $18", 18, 18),
        ("$1,234.50 + $0.50 = $1,235", 1235, 1235),
        ("5 apples + 3 apples = 8 apples", 8, 8),
        ("300g / 5 = 60g", 60, 60),
        ("3 hours * $20 per hour = $60", 60, 60),
        ("20% of 50 = 10", 10, 10),
        ("50 * 20% = 10", 10, 10),
        ("100% - 20% = 80%", 0.8, 0.8),
        ("Total = 4 + 1 = 5", 5, 5),
        ("- 4 + 1 = 5", 5, 5),
        ("is 3 + 4 = 7, so", 7, 7),
        ("1 / 3 = 0.3333333333333333", 1 / 3, 1 / 3),
    ],
)
def test_a_stated_sum_is_recomputed(text: str, computed: float, stated: float) -> None:
    """Signs, money, units, percentages and precedence are understood; products come before sums."""
    ((_, found, said),) = told(text)

    assert (found, said) == (pytest.approx(computed), pytest.approx(stated))


def test_every_sign_of_a_chain_is_a_step() -> None:
    """`a = b = c` states two things."""
    assert told("3 + 4 = 14 / 2 = 7") == [("3 + 4 = 14 / 2", 7, 7), ("14 / 2 = 7", 7, 7)]


def test_sums_are_found_all_over_a_text() -> None:
    """Each line and each sentence may state some."""
    text = "First 1 + 1 = 2.\n2 * 3 = 6, then 6 / 4 = 1.5 remain.\n#### 1.5"

    assert [step for step, _, _ in told(text)] == ["1 + 1 = 2", "2 * 3 = 6", "6 / 4 = 1.5 remain"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 5",
        "the total = 12",
        "5 apples = 5 fruits",
        "-5 = -5",
        "16 students = 4 * 4",
        "2x + 3 = 11",
        "2S + 30 + 5 = 110",
        "3y = 12",
        "(2 + 3) * 4 + 1 = 21",
        "x * 4 + 1 = 21",
        "2 * (3 + 4) = 14",
        "3 * 4 = 2(6)",
        "2 + 3 = 5x",
        "12,5 + 3 = 15,5",
        "1.2.3 + 4 = 5",
        "2^3 + 1 = 9",
        "1 / 0 = 5",
        "2026-03-01 = today",
        "5 + = 6",
        "3 + 4 =",
        "version 1 + 2 == 3",
    ],
)
def test_what_cannot_be_computed_is_no_step(text: str) -> None:
    """Algebra, brackets, powers, definitions and halves of longer sums are left alone: a wrong alarm costs a tier."""
    assert told(text) == []


def test_a_sum_ends_with_its_line() -> None:
    """A dash or a word on the next line is no part of it."""
    text = "60 - 3 = 57 seconds\n- 3rd runner\n4 * 2 = 8\nThen"

    assert told(text) == [("60 - 3 = 57 seconds", 57, 57), ("4 * 2 = 8", 8, 8)]


@pytest.mark.parametrize(
    ("computed", "stated", "holds"),
    [
        (2 / 3, 0.67, True),
        (2 / 3, 0.6, False),
        (1000 / 3, 333, True),
        (1000 / 3, 330, False),
        (0, 0, True),
        (0, 0.004, True),
        (0, 0.01, False),
        (-5, 5, False),
        (12, 13, False),
    ],
)
def test_rounding_is_forgiven_mistakes_are_not(computed: float, stated: float, holds: bool) -> None:
    """Half a percent, or half a unit of the second decimal, is how people round."""
    assert Step(text="", computed=computed, stated=stated).holds(TOLERANCE) is holds


FORMS = ["{} {} {} = {}", "${} {} ${}={} dollars"]
OPERATORS = {"+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__}
AMOUNTS = st.integers(0, 10**6) | st.decimals(0, 10**4, places=2)


@given(AMOUNTS, st.sampled_from(sorted(OPERATORS)), AMOUNTS, st.sampled_from(FORMS))
def test_right_sums_hold_and_wrong_ones_do_not(one: Any, operator: str, other: Any, form: str) -> None:
    """Whatever the numbers: the true result holds, a tenth more does not."""
    true = OPERATORS[operator](Fraction(one), Fraction(other))
    wrong = true + abs(true) / 10 + 1

    right, mistaken = (f"{float(result):.4f}" for result in (true, wrong))

    assert [s.holds(TOLERANCE) for s in stated_steps(form.format(one, operator, other, right))] == [True]
    assert [s.holds(TOLERANCE) for s in stated_steps(form.format(one, operator, other, mistaken))] == [False]


@given(st.text("0123456789 +-*/=x%$,.aof\n()", max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    """No text is a surprise; every step stands in the text."""
    for step in stated_steps(text):
        left, _, right = step.text.partition(" = ")
        assert left in text
        assert right in text


@pytest.mark.parametrize(
    "text",
    [
        "5 abcdefgh + " * 40,
        "5 abcdefgh ijkl " * 5_000,
        "1+" * 20_000,
        "1 = " * 20_000,
        "1,111" * 20_000,
        "9" * 20_000 + " + 1 = 2",
        "1" + ",111" * 20_000 + " + 1 = 2",
        " * ".join(["999999999999999"] * 51) + " = 2",
        "1 / " + " / ".join(["999999999999999"] * 50) + " = 2",
    ],
)
def test_no_text_takes_long_or_breaks_it(text: str) -> None:
    """Chains without an end, numbers without an end and results beyond a double are met calmly."""
    assert len(told(text)) <= 1


@pytest.mark.skipif(not PROBLEMS.exists(), reason=f"the data set {PROBLEMS.name} is not here")
def test_real_answers_state_sums_and_right_ones_mostly_hold(record_property: Any) -> None:
    """In models' answers to school problems most state sums, and few right answers raise an alarm."""
    with gzip.open(PROBLEMS, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for model in ("weak", "strong"):
        judged = [(row[f"{model}_ok"], list(stated_steps(row[model]))) for row in rows]
        alarmed = [(ok, any(not step.holds(TOLERANCE) for step in steps)) for ok, steps in judged]
        stating = sum(bool(steps) for _, steps in judged) / len(rows)
        right = [alarm for ok, alarm in alarmed if ok]
        wrong = [alarm for ok, alarm in alarmed if not ok]
        figures = (
            f"{stating:.3f} state sums; alarms in {sum(right)} of {len(right)} right answers"
            f" and {sum(wrong)} of {len(wrong)} wrong ones"
        )
        record_property(model, figures)
        print(f"{model}: {figures}")
        assert stating > 0.8
        assert sum(right) / len(right) < 0.02
        assert sum(wrong) / len(wrong) > sum(right) / len(right)
