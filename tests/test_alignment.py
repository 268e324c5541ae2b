"""Which tokens speak for which field, and what they make of its confidence."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.alignment import field_confidences, text_confidence
from router.call import Token
from router.jsontext import spans

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
LABEL = {"type": "string", "enum": ["refund", "refuse"]}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def tokens(*pieces: tuple[str, float]) -> tuple[str, list[Token]]:
    """Tokens of the given texts and probabilities, and the text that they spell."""
    text = "".join(piece for piece, _ in pieces)
    return text, [Token(text=p, logprob=math.log(sure), size=len(p.encode())) for p, sure in pieces]


def split(text: str, cuts: list[int], logprobs: list[float]) -> list[Token]:
    """Tokens that cut *text* at any bytes, within characters too."""
    data = text.encode()
    ends = [*sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [Token(text="?", logprob=logprobs[n % len(logprobs)], size=size) for n, size in enumerate(sizes)]


def test_only_the_tokens_of_a_value_speak_for_it() -> None:
    """Quotes, braces, keys and blanks may be as unlikely as they like."""
    text, spelled = tokens(
        ('{"', 0.1), ("total", 0.1), ('":', 0.1), (" ", 0.1), ("12", 0.9), (".", 1), ("5", 0.8), ("}", 0.1)
    )

    assert field_confidences(text, spelled, an_object(total=NUMBER)) == {"total": pytest.approx(0.72)}


def test_a_token_that_straddles_a_quote_or_comma_counts_for_the_value() -> None:
    """Tokenizers join a value with the quote before it or the comma after it: such a token is the value's too."""
    text, spelled = tokens(('{"a":', 0.1), (' "Ac', 0.7), ("me", 0.9), ('","', 0.1), ('b":"x"}', 0.6))

    assert field_confidences(text, spelled, an_object(a=TEXT, b=TEXT)) == {"a": 0.7, "b": 0.6}


def test_a_token_over_two_values_counts_for_both() -> None:
    """Where one token holds the end of a value and the start of the next, its doubt is the doubt of both."""
    text, spelled = tokens(("[1", 0.9), ("2,3", 0.5), ("4]", 0.8))

    assert field_confidences(text, spelled, {"items": NUMBER}) == {"0": pytest.approx(0.45), "1": pytest.approx(0.4)}


def test_the_tokens_of_a_closed_value_count_together() -> None:
    """A wrong label may begin with the right token: `ref` is sure, what follows decides."""
    text, spelled = tokens(('{"label":"', 1), ("ref", 0.99), ("und", 0.5), ('"}', 1))

    assert field_confidences(text, spelled, an_object(label=LABEL)) == {"label": pytest.approx(0.495)}


def test_a_free_text_is_as_sure_as_its_least_likely_token() -> None:
    """A long name is not doubtful for being long."""
    text, spelled = tokens(('{"name":"', 1), *[("very ", 0.9)] * 20, ('"}', 1))

    assert field_confidences(text, spelled, an_object(name=TEXT)) == {"name": 0.9}


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["abcd"]},
        {"const": "abcd"},
        {"anyOf": [{"type": "null"}, {"enum": ["abcd"]}]},
        {"oneOf": [{"const": "abcd"}, {"const": "b"}]},
        {"allOf": [{"$ref": "#/$defs/letters"}]},
        {"$ref": "#/$defs/letters"},
    ],
)
def test_a_list_of_values_is_found_wherever_the_schema_states_it(schema: dict[str, Any]) -> None:
    """`enum` and `const` close a value behind references and combinations too."""
    root = {**an_object(a=schema), "$defs": {"letters": {"type": "string", "enum": ["abcd"]}}}
    text, spelled = tokens(('{"a":"', 1), ("ab", 0.5), ("cd", 0.5), ('"}', 1))

    assert field_confidences(text, spelled, root) == {"a": 0.25}


@pytest.mark.parametrize(
    "schema",
    [
        TEXT,
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#/properties/a"},
        {},
        True,
    ],
)
def test_a_text_is_free_unless_the_schema_closes_it(schema: Any) -> None:
    """Nullable texts, and those of which the schema says nothing, are judged as free ones."""
    text, spelled = tokens(('{"a":"', 1), ("ab", 0.5), ("cd", 0.5), ('"}', 1))

    assert field_confidences(text, spelled, an_object(a=schema)) == {"a": 0.5}


@pytest.mark.parametrize("literal", ["null", "true", "false", "-12.5e3", "{}", "[]"])
def test_what_is_no_text_is_closed(literal: str) -> None:
    """Numbers, booleans, null and empty containers take all of their tokens together."""
    nullable = {"type": ["string", "null", "number", "boolean", "object", "array"]}
    text, spelled = tokens(('{"a":', 1), (literal[:1], 0.5), (literal[1:], 0.5), ("}", 1))

    assert field_confidences(text, spelled, an_object(a=nullable)) == {"a": 0.25}


def test_the_text_null_is_a_text() -> None:
    """A merchant that is called `null` is no missing merchant."""
    text, spelled = tokens(('{"a":"', 1), ("nu", 0.5), ("ll", 0.5), ('"}', 1))

    assert field_confidences(text, spelled, an_object(a={"type": ["string", "null"]})) == {"a": 0.5}


def test_an_empty_text_is_as_sure_as_the_quote_that_ends_it() -> None:
    """That nothing stands there is said by the token that closes it."""
    text, spelled = tokens(('{"a":', 1), (' "', 0.9), ('"', 0.4), ("}", 0.1))

    assert field_confidences(text, spelled, an_object(a=TEXT)) == {"a": 0.4}


def test_fields_within_lists_and_objects_have_paths() -> None:
    """Each scalar stands under its dotted path, with places of list elements counted from 0."""
    value = {"items": [{"price": 1}, {"price": 2}], "shop": {"name": "Acme"}}
    schema = an_object(items={"items": an_object(price=NUMBER)}, shop=an_object(name=TEXT))
    text = json.dumps(value)

    found = field_confidences(text, split(text, list(range(len(text))), [0.0]), schema)

    assert found == {"items.0.price": 1.0, "items.1.price": 1.0, "shop.name": 1.0}


def test_an_enum_within_a_list_is_closed() -> None:
    """The schema is followed through lists."""
    text, spelled = tokens(('{"tags":["', 1), ("ref", 0.5), ("und", 0.5), ('"]}', 1))

    assert field_confidences(text, spelled, an_object(tags={"items": LABEL})) == {"tags.0": 0.25}


def test_a_scalar_by_itself_stands_under_no_name() -> None:
    """A reply that is one bare value has the empty path."""
    text, spelled = tokens(('"', 1), ("yes", 0.7), ('"', 1))

    assert field_confidences(text, spelled, TEXT) == {"": 0.7}


def test_a_character_may_be_split_over_tokens() -> None:
    """Sizes are bytes: an emoji in three tokens, and everything after it, stays where it is."""
    text = '{"a":"é🙂","b":"x"}'
    sizes = [6, 2, 1, 1, 2, 7, 1, 2]
    assert sum(sizes) == len(text.encode())
    levels = [1, 1, 0.9, 0.5, 1, 1, 0.8, 1]
    parts = [Token("?", math.log(sure), size) for size, sure in zip(sizes, levels, strict=True)]

    assert field_confidences(text, parts, an_object(a=TEXT, b=TEXT)) == {"a": 0.5, "b": 0.8}


def test_escapes_take_the_room_that_they_are_written_in() -> None:
    r"""`\n` and `\u00e9` are two and six characters of the text, whatever they stand for."""
    text, spelled = tokens(
        ('{"a":"', 1), ("x\\n\\u00", 0.9), ("e9\\", 0.6), ('""', 0.8), (',"b":', 1), ("1", 0.3), ("}", 1)
    )

    assert json.loads(text)["a"] == 'x\né"'
    assert field_confidences(text, spelled, an_object(a=TEXT, b=NUMBER)) == {"a": 0.6, "b": 0.3}


@pytest.mark.parametrize("missing", [1, -1])
def test_tokens_that_do_not_spell_the_text_say_nothing(missing: int) -> None:
    """A token too many or too few shifts everything: no confidence is better than another field's."""
    text, spelled = tokens(('{"a":', 1), ("1", 0.5), ("}", 1))

    assert field_confidences(text + " " * max(0, missing), spelled[: len(spelled) + min(0, missing)], {}) is None
    assert field_confidences(text, [], {}) is None


def test_no_confidence_is_above_certainty() -> None:
    """Providers round: a log-probability just above zero is certain, not more."""
    text, spelled = "[1]", [Token(text="[1]", logprob=0.001, size=3)]

    assert field_confidences(text, spelled, {}) == {"0": 1.0}


KEYS = st.sampled_from(["a", "b", "é", 'q"', "back\\slash"])
TEXTS = st.text('ab é🙂"\\\n\u2028{}[],:', max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
CUTS = st.lists(st.integers(0, 10**6), max_size=30)
LOGPROBS = st.lists(st.floats(-5, 0), min_size=1, max_size=20)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]), CUTS, LOGPROBS)
def test_every_scalar_gets_exactly_the_tokens_that_touch_it(
    value: Any, ascii_only: bool, indent: int | None, cuts: list[int], logprobs: list[float]
) -> None:
    """For any JSON, written in any way and cut into any tokens: who overlaps a value counts, who does not does not."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    parts = split(text, cuts, logprobs)

    found = field_confidences(text, parts, {})

    starts = [sum(t.size for t in parts[:n]) for n in range(len(parts))]
    expected = {}
    for path, (start, end) in spans(text).items():
        first, last = len(text[:start].encode()), max(len(text[:end].encode()), len(text[:start].encode()) + 1)
        own = [t.logprob for s, t in zip(starts, parts, strict=True) if s < last and s + t.size > first]
        level = min(own) if text[start - 1 : start] == '"' else sum(own)
        expected[".".join(map(str, path))] = pytest.approx(math.exp(level), abs=1e-6)
    assert found == expected


def test_free_text_is_judged_without_regard_to_its_length() -> None:
    """The confidence of a text is the geometric mean of its tokens; no tokens, no confidence."""
    _, spelled = tokens(("a", 0.9), ("b", 0.4), ("c", 0.9), ("d", 0.4))

    assert text_confidence(spelled) == pytest.approx(0.6, abs=1e-6)
    assert text_confidence(spelled * 5) == pytest.approx(0.6, abs=1e-6)
    assert text_confidence([]) is None


def test_a_schema_that_refers_to_itself_twice_is_soon_looked_through() -> None:
    """A caller's schema may double at each step of a path; what is looked into does not."""
    deep: Any = "no"
    for _ in range(40):
        deep = {"x": deep}
    text = json.dumps(deep)
    schema = {"$defs": {"a": an_object(x={"anyOf": [{"$ref": "#/$defs/a"}] * 30})}, "$ref": "#/$defs/a"}

    found = field_confidences(text, split(text, list(range(len(text))), [0.0]), schema)

    assert found == {".".join("x" * 40): 1.0}
