"""The regular expressions that stand in a rule."""

from __future__ import annotations

import pytest

from router.cel.patterns import pattern_problems, refused
from tests.rules import INPUT, OUTPUT


@pytest.mark.parametrize(
    ("source", "column", "said"),
    [
        ("input.text.matches('(')", 20, "missing ): ("),
        ("has(output.tax) && !input.text.matches(r'(?<=a)b')", 40, "invalid perl operator: (?<="),
        ("output.items.all(i, matches(input.text, '['))", 41, "missing ]: ["),
    ],
)
def test_what_re2_refuses_is_told_before_it_runs(source: str, column: int, said: str) -> None:
    """A broken expression would fail on every reply, so its author hears of it at its literal."""
    (problem,) = pattern_problems(source, input_schema=INPUT, output_schema=OUTPUT)

    assert (problem.line, problem.column) == (1, column)
    assert problem.message == f"RE2 cannot read the expression: {said}"


@pytest.mark.parametrize("source", ["input.text.matches('a+')", "input.text.matches(output.merchant)", "true"])
def test_what_can_be_read_or_is_not_known_yet_is_fine(source: str) -> None:
    """An expression that comes with the reply can only be looked at then."""
    assert pattern_problems(source, input_schema=INPUT, output_schema=OUTPUT) == []


def test_look_around_is_refused_and_classes_are_not() -> None:
    """RE2 has no look-around and no back-references; Unicode classes it has."""
    assert refused(r"\p{Hiragana}+") is None
    assert refused(r"(a)\1") == r"RE2 cannot read the expression: invalid escape sequence: \1"
