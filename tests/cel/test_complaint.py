"""CEL's complaints: a sentence and a place that help the author of a rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.cel.expression import ExpressionError
from router.cel.problem import ExpressionInvalid, ExpressionProblem
from tests.rules import compiled, problems_of, value_of


@pytest.mark.parametrize(
    ("source", "line", "column", "message", "suggestion"),
    [
        ("output.totl == 1.0", 1, 8, "output has no field 'totl'", "total"),
        ("output.merchant == 'é😀' && has(output.totl)", 1, 39, "output has no field 'totl'", "total"),
        (
            "output.total > 0.0 &&\n  output.items.all(i, i.pric > 0.0)",
            2,
            25,
            "output.items[] has no field 'pric'",
            "price",
        ),
        ("output.tree.kids.all(k, k.kids.all(j, j.valu > 0.0))", 1, 41, "output.tree has no field 'valu'", "value"),
        ("output.rates.eur == 1", 1, 18, "'==' does not take double and int", "1.0"),
        ("output.total == 1", 1, 14, "'==' does not take double and int", "1.0"),
        ("2 < output.tip", 1, 3, "'<' does not take int and nullable double", "2.0"),
        ("output.total == output.count", 1, 14, "'==' does not take double and int: convert one, double(...)", None),
        ("outpt.total > 1.0", 1, 1, "there is no 'outpt'", "output"),
        ("1.0 < total", 1, 7, "there is no 'total'", "output.total"),
        ("output.merchant != whenever", 1, 20, "there is no 'whenever'; a text wants quotes: 'whenever'", None),
        ("whenever.size() > 1", 1, 1, "there is no 'whenever'", None),
        ("output.merchant.startWith('a')", 1, 17, "there is no function 'startWith'", "startsWith"),
        ("math.round2(output.total) > 1.0", 1, 6, "there is no function 'round2'", "round"),
        (
            "output.merchant in input.text",
            1,
            17,
            "'in' does not take string and string: write whole.contains(part)",
            None,
        ),
        (
            "output['total'] == 1.0",
            1,
            7,
            "'[]' does not take object and string: write a dot and the field's name",
            None,
        ),
        ("output.total = 1.0", 1, 14, "cannot be read at '=': compare with ==", None),
        ("output.total > 1.0 and true", 1, 20, "cannot be read at 'and': write &&", None),
        ("output.total >", 1, 15, "cannot be read at the end", None),
        ("output.total >\n", 1, 15, "cannot be read at the end", None),
        ("math.abs(\n  output.total", 1, 9, "this '(' is never closed", None),
        ("(output.total > 1.0 && ('(' != ')')\n\n", 1, 1, "this '(' is never closed", None),
        ("output.items.sum() > 1.0", 1, 14, "'sum' does not take list(object)", None),
        ("output.total", 1, 1, "a rule must be true or false, this gives double: compare it", None),
        ("output.total.x == 1", 1, 14, "double has no fields", None),
        ("output.total.all(i, i > 1.0)", 1, 8, "double has no elements to go through", None),
        ("", 1, 1, "the expression is empty", None),
        ("'\ud800' == 'a'", 1, 1, "the expression holds a lone surrogate", None),
    ],
)
def test_says_what_is_wrong_and_where(source, line, column, message, suggestion):
    """A mistake has its line and column, a sentence, and the word that was probably meant."""
    assert problems_of(source) == [ExpressionProblem(line, column, message, suggestion)]


def test_null_is_only_compared_where_the_schema_allows_it():
    """`!= null` on a field that is never null is a mistake, with what to write instead."""
    (problem,) = problems_of("output.total != null")

    assert "has(...) tells whether a field is there" in problem.message


def test_tells_all_mistakes_at_once():
    """An author sees every mistake of a rule in one go."""
    assert [
        (p.column, p.suggestion) for p in problems_of("output.totl > 1.0 && output.tax > 1 && output.cout == 1")
    ] == [
        (8, "total"),
        (33, "1.0"),
        (47, "count"),
    ]


@pytest.mark.parametrize(
    ("source", "output", "sentence"),
    [
        ("output.tax > 1.0", {}, "there is no 'tax' here; guard it with has(...)"),
        ("output.tip > 1.0", {"tip": None}, "'>' does not take null and double"),
        ("output.note.size() > 1", {"note": None}, "'size' does not take null"),
        ("output.items[7].price > 1.0", {"items": []}, "there is no element 7 in a list of 0"),
        ("1 / output.count == 1", {"count": 0}, "divide by zero"),
        ("output.count + 1 > 0", {"count": 2**63 - 1}, "integer overflow"),
        ("output.items.map(i, i.qty).sum() > 0", {"items": [{"qty": 2**62}] * 2}, "integer overflow in sum()"),
        ("output.extra.n", {"extra": {"n": 5}}, "its value is 5, not true or false"),
        ("output.extra.n == 1 ? output.extra.n : true", {"extra": {"n": 1}}, "its value is 1, not true or false"),
        ("output.tree.value > 1.0", {"tree": None}, "a field was asked of something that is no object (null?)"),
        (
            "output.extra.x.all(i, i > 1)",
            {"extra": {"x": 3}},
            "something that is no list and no object has no elements",
        ),
        ("output.extra.x && true", {"extra": {"x": "a"}}, "a condition is neither true nor false"),
        ("output.extra.x.sum() > 0", {"extra": {"x": ["a"]}}, "sum() takes a list of numbers"),
        ("output.merchant == 'a'", {"merchant": "\ud800"}, "a text holds a lone surrogate"),
        ("output.merchant == 'a'", {"merchant": (1, 2)}, "a value is not of JSON"),
        ("output.merchant.matches(input.text)", {"merchant": "a"}, "invalid regular expression"),
        ("int(output.merchant) > 0", {"merchant": "a"}, "cannot convert string to int"),
        ("output.total > 1.0", None, "a field was asked of something that is no object (null?)"),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(source, output, sentence):
    """An evaluation error is a value for people to read, not an exception."""
    said = value_of(source, output, {"text": "("})

    assert isinstance(said, ExpressionError)
    assert str(said).startswith(sentence)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "output",
                ".total",
                ".items",
                ".map(i, i",
                ".sum()",
                "(",
                ")",
                " + ",
                "1",
                "1.0",
                "'a",
                "'",
                "==",
                "!",
                "\n",
                "é",
                "[",
                "]",
                "{",
                "?",
                ":",
                "//",
            ]
        ),
        max_size=12,
    )
)
def test_any_source_compiles_or_is_refused(parts):
    """Whatever an author writes, the answer is a rule or a list of problems within the text."""
    source = "".join(parts)
    try:
        compiled(source)
    except ExpressionInvalid as refused:
        lines = source.split("\n")
        assert refused.problems
        assert all(p.line <= len(lines) and 1 <= p.column <= len(lines[p.line - 1]) + 1 for p in refused.problems)
