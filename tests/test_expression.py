"""Rules in CEL: typed by schemas, told precisely what is wrong, evaluated without raising, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.expression import (
    ELEMENTS_MAX,
    SOURCE_BYTES_MAX,
    WORDS,
    ExpressionError,
    ExpressionInvalid,
    ExpressionProblem,
    activation,
    compile_expression,
)

INPUT = {"type": "object", "properties": {"text": {"type": "string"}, "lines": {"type": "array"}}}
OUTPUT = {
    "type": "object",
    "required": ["total"],
    "properties": {
        "total": {"type": "number"},
        "tax": {"type": "number"},
        "count": {"type": "integer"},
        "merchant": {"type": "string"},
        "date": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "fees": {"type": ["array", "null"], "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "tip": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "extra": {"type": "object"},
        "rates": {"type": "object", "additionalProperties": {"type": "number"}},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"price": {"type": "number"}, "qty": {"type": "integer"}}},
        },
        "tree": {"$ref": "#/$defs/node"},
    },
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }
    },
}
LABEL = {"type": "string", "enum": ["refund", "exchange"]}
TOOL = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
    "required": ["name", "arguments"],
}


def compiled(source, output_schema=OUTPUT):
    return compile_expression(source, input_schema=INPUT, output_schema=output_schema)


def value_of(source, output, input=None, output_schema=OUTPUT):
    """What a rule says about an output."""
    values = activation(input or {"text": ""}, output, input_schema=INPUT, output_schema=output_schema)
    return compiled(source, output_schema)(values)


def problems_of(source, output_schema=OUTPUT):
    """The mistakes in a rule."""
    with pytest.raises(ExpressionInvalid) as refused:
        compiled(source, output_schema)
    return list(refused.value.problems)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.example)
def test_documented_words_compile(word):
    """Every example that the documentation shows an author is a sound rule."""
    compiled(word.example)


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


RECEIPT = {
    "total": 12,
    "count": 2.0,
    "merchant": "ACME",
    "note": None,
    "tip": None,
    "extra": {"flag": True, "order-id": "a", "n": 1},
    "rates": {"eur": 1},
    "items": [{"price": 10, "qty": 1}, {"price": 2.0, "qty": 1}],
    "tree": {"value": 1, "kids": [{"value": 2, "kids": []}]},
}


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("math.abs(output.items.map(i, i.price).sum() - output.total) < 0.01", True),
        ("output.items.map(i, i.qty).sum() == output.count", True),
        ("output.items.filter(i, i.price > 99.0).map(i, i.price).sum() - output.total < 0.0", True),
        ("output.items.map(i, i.qty).sum() + 1 == 3 && output.items.map(i, i.price).sum() + 1.0 == 13.0", True),
        ("output.items.map(i, i.price).sum() + 1.0 == 13.0 && output.items.map(i, i.qty).sum() + 1 == 3", True),
        ("output.items.filter(i, i.price > 99.0).map(i, i.qty).sum() == 0", True),
        ("output.total == 12.0 && output.count == 2 && output.rates.eur == 1.0", True),
        ("output.tree.kids[0].value == 2.0 && output.tree.kids.all(k, k.kids.size() == 0)", True),
        ("input.text.contains(output.merchant)", False),
        ("output.extra['order-id'] == 'a' && output.extra.flag", True),
        ("has(output.tax) && output.tax > 1.0", False),
        ("output.tip == null || output.tip > 1.0", True),
        ("output.note == null || output.note.startsWith('a')", True),
        ("'a.sum()' == r'a.sum()' && output.count.type() == 1 || true // .sum()", None),
    ],
)
def test_rules_answer(source, answer):
    """Numbers take the types of the schema, null can be guarded, absence can be asked for."""
    if answer is None:
        assert problems_of(source)
    else:
        assert value_of(source, RECEIPT) is answer


def test_sums_are_exact():
    """Ten dimes are one dollar."""
    items = [{"price": 0.1}] * 10

    assert value_of("output.items.map(i, i.price).sum() == 1.0", {"items": items}) is True


def test_strings_that_look_like_sums_are_left_alone():
    """Text and comments are no code."""
    assert value_of("'a.sum()' + r'\\.sum()' == 'a.sum()\\\\.sum()' // .sum()", {}) is True


@pytest.mark.parametrize(
    ("source", "schema", "output"),
    [
        ("output == 'refund' && output.startsWith('re')", LABEL, "refund"),
        ("output.size() > 3", {"type": "string"}, "hello"),
        ("output.name == 'book' && output.arguments.seats > 1 && has(output.arguments.city)", TOOL, None),
        ("output.all(n, n > 1.0) && output.sum() == 5.0", {"type": "array", "items": {"type": "number"}}, [2, 3]),
        ("output['a'] == 2.0", {"type": "object", "additionalProperties": {"type": "number"}}, {"a": 2}),
        ("output == null || output > 1", {"type": ["integer", "null"]}, 2.0),
        ("output['order-id'] == 1", {"properties": {"order-id": {"type": "integer"}}}, {"order-id": 1}),
        (
            "output.a_b < output.aB",
            {"properties": {"a_b": {"type": "number"}, "aB": {"type": "number"}}},
            {"a_b": 1, "aB": 2},
        ),
        ("output.a == 1.0", {"allOf": [{"properties": {"a": {"type": "number"}}}, {"required": ["a"]}]}, {"a": 1}),
        ("output.x.sum() == 0", {"properties": {"x": {"type": "array", "items": {"type": "integer"}}}}, {"x": []}),
        (
            "output.matrix[1][0] == 3",
            {"properties": {"matrix": {"items": {"items": {"type": "integer"}}}}},
            {"matrix": [[], [3]]},
        ),
    ],
)
def test_every_kind_of_output_has_rules(source, schema, output):
    """Labels and texts are strings, tool calls have a name and open arguments; arrays, maps and odd names work too."""
    output = {"name": "book", "arguments": {"seats": 2, "city": "Rome"}} if output is None else output

    assert value_of(source, output, output_schema=schema) is True


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


def test_huge_integers_become_doubles():
    """An integer outside 64 bits, which CEL cannot hold, spoils no rule."""
    output = {"total": 2**70, "count": 2**70, "extra": {"deep": [{"n": -(2**70)}]}, "merchant": "a"}

    assert value_of("output.total > 1e20 && output.extra.deep[0].n < 0 && output.merchant == 'a'", output) is True


def test_activation_changes_nothing_of_the_callers():
    """The given input and output stay as they are."""
    output = {"total": 12, "items": [{"price": 1}]}
    activation({}, output, input_schema=INPUT, output_schema=OUTPUT)

    assert repr(output) == "{'total': 12, 'items': [{'price': 1}]}"


LONG = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "integer"}}}}


def test_loops_are_bounded():
    """More than 10,000 iterations are an error, nested loops counted together."""
    for source, length in (("output.l.all(i, i > 0)", 10_001), ("output.l.all(i, output.l.all(j, j > 0))", 101)):
        assert "10,000 times" in str(value_of(source, {"l": [1] * length}, output_schema=LONG))


@pytest.mark.parametrize(
    "source", ["output.l.map(i, i).size() > 0", "output.l.filter(i, i > 0).size() > 0", "output.l.sum() > 0"]
)
def test_copying_loops_take_shorter_lists(source):
    """Rules with map, filter or sum, which CEL runs in quadratic time, refuse long lists; other rules do not mind."""
    assert value_of(source, {"l": [1] * ELEMENTS_MAX}, output_schema=LONG) is True
    assert "2,001 elements" in str(value_of(source, {"l": [1] * (ELEMENTS_MAX + 1)}, output_schema=LONG))
    assert value_of("output.l[0] == 1", {"l": [1] * 200_000}, output_schema=LONG) is True


def test_sums_count_against_the_budget():
    """A sum within a loop cannot multiply the work beyond the 10,000 iterations."""
    assert "10,000 times" in str(
        value_of("output.l.all(i, output.l.sum() > i)", {"l": [1] * 2_000}, output_schema=LONG)
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("'" + "a" * SOURCE_BYTES_MAX + "' == 'a'", "the limit is 4,096"),
        ("(" * 40 + "true" + ")" * 40, "nested deeper than 32"),
        ("[" * 2_000, "nested deeper than 32"),
        ("+".join(["1"] * 1_000) + " == 1", "nested deeper than 32"),
        ("output" + ".extra" * 600 + " == 1", "nested deeper than 32"),
        (
            "[input.text]" + ".map(a, a + a)" * 14 + ".size() > 1",
            "only one map() of a rule may join texts or lists with +",
        ),
        ("[[1]]" + ".map(a, a + a)" * 14 + ".size() > 1", "only one map() of a rule may join texts or lists with +"),
        ("[output.extra.a]" + ".map(a, a + a)" * 2 + ".size() > 1", "only one map()"),
        ("[input.text].map(a, [a + a].map(b, b + b)).size() > 1", "only one map()"),
        ("input.text" + ".replace('\\x61', 'aa')" * 20 + " == ''", "replace() takes two literals"),
        ("input.text.replace('a', input.text) == ''", "replace() takes two literals"),
        ("input.text.replace('', 'bb') == ''", "replace() takes two literals"),
        ("input.text.split('').join('aa') == ''", "join() is not available"),
        ("'%s%s'.format([input.text, input.text]) == ''", "format() is not available"),
    ],
)
def test_bombs_are_refused_when_the_policy_is_loaded(source, message):
    """Size and nesting are capped, and nothing builds texts or lists of exponential size."""
    assert message in problems_of(source)[0].message


def test_adding_within_map_is_fine():
    """Numbers add up in any number of maps; texts may be joined in one."""
    output = {"items": [{"price": 1, "qty": 2}], "merchant": "a"}

    assert value_of("output.items.map(i, i.price + 1.0).sum() == 2.0 && output.merchant + 'b' == 'ab'", output) is True
    assert value_of("output.items.map(i, i.qty + i.qty).map(q, q + 1).sum() == 5", output) is True
    assert value_of("['x'].map(a, '{' + a + '}') == ['{x}']", output) is True


def test_lists_that_can_be_null_are_typed_too():
    """Such a list is compared with null, and its elements have the fields that the schema gives them."""
    rule = "output.fees == null || math.abs(output.fees.map(f, f.price).sum() - output.total) < 0.01"

    assert value_of(rule, {"fees": None, "total": 1}) is True
    assert value_of(rule, {"fees": [{"price": 1}], "total": 1}) is True
    assert problems_of("output.fees != null && output.fees.all(f, f.prise > 0.0)") == [
        ExpressionProblem(1, 45, "output.fees[] has no field 'prise'", "price")
    ]


def test_replacing_characters_is_fine():
    """`replace` with literals that do not lengthen the text, escapes counted as they are read."""
    assert value_of("double(output.merchant.replace(',', '')) == 1200.0", {"merchant": "1,200"}) is True
    assert value_of("output.merchant.replace('\\n', ' ') == 'a b'", {"merchant": "a\nb"}) is True


def test_hostile_regular_expressions_are_linear():
    """A pattern that would backtrack 2 ** 100,000 times elsewhere is answered."""
    assert value_of("output.merchant.matches('^(a+)+$')", {"merchant": "a" * 100_000 + "!"}) is False


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


NAMES = st.sampled_from(["a", "a_b", "aB", "ABEntry", "items", "items_", "order-id", "in", "é", "", "size", "_x", "9"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _schemas(inner):
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "properties": st.dictionaries(NAMES, inner, max_size=4),
            "additionalProperties": inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "enum": st.lists(JSON, min_size=1, max_size=2),
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/no"]),
        },
    )


SCHEMAS = st.builds(
    lambda root, a: {**root, "$defs": {"a": a}}, *[st.recursive(_schemas(st.booleans()), _schemas, max_leaves=5)] * 2
)


@settings(deadline=None)
@given(SCHEMAS, JSON)
def test_any_schema_and_any_value_can_be_ruled(schema, value):
    """Whatever the schema and whatever the value, rules compile and answer, if only with an error."""
    rule = compile_expression("dyn(output) == dyn(input)", input_schema=schema, output_schema=schema)

    assert isinstance(rule(activation(value, value, input_schema=schema, output_schema=schema)), bool | ExpressionError)
