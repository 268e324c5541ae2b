"""A mistake in an expression, as people read it."""

from __future__ import annotations

from router.cel.problem import ExpressionInvalid, ExpressionProblem, problem_at


def test_prints_its_place_and_what_was_meant():
    """Line and column come first, the suggestion last; the error tells one mistake a line."""
    unknown = ExpressionProblem(2, 8, "there is no 'totl'", "total")
    invalid = ExpressionInvalid([unknown, ExpressionProblem(3, 1, "cannot be read at the end")])

    assert str(invalid) == "2:8: there is no 'totl'; did you mean 'total'?\n3:1: cannot be read at the end"


def test_an_offset_is_a_line_and_a_column():
    """Both count from 1, in characters."""
    assert problem_at("a &&\n  é.b", 9, "here") == ExpressionProblem(2, 5, "here")
