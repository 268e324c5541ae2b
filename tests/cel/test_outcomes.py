"""What a rule can come to under its schemas."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.cel.expression import ExpressionError, activation, compile_expression
from router.cel.outcomes import ANY, Analysis
from router.cel.problem import ExpressionInvalid
from router.cel.scope import scope_of
from router.cel.tree import tree_of

INPUT: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["a", "b"]},
        "sort": {"type": ["string", "null"], "enum": ["a", "c", None]},
        "count": {"type": "integer", "minimum": 1, "maximum": 3},
        "level": {"type": ["integer", "null"], "minimum": 2, "maximum": 2},
        "tax": {"type": "integer", "minimum": 5},
        "flag": {"type": "boolean"},
        "items": {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {"kind": {"enum": ["x"]}}}},
    },
    "required": ["kind", "sort", "count", "level", "flag", "items"],
    "additionalProperties": False,
}
YES, NO, EITHER = frozenset((True,)), frozenset((False,)), frozenset((True, False))


def outcomes(source: str) -> frozenset[bool | None]:
    return Analysis(INPUT, OUTPUT).outcomes(tree_of(source, scope_of(INPUT, OUTPUT)))


@pytest.mark.parametrize(
    ("source", "possible"),
    [
        ("output.kind == 'a'", EITHER),
        ("output.kind == 'z'", NO),
        ("output.kind != 'z'", YES),
        ("output.kind in ['a', 'b']", YES),
        ("output.kind in ['x', 'y']", NO),
        ("output.sort == null", EITHER),
        ("output.count >= 1 && output.count <= 3", YES),
        ("output.count > 3", NO),
        ("2 < output.count", EITHER),
        ("4 <= output.count", NO),
        ("output.level == 2", EITHER),
        ("output.level > 1", frozenset((True, None))),
        ("output.tax > 1", frozenset((True, None))),
        ("has(output.tax)", EITHER),
        ("has(output.kind)", YES),
        ("!has(output.kind) || output.flag", EITHER),
        ("size(output.items) <= 2", YES),
        ("output.flag ? output.count > 0 : output.kind == 'z'", EITHER),
        ("output.items.all(i, i.kind == 'x')", ANY),
        ("has(input.text) && input.text == ''", frozenset((True, False, None))),
        ("output.flag == true", EITHER),
        ("output.count == output.count", YES),
        ("output.count < output.count", NO),
    ],
)
def test_what_is_possible(source: str, possible: frozenset[bool | None]) -> None:
    """Labels, bounds, required fields and logic bound what a rule can say."""
    assert outcomes(source) == possible


def test_values_that_never_are_and_comparisons_that_never_hold() -> None:
    """Within a rule, each foreign value and each hopeless comparison is found, also in a macro."""
    source = "output.kind == 'z' || output.count > 7 || output.items.exists(i, i.kind == 'q') || output.flag"
    tree, analysis = tree_of(source, scope_of(INPUT, OUTPUT)), Analysis(INPUT, OUTPUT)

    assert [(found.literal.value, found.known) for found in analysis.foreign(tree)] == [
        ("z", ("a", "b")),
        ("q", ("x",)),
    ]
    assert [source[call.at :][:3] for call in analysis.never(tree)] == ["> 7"]


FIELDS = ["output.kind", "output.sort", "output.count", "output.level", "output.tax", "size(output.items)"]
ATOMS = st.one_of(
    st.sampled_from(["output.flag", "has(output.tax)", "has(input.text)", "true", "false"]),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(FIELDS),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(["1", "2", "5", "'a'", "'z'", "null", "output.count", "output.kind"]),
    ),
    st.builds("{} in {}".format, st.sampled_from(FIELDS), st.sampled_from(["['a', 'b']", "['z']", "[1, 2, 3]"])),
)
RULES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=5,
)
VALUES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["a", "b"]),
        "sort": st.sampled_from(["a", "c", None]),
        "count": st.integers(1, 3),
        "level": st.sampled_from([2, None]),
        "flag": st.booleans(),
        "items": st.lists(st.just({"kind": "x"}), max_size=2),
    },
    optional={"tax": st.integers(5, 9)},
)


@settings(max_examples=300, deadline=None)
@given(RULES, VALUES, st.sampled_from([{}, {"text": "a"}]))
def test_nothing_happens_that_was_not_held_possible(source: str, output: Any, input: Any) -> None:
    """Whatever a rule says of any output under the schema was among what it could say."""
    try:
        rule = compile_expression(source, input_schema=INPUT, output_schema=OUTPUT)
    except ExpressionInvalid:
        return
    said = rule(activation(input, output, input_schema=INPUT, output_schema=OUTPUT))

    assert (None if isinstance(said, ExpressionError) else said) in outcomes(source)
