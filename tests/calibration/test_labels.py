"""Labels that come apart from the traffic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.calibration.labels import Label, joined, parse_labels
from router.problem import Problem
from tests.calibration.logs import a_promising_policy, a_recording

OUTPUT = a_promising_policy().output


def label(**settings: Any) -> dict[str, Label]:
    return {"t1": Label.model_validate({"id": "t1"} | settings)}


def test_an_expected_output_is_what_replies_are_compared_with() -> None:
    """A label says what was right for every tier; other tasks stay as they were."""
    first, second = joined([a_recording(1, expected=...), a_recording(2, expected=...)], label(expected="red"))

    assert first.correct(first.replies["mini"][0], OUTPUT) is True
    assert first.correct(first.replies["large"][0], OUTPUT) is False
    assert second.correct(second.replies["mini"][0], OUTPUT) is None


def test_a_review_is_about_the_output_that_was_taken() -> None:
    """A plain yes or no is about the tier that the task ended at; by name, about that tier's last reply."""
    (ended,) = joined([a_recording(expected=..., tier="mini")], label(correct=True))
    (named,) = joined([a_recording(expected=...)], label(correct={"large": False, "nobody": True}))

    assert ended.replies["mini"][0].correct is True
    assert ended.replies["large"][0].correct is None
    assert named.replies["large"][0].correct is False


def test_a_review_of_nobody_knows_what_changes_nothing() -> None:
    """Where it is not known which output was reviewed, nothing is made up."""
    (told,) = joined([a_recording(expected=...)], label(correct=True))

    assert [reply.correct for replies in told.replies.values() for reply in replies] == [None, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "l.jsonl:2:1: the line is not JSON"),
        (json.dumps({"id": "a"}), "l.jsonl:2:1: the line: say what was `expected`, or what was `correct`"),
        (json.dumps({"id": "", "expected": 1}), "l.jsonl:2:1: id: "),
        (
            json.dumps({"id": "a", "expectd": 1}),
            "l.jsonl:2:1: expectd: there is no such key; did you mean 'expected'?",
        ),
        (
            json.dumps({"id": "a", "text": 1, "label": "b", "by": "me"}),
            "l.jsonl:2:1: the line: there are no keys 'text', 'label', 'by'; there are id, expected, correct",
        ),
        (json.dumps({"id": "a", "correct": "no"}), "l.jsonl:2:1: correct: expected true or false, found the text 'no'"),
    ],
)
def test_a_line_that_is_no_label_is_told_at_its_place(line: str, said: str) -> None:
    """Each mistake has file and line, and the good lines are read."""
    good, *wrong = parse_labels([json.dumps({"id": "a", "expected": None}), line, ""], "l.jsonl")

    assert isinstance(good, Label)
    assert all(isinstance(each, Problem) for each in wrong)
    assert [str(each)[: len(said)] for each in wrong] == [said]
