"""A task's size, and the states it can be in."""

from __future__ import annotations

from typing import Any

import pytest

from router.task import TaskState
from tests.builders import a_task


@pytest.mark.parametrize(
    ("input", "size"),
    [
        ({}, 0),
        ({"text": "abc"}, 3),
        ({"text": "é🙂"}, 6),
        ({"a": ["xy", {"b": "z"}], "c": None}, 3),
        ({"n": 12.5, "yes": True}, 8),
        ({"text": "abc", "photo": "data:image/png;base64," + "A" * 1_000_000}, 3),
        ({"text": "\ud800"}, 3),
    ],
)
def test_the_size_of_an_input_is_that_of_its_texts(input: dict[str, Any], size: int) -> None:
    """Bytes of texts and numbers at any depth; images count separately, and no text is a surprise."""
    assert a_task(input=input).input_bytes == size


def test_a_task_has_five_ends() -> None:
    """Everything else is on the way."""
    ends = {state.value for state in TaskState if state.terminal}

    assert ends == {"succeeded", "rejected", "dead", "expired", "cancelled"}
    assert not any(TaskState(state).terminal for state in ("ready", "running", "delayed", "review"))
