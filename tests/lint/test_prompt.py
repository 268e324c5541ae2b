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
