"""YAML, strictly: what is read, what is refused and where, and the place of everything in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from router.errors import PolicyInvalid
from router.policyfile.yamlfile import BYTES_MAX, Document, read_yaml
from router.problem import Problem


def read(text: str) -> Any:
    return read_yaml(text, "f.yaml").data


def problems(text: str) -> list[Problem]:
    with pytest.raises(PolicyInvalid) as why:
        read_yaml(text, "f.yaml")
    return [problem for problem in why.value.problems if isinstance(problem, Problem)]


def places(text: str) -> list[tuple[int, int, str]]:
    return [(p.place.line, p.place.column, p.message) for p in problems(text)]


# What is read.


@pytest.mark.parametrize(
    "written",
    [
        "no",
        "yes",
        "on",
        "Off",
        "y",
        "True",
        "1:30",
        "12:30:45",
        "2026-03-01",
        "2026-03-01T10:00:00Z",
        "007",
        "0x1f",
        "0b11",
        "0o17",
        "1_000",
        ".inf",
        "NaN",
        "Null",
        "=",
        "1e",
        "1.2.3",
    ],
)
def test_surprises_of_yaml_1_1_are_texts(written: str) -> None:
    """Norway, the time of day, dates and octal numbers stay what their author wrote."""
    assert read(f"a: {written}") == {"a": written}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-5", -5),
        ("+5", 5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0.25", 0.25),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("'true'", "true"),
        ('"1"', "1"),
    ],
)
def test_plain_scalars_are_what_json_knows(written: str, value: Any) -> None:
    """true, false, null and decimal numbers; whatever is quoted is a text."""
    found = read(f"a: {written}")["a"]

    assert (found, type(found)) == (value, type(value))


def test_keys_are_texts() -> None:
    """A key is the text that stands there, whatever it looks like."""
    assert read("1: a\ntrue: b\nnull: c\nno: d\n1.50: e") == {
        "1": "a",
        "true": "b",
        "null": "c",
        "no": "d",
        "1.50": "e",
    }


@pytest.mark.parametrize("text", ["\ufeffa: 1", "a: 1\r\n", "---\na: 1\n...\n", "%YAML 1.2\n---\na: 1", "{a: 1} # so"])
def test_a_document_may_be_dressed(text: str) -> None:
    """Byte order marks, Windows line ends, document marks and comments change nothing."""
    assert read(text) == {"a": 1}


KEYS = st.text("abcXYZ09_- é🙂:#'\"", min_size=1, max_size=6)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=12).filter(
    lambda text: not re.fullmatch(r"[-+]?[\d.]+[eE][-+]?\d+", text)  # YAML 1.1 writes such texts without quotes
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([None, True, False]))
def test_reads_what_yaml_writes(value: Any, flow: bool | None) -> None:
    """What another writer puts in plain YAML is read as it was, and everything has a place in the file."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    if "&id" in text:
        return

    document = read_yaml(text, "f.yaml")

    assert document.data == value
    assert len(document.keys) == len(document.values) == 1 + _count(value)


def _count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + _count(item) for item in inner)


# What is refused.


def test_every_duplicate_key_is_told_at_its_place() -> None:
    """All of them at once, at the second one, at every level."""
    text = "a: 1\nb: {x: 1, 'x': 2}\na: 2\n"

    assert places(text) == [(2, 11, "'x' is given twice"), (3, 1, "'a' is given twice")]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a: &x 1", 1, 4, "anchors and aliases are not allowed; write the value out"),
        ("a: 1\nb: *a", 2, 4, "anchors and aliases"),
        ("- &a [x, x]\n- &b [*a, *a]\n- [*b, *b]", 1, 3, "anchors and aliases"),
        ("<<: {a: 1}", 1, 1, "merge keys are not allowed"),
        ("a: !!python/object/apply:os.system [id]", 1, 4, "tags are not allowed"),
        ("a: !mine x", 1, 4, "tags are not allowed"),
        ("a: ! 5", 1, 4, "tags are not allowed"),
        ("!!map {a: 1}", 1, 1, "tags are not allowed"),
        ("a: 1\n---\nb: 2", 2, 1, "one document only"),
        ("? [a, b]\n: 1", 1, 3, "a key must be a text"),
        ("? {a: b}\n: 1", 1, 3, "a key must be a text"),
        ("user: {{ text }}", 1, 8, "a text that begins with `{{` or `{%` wants quotes around it"),
        ("p: {system: a, user: {{ text | trim }}}", 1, 23, "a text that begins with `{{` or `{%` wants quotes"),
        ("user: {{ text }} please", 1, 18, "not YAML: did not find expected key; a text that begins with `{{` or"),
        ("user: {% if a %}b{% endif %}", 1, 8, "not YAML: found character that cannot start any token; a text that"),
        ("a: " + "[" * 40 + "]" * 40, 1, 35, "nested deeper than 32"),
        ("a: " + "9" * 25, 1, 4, "the number is too long; quote it"),
        ("a: 9223372036854775808", 1, 4, "the number is too long"),
        ("a: 1e999", 1, 4, "the number is too large"),
        ("a: -1e999", 1, 4, "the number is too large"),
        ("a: [1, 2\nb: 3", 2, 2, "not YAML"),
        ("a: b: c", 1, 5, "not YAML: mapping values are not allowed"),
        ("a:\n\tb: 1", 2, 1, "not YAML: found character that cannot start any token"),
        ('a: "\\ud83d"', 1, 7, "not YAML: found invalid Unicode character escape"),
        ("é: 1\nü: \x0b", 2, 4, "not YAML: control characters are not allowed"),
        ("a: \ud800", 1, 1, "not YAML"),
        ("", 1, 1, "the file is empty"),
        ("# nothing\n", 1, 1, "the file is empty"),
    ],
)
def test_what_could_surprise_is_refused_at_its_place(text: str, line: int, column: int, said: str) -> None:
    """Anchors, merge keys, tags, streams, depth, endless numbers and broken syntax each have a sentence and a place."""
    (problem,) = problems(text)

    assert (problem.file, problem.place.line, problem.place.column) == ("f.yaml", line, column)
    assert problem.message.startswith(said)
    assert str(problem).startswith(f"f.yaml:{line}:{column}: {said}")


def test_bombs_are_refused_before_anything_is_built() -> None:
    """A billion laughs, tens of thousands of values, a megabyte and a tower of brackets end in a sentence."""
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

    assert "anchors" in problems(laughs)[0].message
    assert "more than 30,000 values" in problems(f"[{'1,' * 60_000}]")[0].message
    assert "larger than 512 kB" in problems("#" * (BYTES_MAX + 1))[0].message
    assert "nested deeper" in problems("[" * 200_000)[0].message
    assert "nested deeper" in problems("- " * 100_000)[0].message
    assert "nested deeper" in problems("{a: " * 100_000)[0].message
    assert "anchors" in problems("".join(f"a{n}: &x{n} 1\n" for n in range(25_000)))[0].message
    assert "merge keys" in problems("a: {<<: {b: 1}}")[0].message


def test_one_mistake_made_a_thousand_times_is_told_a_hundred_times() -> None:
    """A file of nothing but duplicate keys is refused without a sentence for each of them."""
    assert len(problems("a: 1\n" * 10_000)) == 100


@given(st.text("ab:-[]{}#&*!|>'\"%@` \n\t?,~<é\x00\ud800", max_size=30))
def test_any_text_is_read_or_refused_with_its_places(text: str) -> None:
    """No file is a surprise: there is data, or there are problems that stand in the file."""
    try:
        document = read_yaml(text, "f.yaml")
    except PolicyInvalid as why:
        assert why.problems
        assert all(str(problem).startswith("f.yaml:") for problem in why.problems)
    else:
        assert () in document.keys


# Where things stand.

POLICY = """\
policy: receipts   # so called
prompt:
  system: 'It''s a receipt'
  user: "say \\"{{ text }}\\""
checks:
  - check: rule
    expression: output.total > 0
  - check: rule
    when: "!has(input.text)"
    expression: |

      output.total > 1 &&
        output.tip > 2
  - check: rule
    expression: >-
      output.total > 1 &&
      output.tip > 2

      && true
  - {check: rule, expression: 'output.name == ''x'' && a'}
  - check: rule
    expression: "output.name == \\"x\\" && \\u0061"
  - check: rule
    expression: output.total > 0
      && output.tip > 1
"""
DOCUMENT: Document = read_yaml(POLICY, "policies/p.yaml")


def shown(problem: Problem) -> str:
    """What stands above the caret, to the end of the line."""
    return problem.text[problem.place.column - 1 :]


@pytest.mark.parametrize(
    ("path", "above_caret"),
    [
        ((), "policy: receipts   # so called"),
        (("policy",), "policy: receipts   # so called"),
        (("prompt", "user"), 'user: "say \\"{{ text }}\\""'),
        (("checks", 1), "check: rule"),
        (("checks", 1, "when"), 'when: "!has(input.text)"'),
        (("checks", 3), "{check: rule, expression: 'output.name == ''x'' && a'}"),
        (("checks", 3, "expression"), "expression: 'output.name == ''x'' && a'}"),
    ],
)
def test_a_problem_stands_at_its_key(path: Any, above_caret: str) -> None:
    """Keys and elements are found in every way of writing."""
    assert shown(DOCUMENT.problem(path, "wrong")) == above_caret


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        (("checks", 0, "confidence", "at_least"), ("checks", 0)),
        (("checks", 9, "check"), ("checks",)),
        (("nothing", "here"), ()),
        (("checks", 0, "rule", "expression"), ("checks", 0, "expression")),
    ],
)
def test_what_is_missing_stands_at_what_is_around_it(path: Any, nearest: Any) -> None:
    """A key that is not there, and names that only the reader of the values knows, point to what is there."""
    assert DOCUMENT.problem(path, "wrong").place == DOCUMENT.problem(nearest, "wrong").place


@pytest.mark.parametrize(
    ("path", "line", "column", "above_caret"),
    [
        (("checks", 0, "expression"), 1, 1, "output.total > 0"),
        (("checks", 0, "expression"), 1, 8, "total > 0"),
        (("checks", 1, "when"), 1, 2, 'has(input.text)"'),
        (("checks", 1, "expression"), 2, 1, "output.total > 1 &&"),
        (("checks", 1, "expression"), 2, 18, "&&"),
        (("checks", 1, "expression"), 3, 3, "output.tip > 2"),
        (("checks", 2, "expression"), 1, 8, "total > 1 &&"),
        (("checks", 2, "expression"), 1, 21, "output.tip > 2"),
        (("checks", 2, "expression"), 2, 4, "true"),
        (("checks", 3, "expression"), 1, 16, "''x'' && a'}"),
        (("checks", 3, "expression"), 1, 23, "a'}"),
        (("checks", 4, "expression"), 1, 16, '\\"x\\" && \\u0061"'),
        (("checks", 4, "expression"), 1, 23, '\\u0061"'),
        (("checks", 5, "expression"), 1, 18, "&& output.tip > 1"),
        (("checks", 5, "expression"), 1, 21, "output.tip > 1"),
        (("prompt", "system"), 1, 4, "s a receipt'"),
    ],
)
def test_a_problem_within_a_text_stands_at_its_character(path: Any, line: int, column: int, above_caret: str) -> None:
    """Plain, quoted with escapes, folded and literal: a line and column of the text lead to the line of the file."""
    assert shown(DOCUMENT.problem_in(path, line, column, "wrong")) == above_caret


@pytest.mark.parametrize(("line", "column"), [(2, 1), (1, 9_999), (99, 1)])
def test_a_place_that_cannot_be_told_is_the_beginning_of_the_text(line: int, column: int) -> None:
    """A place beyond the text points at the text itself."""
    assert shown(DOCUMENT.problem_in(("policy",), line, column, "wrong")) == "receipts   # so called"


def test_a_problem_within_a_list_stands_at_its_key() -> None:
    """What is no text has no inside."""
    assert DOCUMENT.problem_in(("checks",), 1, 5, "wrong").place == DOCUMENT.problem(("checks",), "wrong").place


@pytest.mark.parametrize(
    ("line", "column", "above_caret"),
    [(1, 2, "ne.\\nT"), (2, 1, 'Two \\"2'), (2, 9, "and on"), (3, 1, 'Three.\\n"'), (4, 1, '"')],
)
def test_an_escaped_line_end_begins_a_line_of_the_text(line: int, column: int, above_caret: str) -> None:
    """Lines of a text in double quotes may stand in one line of the file, or go on in its next."""
    document = read_yaml('a:\n  b: "One.\\nTwo \\"2\\"\n    and on\\nThree.\\n"\n', "f.yaml")
    assert document.data == {"a": {"b": 'One.\nTwo "2" and on\nThree.\n'}}

    assert shown(document.problem_in(("a", "b"), line, column, "wrong")).startswith(above_caret)


EXPRESSION = st.text("ab &'\"\\=.é🙂", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(EXPRESSION, st.sampled_from(["'", '"', "|", ">"]), st.data())
def test_every_character_of_a_text_is_found_in_the_file(text: str, style: str, data: st.DataObject) -> None:
    """Whatever the text and its quotes: the caret stands under the character, or under its escape."""
    written = {
        "'": "'" + text.replace("'", "''") + "'",
        '"': '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "|": f"|\n    {text}",
        ">": f">\n    {text}",
    }[style]
    document = read_yaml(f"a:\n  b: {written}\n", "f.yaml")
    assert document.data["a"]["b"].rstrip("\n") == text
    column = data.draw(st.integers(1, len(text)))

    above_caret = shown(document.problem_in(("a", "b"), 1, column, "wrong"))

    character = text[column - 1]
    expected = {
        "'": "''" if character == "'" else character,
        '"': "\\" + character if character in '"\\' else character,
    }
    assert above_caret.startswith(expected.get(style, character))
