"""Lines of recorded traffic: what they may say, and what is told of those that say something else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from router.problem import Problem
from router.recorded.recording import LoggedReply, Recording, parse_recordings
from tests.builders import a_policy

OUTPUT = a_policy().output
LABELS = a_policy(output={"labels": ["refund", "other"]}, checks=[]).output
TEXT = a_policy(output={"text": {}}, checks=[]).output


def problems(*lines: str) -> list[str]:
    return [str(read) for read in parse_recordings(lines, "log.jsonl") if isinstance(read, Problem)]


def a_line(**changes: Any) -> str:
    return json.dumps({"id": "t1", "input": {}, "replies": {"mini": {"output": 1}}} | changes)


def test_reads_a_line_for_each_task() -> None:
    """One reply or a list of them, with what is known of it; empty lines are nothing."""
    two = [{"failure": "server"}, {"output": "refund", "confidence": 0.93, "cost_usd": "0.000021", "latency_ms": 640}]
    lines = [a_line(), "", a_line(id="t2", expected="refund", replies={"mini": two}), "\\n"]

    first, second = (read for read in parse_recordings(lines[:3], "log.jsonl"))

    assert isinstance(first, Recording)
    assert isinstance(second, Recording)
    assert (first.id, len(first.replies["mini"])) == ("t1", 1)
    assert [reply.cost_nusd for reply in second.replies["mini"]] == [None, 21_000]
    assert second.correct(second.replies["mini"][1], LABELS) is True


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "the line is not JSON: line 1, column 2: the text ends in the middle of a value"),
        ("[1]", "the line: expected keys with values"),
        (a_line(expectd=1), "expectd: there is no such key; did you mean 'expected'?"),
        (a_line(replies={"mini": {"outptu": 1}}), "replies.mini.outptu: there is no such key; did you mean 'output'?"),
        (a_line(replies={"mini": []}), "replies.mini: expected 1 or more, found 0"),
        (a_line(replies={"mini": {"output": 1, "confidence": 2}}), "replies.mini.confidence: "),
        (a_line(replies={"mini": {"output": 1, "cost_usd": "-1"}}), "replies.mini.cost_usd: "),
        (
            a_line(replies={"mini": {"output": 1, "text": "a"}}),
            "replies.mini: give `output` or the raw `text`, not both",
        ),
        (a_line(created="yesterday"), "created: 'yesterday' is no time; write ISO 8601, such as 2026-11-20T09:30:00Z"),
        ('{"input": {}, "replies": {}}', "the line: the key 'id' is missing"),
    ],
)
def test_tells_what_is_wrong_with_a_line(line: str, said: str) -> None:
    """A mistake is told once, with its line and its place in the line, and what was probably meant."""
    told = [problem for problem in problems(a_line(), line) if said in problem]

    assert [problem.split(": ")[0] for problem in told] == ["log.jsonl:2:1"]


def test_the_other_lines_are_read() -> None:
    """A line that is no recording hides none of the others."""
    reads = list(parse_recordings([a_line(), "{", a_line(id="t2")], "log.jsonl"))

    assert [read.id for read in reads if isinstance(read, Recording)] == ["t1", "t2"]


def test_a_line_may_be_long_and_deep() -> None:
    """What was accepted as an output fits into a line, with its input."""
    deep: Any = 1
    for _ in range(63):
        deep = [deep]
    line = a_line(input={"photo": "x" * 2_000_000}, replies={"mini": {"output": deep}})

    (read,) = parse_recordings([line], "log.jsonl")

    assert isinstance(read, Recording)
    assert read.replies["mini"][0].output == deep


def test_a_number_of_confidence_is_about_every_field() -> None:
    """One number stands for all fields that are there; by field, those that are not named are certain."""
    whole = {"merchant": "ACME", "total": 12.5}
    one, by_field, partly = (
        LoggedReply.model_validate({"output": output, "confidence": confidence})
        for output, confidence in ((whole, 0.9), (whole, {"total": 0.5, "items.0": 0.4}), ({"total": 1}, 0.9))
    )

    assert one.reading(OUTPUT).confidence == {"merchant": 0.9, "total": 0.9}
    assert by_field.reading(OUTPUT).confidence == {"merchant": 1.0, "total": 0.5, "items.0": 0.4}
    assert partly.reading(OUTPUT).confidence == {"total": 0.9}


def test_an_empty_text_is_no_output() -> None:
    """A model that said nothing did not answer, whether the log says so by an output or by a text."""
    empty = [LoggedReply.model_validate({key: ""}).reading(TEXT) for key in ("output", "text")]

    assert [reading.problem for reading in empty] == ["the reply is empty", "the reply is empty"]


def test_a_graders_word_counts_more_than_a_label() -> None:
    """Right is what a grader said, else what says the same as was expected; a failure is never right."""
    recording = Recording.model_validate(json.loads(a_line(expected={"merchant": "ACME", "total": 12.5})))
    said = [
        {"output": {"merchant": "acme", "total": 12.5}},
        {"output": {"merchant": "ACME", "total": 9}},
        {"output": {"merchant": "ACME", "total": 9}, "correct": True},
        {"text": "{"},
        {"failure": "server"},
    ]

    grades = [recording.correct(LoggedReply.model_validate(reply), OUTPUT) for reply in said]

    assert grades == [True, False, True, False, None]


def test_the_day_is_that_of_the_task() -> None:
    """Prices are those of the day the task came, or the newest."""
    assert Recording.model_validate(json.loads(a_line(created="2025-06-01T10:00:00Z"))).day == date(2025, 6, 1)
    assert Recording.model_validate(json.loads(a_line())).day == date.max
