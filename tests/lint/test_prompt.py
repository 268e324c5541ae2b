"""A prompt that shows the model nothing of its task."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.prompt import prompt_doubts
from router.problem import Code
from tests.builders import a_policy

PHOTO = {"type": "object", "properties": {"photo": {"type": "string"}}}


def told(user: str, **changes: Any) -> list[tuple[Any, Code, str]]:
    prompt = {"system": "Read.", "user": user} | changes.pop("prompt", {})
    return [(one.path, one.code, one.message) for one in prompt_doubts(a_policy(prompt=prompt, **changes))]


def test_a_prompt_without_the_input_is_told() -> None:
    """Every task would be asked in the same words, and the model could only guess."""
    assert told("Read this: { text }") == [
        (
            ("prompt", "user"),
            Code.UNLIKELY,
            'the model never sees the input: `user` names none of its fields (text); write one as "{{ text }}"',
        )
    ]


@pytest.mark.parametrize(
    ("user", "changes"),
    [
        ("{{ text }}", {}),
        ("{% if text %}It has a text.{% endif %}", {}),
        ("Read the photo.", {"prompt": {"images": ["photo"]}, "input": {"schema": PHOTO}}),
        ("Tell a joke.", {"input": {"schema": {"type": "object"}}}),
    ],
)
def test_a_prompt_with_its_input_is_sound(user: str, changes: dict[str, Any]) -> None:
    """A field in the template, an image beside it, or an input without fields: nothing is hidden from the model."""
    assert told(user, **changes) == []


def test_examples_that_are_not_there_are_told() -> None:
    """A prompt can show no more than there are, and none that are held out."""
    examples = [{"input": {"text": "a"}, "output": {"merchant": None, "total": 1}, "held_out": n > 1} for n in range(4)]

    assert told("{{ text }}", prompt={"examples": 2}, examples=examples) == []
    ((path, code, said),) = told("{{ text }}", prompt={"examples": 3}, examples=examples)
    assert (path, code) == (("prompt", "examples"), Code.UNLIKELY)
    assert said.startswith("the policy has 2 examples that are not held out")


def test_a_near_miss_in_an_open_object_is_told() -> None:
    """The schema lets any name be there, but hardly one that is another one misspelt."""
    ticket = {"type": "object", "properties": {"title": {"type": "string"}}}
    schema = {"type": "object", "properties": {"ticket": ticket}}

    assert told("{{ ticket.title }}{{ ticket.number }}", input={"schema": schema}) == []
    assert told("{{ ticket.titel }}", input={"schema": schema}) == [
        (("prompt", "user"), Code.UNLIKELY, "the schema of the input knows no field 'ticket.titel'")
    ]
