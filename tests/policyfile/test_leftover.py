"""What is left of a file once what is wrong in it is left out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.cases.case import Case
from router.policy import Policy
from router.policyfile.leftover import leave_out, mistakes_in_the_rest, rest_of
from router.problem import Code
from tests.builders import RECEIPT, TEXT_INPUT

SOUND = {
    "policy": "receipts",
    "prompt": {"system": "Read.", "user": "{{ text }}"},
    "input": {"schema": TEXT_INPUT},
    "output": {"schema": RECEIPT},
    "tiers": ["mini", "large"],
}


def rest(data: Any) -> list[tuple[Any, Code]]:
    with pytest.raises(ValidationError) as why:
        Policy.model_validate(data)
    return [(mistake.path, mistake.code) for mistake in mistakes_in_the_rest(data, why.value)]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (("a", "b"), {"a": {}, "l": [{"c": 1}, 2]}),
        (("a", "some-tag", "b", "float"), {"a": {}, "l": [{"c": 1}, 2]}),
        (("l", 0, "c"), {"a": {"b": 1}, "l": [{}, 2]}),
        (("l", 1), {"a": {"b": 1}, "l": [{"c": 1}, 2]}),
        (("x",), {"a": {"b": 1}, "l": [{"c": 1}, 2]}),
        ((), {"a": {"b": 1}, "l": [{"c": 1}, 2]}),
    ],
)
def test_what_stands_at_a_path_is_left_out(path: Any, left: Any) -> None:
    """A key goes, whatever pydantic puts around it; elements of lists keep their numbers."""
    data = {"a": {"b": 1}, "l": [{"c": 1}, 2]}

    leave_out(data, path)

    assert data == left


def test_the_rest_of_a_case_is_a_case() -> None:
    """What is wrong goes, with what is empty without it, and what is missing is filled in."""
    data = {"name": "one", "input": {"text": "a"}, "replies": {"mini": {"failure": "tiemout"}}, "expect": {"x": 1}}

    left = rest_of(Case, data, {"expect": {"attempts": 1}})

    assert left == Case.model_validate({"name": "one", "input": {"text": "a"}, "expect": {"attempts": 1}})
    assert data["replies"] == {"mini": {"failure": "tiemout"}}


@pytest.mark.parametrize("data", [{"name": "one"}, "a text", None])
def test_too_little_is_no_case(data: Any) -> None:
    """Nothing is said of what nobody can guess."""
    assert rest_of(Case, data, {"expect": {"attempts": 1}}) is None


def test_an_id_that_is_no_text_is_no_name() -> None:
    """Two checks whose ids are wrong are not told to be one and the same, too."""
    true = {"check": "rule", "expression": "true"}

    assert rest(SOUND | {"checks": [true | {"id": 5}, true | {"id": 6}, true | {"id": None}]}) == []
    assert rest(SOUND | {"checks": [true, true]}) == [(("checks", 1), Code.WRONG_VALUE)]


def test_places_are_those_of_the_whole_file() -> None:
    """A check that is left out moves no mistake of those behind it."""
    checks = [{"check": "nothing"}, 5, {"check": "pattern", "matches": "("}]

    assert rest(SOUND | {"checks": checks}) == [(("checks", 2, "matches"), Code.WRONG_PATTERN)]


@pytest.mark.parametrize("data", [5, [], {}, {"tiers": 5, "checks": "schema"}, {"tiers": [5, None], "checks": [None]}])
def test_whatever_stands_in_a_file_is_no_surprise(data: Any) -> None:
    """Where hardly anything is left, nothing more is said."""
    assert rest(data) == []
