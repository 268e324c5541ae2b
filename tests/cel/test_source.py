"""The text of a rule: bounded, without bombs, its sums typed."""

from __future__ import annotations

import pytest

from router.cel.source import SOURCE_BYTES_MAX
from tests.rules import problems_of, value_of


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


def test_replacing_characters_is_fine():
    """`replace` with literals that do not lengthen the text, escapes counted as they are read."""
    assert value_of("double(output.merchant.replace(',', '')) == 1200.0", {"merchant": "1,200"}) is True
    assert value_of("output.merchant.replace('\\n', ' ') == 'a b'", {"merchant": "a\nb"}) is True


def test_strings_that_look_like_sums_are_left_alone():
    """Text and comments are no code."""
    assert value_of("'a.sum()' + r'\\.sum()' == 'a.sum()\\\\.sum()' // .sum()", {}) is True
