"""Strict JSON text: what is read, what is refused and with which words, where values stand, how they are written."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.jsontext import INT_MAX, INT_MIN, NotJson, canonical, is_deeper, parse, spans

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(INT_MIN, INT_MAX) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_reads_what_json_writes(value, ascii_only, indent):
    """Any value that the standard library writes is read back as it was."""
    assert repr(parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent))) == repr(value)


@given(st.text(alphabet='{}[]":,\\ntruefals0123456789.eE+-u \t\n', max_size=40))
def test_accepts_no_more_than_the_standard_library(text):
    """What we accept, `json` accepts with the same value; what we refuse is refused with NotJson alone."""
    try:
        value = parse(text)
    except NotJson:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the text is empty"),
        (" \n", "the text is empty"),
        ("```json\n{}\n```", "the text is wrapped in a Markdown fence, not bare JSON"),
        ('Here is: {"a": 1}', "line 1, column 1: expected a JSON value, found 'Here is: {\"a\": 1}'"),
        ('{"a": 1}\nHope it helps', "line 2, column 1: text after the value: 'Hope it helps'"),
        ('{"total": 1,\n "b": {"total": 2}, "total": 3}', "line 2, column 21: duplicate key 'total'"),
        ('{"\\u0061": 1, "a": 2}', "line 1, column 15: duplicate key 'a'"),
        ("[NaN]", "line 1, column 2: NaN is not JSON"),
        ("-Infinity", "line 1, column 1: -Infinity is not JSON"),
        ('["NaN", 1e999]', "line 1, column 9: 1e999 is out of range"),
        ("[1, 9223372036854775808]", "line 1, column 5: 9223372036854775808 is out of range"),
        ('{"a": "\\ud800"}', "line 1, column 8: lone surrogate"),
        ('{"a": "x\udfff"}', "line 1, column 9: lone surrogate"),
        ("[" * 65 + "]" * 65, "line 1, column 65: nested deeper than 64"),
        ('{"a": 1,}', "line 1, column 9: a comma, or nothing, before the closing bracket, found '}'"),
        ("{'a': 1}", "line 1, column 2: JSON writes strings in double quotes, found \"'a': 1}\""),
        ("[True]", "line 1, column 2: JSON writes true in lower case, found 'True]'"),
        ('{"a": "x', "line 1, column 7: the text ends in the middle of a value"),
        ("\ufeff{}", "the text starts with a byte order mark"),
        ("01", "line 1, column 2: text after the value: '1'"),
        ("// x\n{}", "line 1, column 1: JSON has no comments, found '// x'"),
    ],
)
def test_says_what_is_wrong_and_where(text, sentence):
    """A refusal names line, column and reason in words for people."""
    with pytest.raises(NotJson) as refused:
        parse(text)

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', '"\\\\ud800"', '"[[[["', "[" * 64 + "]" * 64, '["' + "[" * 99 + '"]']
)
def test_refuses_no_sound_text(text):
    """Pairs of surrogates, escaped backslashes and brackets within strings are as good as any text."""
    assert parse(text) == json.loads(text)


def test_measures_in_bytes():
    """The size limit counts UTF-8 bytes, not characters."""
    assert parse('"éé"', max_bytes=6) == "éé"
    with pytest.raises(NotJson, match="more than 5 bytes"):
        parse('"éé"', max_bytes=5)


@pytest.mark.parametrize(
    "text", ["9" * 5_000, "-" + "9" * 900_000, "1" * 400 + ".5", "1e400000000000000000", "[" * 900_000]
)
def test_refuses_bombs_before_they_go_off(text):
    """Endless digits and brackets are refused by their size, without being converted or recursed into."""
    with pytest.raises(NotJson):
        parse(text)


def test_finds_the_one_duplicate_among_many_keys():
    """A late duplicate among 50,000 keys is found in one pass."""
    keys = ", ".join(f'"k{n}": 0' for n in range(50_000))
    with pytest.raises(NotJson, match="duplicate key 'k49999'"):
        parse(f'{{{keys}, "k49999": 1}}')


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_spans_hold_the_values(value, ascii_only, indent):
    """Each scalar's slice of the text reads back as that scalar, and every scalar has one."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    found = {path: _read(text, start, end) for path, (start, end) in spans(text).items()}

    assert found == dict(_leaves(value))


def test_spans_leave_out_quotes():
    """A string's span is what stands between its quotes."""
    text = '{"a": ["b", 12, []]}'

    assert {path: text[start:end] for path, (start, end) in spans(text).items()} == {
        ("a", 0): "b",
        ("a", 1): "12",
        ("a", 2): "[]",
    }


@given(VALUES)
def test_canonical_text_reads_back(value):
    """The canonical text holds the value."""
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(TEXTS, VALUES))
def test_canonical_text_does_not_depend_on_order(value):
    """Two objects with the same members have the same canonical text."""
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@pytest.mark.parametrize("value", [math.nan, [math.inf], "\ud800", {"\udfff": 1}, {1, 2}, b"x"])
def test_canonical_refuses_what_json_cannot_hold(value):
    """A fingerprint is never made of something that is not JSON."""
    with pytest.raises(NotJson):
        canonical(value)


def test_nesting_is_measured_in_values_too():
    """Lists and objects count alike, and as many levels as are allowed are not too deep."""
    assert not is_deeper([[1]], 2)
    assert is_deeper([[1]], 1)
    assert is_deeper({"a": [{}]}, 2)


def _read(text, start, end):
    quoted = start > 0 and text[start - 1] == '"' and text[end : end + 1] == '"'
    return json.loads(text[start - 1 : end + 1] if quoted else text[start:end])


def _leaves(value, path=()):
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value
