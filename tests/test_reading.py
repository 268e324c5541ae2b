"""What a reply is read as, and what is no such reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.call import FinishReason, Reply, Token, ToolCall
from router.output import Formed, Output, Turn
from router.reading import Reading, read
from tests.builders import RECEIPT, a_reply

SCHEMA = Output.model_validate({"schema": RECEIPT})
LABELS = Output.model_validate({"labels": ["refund", "exchange"]})
TEXT = Output.model_validate({"text": {}})
TOOLS = Output.model_validate({"tools": [{"name": "call_off", "parameters": {"type": "object"}}]})
KINDS = [SCHEMA, LABELS, TEXT, TOOLS]


def called(*calls: tuple[str, str], **changes: Any) -> Reply:
    return Reply(tool_calls=tuple(ToolCall(name=n, arguments=a) for n, a in calls), **changes)


def test_json_is_read_with_the_confidence_of_each_field() -> None:
    """The output is the parsed value; tokens become confidences of its fields."""
    reading = read(SCHEMA, a_reply({"merchant": "ACME", "total": 1}, sure=0.5))

    assert reading.output == {"merchant": "ACME", "total": 1}
    assert reading.confidence == {"merchant": 0.5, "total": 0.5}
    assert reading.problem is None


def test_a_label_is_read_as_the_bare_string() -> None:
    """The object around a label is for the wire only; the confidence is the label's."""
    reading = read(LABELS, a_reply({"label": "refund"}, sure=0.9))

    assert reading.output == "refund"
    assert reading.confidence == {"label": 0.9}


@pytest.mark.parametrize(
    "text", ['"refund"', '{"label":"refund","why":"so"}', '{"Label":"refund"}', '["refund"]', "{}", "null"]
)
def test_a_label_in_any_other_form_is_none(text: str) -> None:
    """What is not exactly the object with the label is not searched for one."""
    reading = read(LABELS, a_reply(text))

    assert reading.output is None
    assert reading.problem == 'the reply is not {"label": ...}'
    assert reading.raw == text


def test_text_is_read_as_it_is() -> None:
    """Free text keeps its blanks and braces; its confidence stands under `text`."""
    reading = read(TEXT, a_reply(' {"a": 1}\n', sure=0.8))

    assert (reading.output, reading.confidence) == (' {"a": 1}\n', {"text": 0.8})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('```json\n{"a": 1}\n```', "Markdown fence"),
        ('Sure! {"a": 1}', "expected a JSON value"),
        ('{"a": 1} I hope this helps', "text after the value"),
        ('{"a": 1, "a": 2}', "duplicate key"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": "\\ud83d"}', "lone surrogate"),
        ('{"a": "x', "ends in the middle"),
        ("[" * 100, "nested deeper"),
        ("'a'", "double quotes"),
    ],
)
def test_what_is_not_strict_json_is_a_problem_and_nothing_is_fished_out(text: str, problem: str) -> None:
    """Prose, fences, duplicates and broken text have no output; the text is kept for people and for a repair."""
    reading = read(SCHEMA, a_reply(text))

    assert reading.output is None
    assert reading.problem is not None
    assert reading.problem.startswith("the reply is not JSON: ")
    assert problem in reading.problem
    assert (reading.raw, reading.confidence) == (text, None)


@pytest.mark.parametrize("output", [SCHEMA, LABELS, TEXT])
@pytest.mark.parametrize("text", ["", None])
def test_an_empty_reply_is_a_problem(output: Output, text: str | None) -> None:
    """Where text was asked for, none is no answer: not even for free text."""
    reading = read(output, Reply(text=text))

    assert (reading.output, reading.problem) == (None, "the reply is empty")


def test_a_function_call_is_read_as_name_and_arguments() -> None:
    """The arguments are parsed; providers give no log-probabilities for calls, so there is no confidence."""
    reading = read(TOOLS, called(("call_off", '{"order": "A1"}'), tokens=(Token("x", -0.1, 1),)))

    assert reading.output == {"name": "call_off", "arguments": {"order": "A1"}}
    assert reading.confidence is None


@pytest.mark.parametrize(
    ("reply", "problem", "raw"),
    [
        (called(), "no function was called, exactly one was asked for", None),
        (a_reply("I would call call_off"), "no function was called, exactly one", "I would call call_off"),
        (called(("call_off", "{}"), ("call_off", "{}")), "2 functions were called", "call_off({})\ncall_off({})"),
        (called(("delete_all", "{}")), "there is no function 'delete_all'", "delete_all({})"),
        (called(("call_off", "{")), "the arguments are not JSON: line 1", "call_off({)"),
        (called(("call_off", "")), "the arguments are not JSON: the text is empty", "call_off()"),
        (called(("call_off", '{"a": "\\udc00"}')), "lone surrogate", 'call_off({"a": "\\udc00"})'),
    ],
)
def test_anything_but_one_known_call_is_a_problem(reply: Reply, problem: str, raw: str | None) -> None:
    """No call, two calls, an unknown function and broken arguments are told, with what was written."""
    reading = read(TOOLS, reply)

    assert reading.output is None
    assert reading.problem is not None
    assert problem in reading.problem
    assert reading.raw == raw


@pytest.mark.parametrize("output", KINDS)
def test_a_refusal_is_no_output_whatever_else_came(output: Output) -> None:
    """A model that refuses and answers all the same has refused."""
    reply = a_reply({"label": "refund"}, refusal="I cannot help with that", finish_reason=FinishReason.STOP)

    reading = read(output, reply)

    assert (reading.output, reading.refusal, reading.refused) == (None, "I cannot help with that", True)
    assert reading.raw == '{"label": "refund"}'


def test_a_filtered_reply_is_refused_a_cut_off_one_is_not() -> None:
    """The provider's filter is a refusal, the output limit is not; both keep what they wrote."""
    filtered = read(TEXT, a_reply("Once upon", finish_reason=FinishReason.CONTENT_FILTER))
    cut_off = read(TEXT, a_reply("Once upon", finish_reason=FinishReason.LENGTH))

    assert (filtered.refused, filtered.output) == (True, "Once upon")
    assert (cut_off.refused, cut_off.finish_reason) == (False, FinishReason.LENGTH)


def test_a_reply_without_log_probabilities_has_no_confidence() -> None:
    """None is not 1: who gave no log-probabilities was not certain."""
    for output, value in ((SCHEMA, None), (LABELS, {"label": "refund"}), (TEXT, "hello")):
        assert read(output, a_reply(value, sure=None)).confidence is None


def test_tokens_that_spell_another_text_are_left_out() -> None:
    """Log-probabilities that do not fit the text say nothing of it, and do not spoil the output."""
    reply = a_reply({"merchant": "ACME", "total": 1})
    reading = read(SCHEMA, reply.model_copy(update={"tokens": reply.tokens[1:]}))  # type: ignore[index]

    assert (reading.confidence, reading.output) == (None, {"merchant": "ACME", "total": 1})


@pytest.mark.parametrize(
    ("field", "level"),
    [("total", 0.9), ("items", 0.4), ("items.0", 0.6), ("items.0.price", 0.6), ("tot", None), ("items.2", None)],
)
def test_the_confidence_in_a_field_is_that_of_its_least_sure_part(field: str, level: float | None) -> None:
    """A list or an object is as sure as what is least sure in it; of what is not there nothing is known."""
    reading = Reading(confidence={"total": 0.9, "items.0.price": 0.6, "items.1.price": 0.4, "total_tax": 0.1})

    assert reading.confidence_in(field) == level


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ['{"label":"refund"}', "{}", "[1,2]", '{"merchant":"\\ud800"}', "\ufeff{}", "1e999", "nul", '"\\', "\x00"]
)
REPLIES = st.builds(
    Reply,
    text=st.none() | TEXTS,
    refusal=st.none() | TEXTS,
    tool_calls=st.lists(st.builds(ToolCall, name=TEXTS | st.just("call_off"), arguments=TEXTS), max_size=2).map(tuple),
    finish_reason=st.sampled_from(FinishReason),
    tokens=st.none() | st.lists(st.builds(Token, TEXTS, st.floats(-9, 0), st.integers(0, 9)), max_size=5).map(tuple),
)


@given(st.sampled_from(KINDS), REPLIES)
def test_any_reply_can_be_read_kept_and_read_back(output: Output, reply: Reply) -> None:
    """Nothing that a model writes raises; either there is an output or a problem, and the store can keep both."""
    reading = read(output, reply)

    assert reading.problem is None or reading.output is None
    assert Reading.model_validate_json(reading.model_dump_json()) == reading


# What callers ask for.

FUNCTION = {"name": "call_off", "parameters": {"type": "object"}}
OTHER = {"name": "look_up", "parameters": {"type": "object"}}


def a_turn(**changes: Any) -> Turn:
    return Turn.model_validate({"tools": [FUNCTION, OTHER], **changes})


def test_a_turn_is_text_calls_or_both() -> None:
    """What the model said and what it wants called stand side by side; the confidence is the text's."""
    said = read(a_turn(), a_reply("Hello", sure=0.8))
    both = read(a_turn(), called(("call_off", '{"b": 1, "a": 2}'), ("look_up", "{}"), text="One moment."))
    alone = read(a_turn(), called(("look_up", "{}"), text=""))

    assert (said.output, said.confidence) == ({"text": "Hello", "calls": []}, {"text": 0.8})
    assert both.output == {
        "text": "One moment.",
        "calls": [{"name": "call_off", "arguments": {"b": 1, "a": 2}}, {"name": "look_up", "arguments": {}}],
    }
    assert list(both.output["calls"][0]["arguments"]) == ["b", "a"]
    assert (alone.output["text"], alone.confidence) == (None, None)


@pytest.mark.parametrize(
    ("changes", "names", "problem"),
    [
        ({}, [], "the reply is empty"),
        ({}, ["drop_table"], "there is no function 'drop_table'"),
        ({"tool_choice": "none"}, ["look_up"], "look_up was called, no call was asked for"),
        ({"parallel_tool_calls": False}, ["look_up", "call_off"], "2 functions were called, at most one was asked for"),
        ({"tool_choice": {"name": "look_up"}}, ["call_off"], "look_up was asked for, call_off was called"),
        (
            {"tool_choice": {"name": "look_up"}},
            ["look_up", "call_off"],
            "look_up was asked for, look_up, call_off were called",
        ),
    ],
)
def test_calls_that_were_not_asked_for_are_no_turn(changes: dict[str, Any], names: list[str], problem: str) -> None:
    """The choice of the caller is kept to, or the reply has a problem that says how not."""
    reading = read(a_turn(**changes), called(*((name, "{}") for name in names)))

    assert (reading.output, reading.problem) == (None, problem)


@pytest.mark.parametrize("choice", ["required", {"name": "look_up"}])
def test_a_call_that_is_missing_is_told(choice: Any) -> None:
    """A text in the place of the call that was asked for is no answer."""
    reading = read(a_turn(tool_choice=choice), a_reply("I would rather talk."))

    assert reading.output is None
    assert reading.problem is not None
    assert "no function was called" in reading.problem
    assert reading.raw == "I would rather talk."


def test_arguments_of_a_turn_are_strict_json() -> None:
    """They are parsed like any other output, and never repaired."""
    reading = read(a_turn(), called(("look_up", "{'a': 1}")))

    assert reading.problem is not None
    assert reading.problem.startswith("the arguments of look_up are not JSON")
    assert reading.raw == "look_up({'a': 1})"


def test_a_text_in_a_callers_form_is_read_with_its_own_confidence() -> None:
    """Fields have theirs, and the whole text has what a policy for texts looks at."""
    reading = read(Formed.model_validate({"schema": RECEIPT}), a_reply({"merchant": "ACME", "total": 1}, sure=0.5))

    assert reading.output == {"merchant": "ACME", "total": 1}
    assert reading.confidence == {"merchant": 0.5, "total": 0.5, "text": 0.5}
